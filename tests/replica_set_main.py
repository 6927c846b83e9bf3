"""SecantusDB as a replica set of one: `python -m tests.replica_set_main DIRECTORY PARENT_PID [sync]`.

Prints its URL on one line once it listens. With `sync` it writes to its disk before it acknowledges.
GPL-2.0-only, hence in a process of its own.
"""

import logging
import os
import sys
import threading

from pynenc_mongo.mongomock_server.process import end_with_parent


def main(directory: str, parent_pid: int, *, sync: bool) -> None:
    from secantus import SecantusDBServer

    logging.disable(logging.WARNING)
    server = SecantusDBServer(
        host="127.0.0.1",
        port=0,
        storage_path=f"{directory}/data",
        cache_size="256M",
        replica_set_name="rs0",
        sync_on_commit=sync,
    )
    server.start()
    end_with_parent(parent_pid, lambda: os._exit(0))
    print(server.uri, flush=True)  # noqa: T201 - the parent reads it
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sync="sync" in sys.argv[3:])
