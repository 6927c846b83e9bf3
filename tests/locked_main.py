"""SecantusDB with one user, `ann`: `python -m tests.locked_main DIRECTORY PARENT_PID`.

Her password is `right`. Prints its URL on one line once it listens. GPL-2.0-only, hence in a process of
its own.
"""

import logging
import os
import sys
import threading
from typing import Any

from pymongo import MongoClient

from pynenc_mongo.mongomock_server.process import end_with_parent


def main(directory: str, parent_pid: int) -> None:
    end_with_parent(parent_pid, lambda: os._exit(0))
    logging.disable(logging.WARNING)
    # nobody may make the first user where a user is asked for
    open_server = _start(directory, require_auth=False)
    with MongoClient[dict[str, Any]](open_server.uri) as client:
        client.admin.command("createUser", "ann", pwd="right", roles=["root"])
    open_server.stop()
    server = _start(directory, require_auth=True)
    print(server.uri, flush=True)  # noqa: T201 - the parent reads it
    threading.Event().wait()


def _start(directory: str, *, require_auth: bool) -> Any:
    from secantus import SecantusDBServer

    server = SecantusDBServer(
        host="127.0.0.1",
        port=0,
        storage_path=f"{directory}/data",
        cache_size="256M",
        replica_set_name=None,
        require_auth=require_auth,
    )
    server.start()
    return server


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
