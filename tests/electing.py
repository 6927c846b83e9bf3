"""A replica set of one whose member becomes primary after so many questions; it knows nothing but `hello`."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pynenc_mongo.mongomock_server.messages import HEADER_BYTES, length_in, parse, reply_to


class ElectingServer:
    """Answers `hello` as a secondary `elections` times, and as the primary from then on."""

    def __init__(self, elections: float) -> None:
        self._left = elections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self.url = f"mongodb://{self.address}/?replicaSet=rs0"

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line, line.makefile("rb") as asked:
            while len(header := asked.read(HEADER_BYTES)) == HEADER_BYTES:
                request = parse(header, asked.read(length_in(header)))
                line.sendall(reply_to(request, self._hello()))

    def _hello(self) -> dict[str, Any]:
        self._left -= 1
        elected = self._left < 0
        return {
            "isWritablePrimary": elected,
            "ismaster": elected,
            "secondary": not elected,
            "setName": "rs0",
            "setVersion": 1,
            "hosts": [self.address],
            "me": self.address,
            "localTime": datetime.now(UTC),
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "maxBsonObjectSize": 16 * 1024 * 1024,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "ok": 1.0,
        }


@contextmanager
def electing(elections: float) -> Iterator[ElectingServer]:
    server = ElectingServer(elections)
    threading.Thread(target=server.accept, daemon=True).start()
    try:
        yield server
    finally:
        server.close()
