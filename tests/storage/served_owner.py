"""A process that owns a served store and does what its stdin says, one word a line:

`fork` makes a child that lives on and prints its pid, `hold` has every command wait for ever, `stall` has
every new connection wait for ever and prints `accepted` for each, `close` stops serving. It prints the
store's URL first, and an answer to each word.
"""

import os
import signal
import sys
import threading

from pynenc_mongo.storage.serving import ServedStore, serve


def main() -> None:
    served = serve()
    print(served.url, flush=True)  # noqa: T201 - the test reads it
    for word in sys.stdin:
        print(obey(word.strip(), served), flush=True)  # noqa: T201


def obey(word: str, served: ServedStore) -> str:
    if word == "fork":
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        return str(child)
    if word == "hold":
        served.store._lock.acquire()
    if word == "stall":
        served._serve = stalled  # type: ignore[method-assign,assignment]
    if word == "close":
        served.close()
    return "done"


def stalled(_connection: object) -> None:
    print("accepted", flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main()
