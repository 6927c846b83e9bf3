"""SecantusDB in a process of its own: `python -m pytest_pynenc_mongo.secantus_main DIRECTORY PARENT_PID`.

Prints its URL on one line once it listens, with the password of its only user: whoever can write a result has
the test process unpickle it. SecantusDB is beta and GPL-2.0-only: it is never imported into a test process.
"""

import logging
import os
import secrets
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from pynenc_mongo.mongomock_server.process import end_with_parent
from pytest_pynenc_mongo import secantus_failpoints

_USER = "pynenc"
# the server goes on writing meanwhile, and a folder that it has just written to stays
_REMOVALS = 100


def started(directory: str, **options: Any) -> Any:
    """Return a server that listens on this machine alone, its data in a directory; `options` are its own."""
    from secantus import SecantusDBServer

    logging.disable(logging.WARNING)
    # a standalone, not a replica set of one, which would write each change a second time, to its oplog
    usual = {"replica_set_name": None, "cache_size": "256M"}
    server = SecantusDBServer(
        host="127.0.0.1", port=0, storage_path=f"{directory}/data", **{**usual, **options}
    )
    server.start()
    return server


def protect(server: Any) -> str:
    """Have a server obey one new user alone, and return that user's URL."""
    from pymongo import MongoClient

    password = secrets.token_urlsafe(32)
    with MongoClient[dict[str, Any]](server.uri) as client:
        client.admin.command("createUser", _USER, pwd=password, roles=["root"], mechanisms=["SCRAM-SHA-256"])
    server.require_auth = True
    host, port = server.address
    return f"mongodb://{_USER}:{password}@{host}:{port}/?authSource=admin"


def main(directory: str, parent_pid: int) -> None:
    def end() -> None:
        # its data is worth nothing without the tests, and an orderly stop takes two seconds
        for _ in range(_REMOVALS):
            shutil.rmtree(directory, ignore_errors=True)
            if not Path(directory).exists():
                break
        os._exit(0)

    secantus_failpoints.install()
    server = started(directory)
    end_with_parent(parent_pid, end)
    print(protect(server), flush=True)  # the parent reads it
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
