"""Run a mongomock server: `python -m pynenc_mongo.mongomock_server` prints its URL and serves until Ctrl-C.

With a directory and a process id it is the child of that process (process.py) and ends with it.
"""

import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pynenc_mongo.mongomock_server.process import (
    SOCKET_NAME,
    end,
    end_on_signals,
    end_with_parent,
    short_directory,
    url_of,
)

if TYPE_CHECKING:
    import socket

_HOW_TO_USE = """\
A mongomock server runs until you press Ctrl-C. Its URL, for this user of this machine:

    {url}

In other terminals:

    export PYNENC__MONGO_URL='{url}'
    pynenc --app=shop.app runner start

or in Python: MongoClient('{url}'), PynencBuilder().mongo(url='{url}');
or in a shell of MongoDB's: mongosh '{url}'
or for tests: pytest --pynenc-mongo-url='{url}'
"""


def main(arguments: list[str]) -> int:
    match arguments:
        case []:
            directory = Path(tempfile.mkdtemp(prefix="pynenc-mongomock-", dir=short_directory()))
            announcement = _HOW_TO_USE.format(url=url_of(directory))
        case [folder, _parent]:
            directory, announcement = Path(folder), "ready"
        case [unknown, *_]:
            print(f"usage: python -m pynenc_mongo.mongomock_server, without {unknown!r}", file=sys.stderr)
            return 2
    end_on_signals(directory)
    try:
        listener = _listen(directory)
    except OSError as error:
        print(f"no Unix socket can be had at {directory / SOCKET_NAME}: {error}", file=sys.stderr)
        return 1
    _announce(announcement, directory)
    if arguments:
        end_with_parent(int(arguments[1]), lambda: end(directory))
    # signals are for the main thread, which waits for nothing else
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    threading.Event().wait()
    return 0


def _announce(announcement: str, directory: Path) -> None:
    try:
        # in one piece: a parent that has read the first half may be gone before the second
        sys.stdout.write(f"{announcement}\n")
        sys.stdout.flush()
    except OSError:
        end(directory)


def _listen(directory: Path) -> "socket.socket":
    # what mongomock and its imports warn of is not for those who only use it
    warnings.simplefilter("ignore")
    from pynenc_mongo.mongomock_server import server

    return server.listen(directory / SOCKET_NAME)


def _serve(listener: "socket.socket") -> None:
    from pynenc_mongo.mongomock_server import server

    server.serve(listener)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
