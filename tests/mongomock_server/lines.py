"""Ways to a server: a driver's, and a connection without one; what goes over such a line."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from bson import decode, encode
from pymongo import MongoClient

from pynenc_mongo.mongomock_server.process import MongomockServer

type Client = MongoClient[dict[str, Any]]


@contextmanager
def raw_line(running: MongomockServer) -> Iterator[socket.socket]:
    """A connection without a driver."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5.0)
        line.connect(str(running.socket_path))
        yield line


def message(command: dict[str, Any], *, flags: int = 0) -> bytes:
    body = struct.pack("<IB", flags, 0) + encode(command)
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


def answer(line: socket.socket) -> dict[str, Any]:
    return next_answer(line.makefile("rb"))


def next_answer(stream: IO[bytes]) -> dict[str, Any]:
    length = struct.unpack("<iiii", stream.read(16))[0]
    return decode(stream.read(length - 16)[5:])


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True
