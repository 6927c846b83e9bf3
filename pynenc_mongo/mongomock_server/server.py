"""A socket, and one thread for each connection."""

import contextlib
import errno
import socket
import stat
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from pynenc_mongo.mongomock_server.commands import State, run
from pynenc_mongo.mongomock_server.messages import (
    HEADER_BYTES,
    MalformedMessageError,
    Request,
    length_in,
    parse,
    reply_to,
)
from pynenc_mongo.mongomock_server.replies import failure, translated

_BACKLOG = 512
# what passes when others close their connections: file descriptors, memory
_PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED)
_PAUSE_SECONDS = 0.05


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, for this user only.

    :raises OSError: if there can be none
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    listener.listen(_BACKLOG)
    return listener


def serve(listener: socket.socket, state: State | None = None) -> None:
    """Answer every connection until the socket is closed; what cannot be had now waits for others to end."""
    state = state or State()
    while True:
        try:
            line, _ = listener.accept()
        except OSError as error:
            if error.errno not in _PASSING:
                return
            time.sleep(_PAUSE_SECONDS)
            continue
        _start(line, state)


def _start(line: socket.socket, state: State) -> None:
    try:
        threading.Thread(target=_Connection(line, state).serve, daemon=True).start()
    except RuntimeError:  # there can be no more threads: the driver hears of it, and tries again
        line.close()


class _Connection:
    """One client's; what it sends wrongly costs it this connection, and nobody else anything."""

    def __init__(self, line: socket.socket, state: State) -> None:
        self._line = line
        self._state = state
        self._app_name = ""

    def serve(self) -> None:
        self._state.connections += 1
        try:
            with (
                self._line,
                self._line.makefile("rb") as stream,
                contextlib.suppress(OSError, MalformedMessageError),
            ):
                while self._answer_next(stream):
                    pass
        finally:
            self._state.connections -= 1

    def _answer_next(self, stream: IO[bytes]) -> bool:
        """Answer one message; return whether another may follow."""
        header = stream.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return False
        length = length_in(header)
        body = stream.read(length)
        if len(body) < length:
            return False
        request = parse(header, body)
        reply = self._run(request)
        while reply is not None and _goes_on(request, reply):
            self._line.sendall(reply_to(request, reply, more_to_come=True))
            reply = self._run(request)
        if reply is not None and request.wants_reply:
            self._line.sendall(_encoded(request, reply))
        return reply is not None

    def _run(self, request: Request) -> Mapping[str, Any] | None:
        """Return the reply to a request, None where a fail point closes the connection."""
        if request.refused:
            return failure(request.refused)
        try:
            return self._run_or_fail(request.command)
        except Exception as error:  # a handshake or a fail point may hold whatever BSON has
            return failure(translated(error))

    def _run_or_fail(self, command: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if "client" in command:
            self._app_name = command["client"].get("application", {}).get("name", "")
        fault = self._state.fail_points.failure_of(command, self._app_name)
        if fault is not None:
            return self._state.fail_points.fail(fault, partial(run, self._state, command))
        reply = run(self._state, command)
        self._state.fail_points.settle(command)
        return reply


def _goes_on(request: Request, reply: Mapping[str, Any]) -> bool:
    """Whether this is a batch of an exhaust cursor, and the next one is sent without being asked for."""
    return request.takes_several and "getMore" in request.command and bool(reply.get("cursor", {}).get("id"))


def _encoded(request: Request, reply: Mapping[str, Any]) -> bytes:
    try:
        return reply_to(request, reply)
    except Exception as error:  # mongomock may answer with what BSON has not
        return reply_to(request, failure(translated(error)))
