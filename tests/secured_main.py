"""SecantusDB for a user with the role `readWrite`: `python -m tests.secured_main DIRECTORY PARENT_PID`.

Prints on one line the URL of that user, which names the database that the role is for. GPL-2.0-only, hence in
a process of its own.
"""

import logging
import os
import sys
import threading
from typing import Any

from pymongo import MongoClient

from pynenc_mongo.mongomock_server.process import end_with_parent

USER, PASSWORD, DATABASE = "ann", "hunter2", "shop"


def main(directory: str, parent_pid: int) -> None:
    logging.disable(logging.WARNING)
    end_with_parent(parent_pid, lambda: os._exit(0))
    _make_user(directory)
    server = _started(directory, require_auth=True)
    host = server.uri.partition("://")[2].rstrip("/")
    print(f"mongodb://{USER}:{PASSWORD}@{host}/{DATABASE}", flush=True)  # noqa: T201 - the parent reads it
    threading.Event().wait()


def _make_user(directory: str) -> None:
    """Make the user while nobody is asked who he is."""
    server = _started(directory, require_auth=False)
    with MongoClient[dict[str, Any]](server.uri) as client:
        client[DATABASE].command("createUser", USER, pwd=PASSWORD, roles=["readWrite"])
    server.stop()


def _started(directory: str, *, require_auth: bool) -> Any:
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
