"""SecantusDB in a process of its own: `python -m pytest_pynenc_mongo.secantus_main DIRECTORY PARENT_PID`.

Prints its URL on one line once it listens. SecantusDB is beta and GPL-2.0-only: it is never imported into
a test process.
"""

import logging
import os
import shutil
import sys
import threading

from pynenc_mongo.mongomock_server.process import end_with_parent


def main(directory: str, parent_pid: int) -> None:
    from secantus import SecantusDBServer

    def end() -> None:
        # its data is worth nothing without the tests, and an orderly stop takes two seconds
        shutil.rmtree(directory, ignore_errors=True)
        os._exit(0)

    logging.disable(logging.WARNING)
    # a standalone, not a replica set of one, which would write each change a second time, to its oplog
    server = SecantusDBServer(
        host="127.0.0.1",
        port=0,
        storage_path=f"{directory}/data",
        cache_size="256M",
        replica_set_name=None,
    )
    server.start()
    end_with_parent(parent_pid, end)
    print(server.uri, flush=True)  # noqa: T201 - the parent reads it
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
