"""A server between driver and MongoDB that spoils chosen commands: refuses them, breaks off, loses answers.

A fail point of the server strikes the next so many commands of a name; this one strikes any command a test
likes, on every engine, and can be away altogether. Whoever connects through it needs `directConnection=true`,
which its URL says: a replica set would send the driver past it.
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import IO, Any

from pymongo.uri_parser import parse_uri

from pynenc_mongo.mongomock_server.messages import HEADER_BYTES, Request, length_in, parse, reply_to
from pynenc_mongo.storage import client

# what drivers send by themselves, for which no code of ours can be meant
HANDSHAKES = ("hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "endSessions")

_LONGEST_WAY_SECONDS = 30.0
_OP_MSG, _MORE_TO_COME = 2013, 1 << 1

NOT_PRIMARY, SHUTTING_DOWN, UNAUTHORIZED, NOT_ALLOWED = 10107, 91, 13, 8000
NOT_CONFIRMED, CANNOT_BE_CONFIRMED = 64, 100
_CODE_NAMES = {
    NOT_PRIMARY: "NotWritablePrimary",
    SHUTTING_DOWN: "ShutdownInProgress",
    UNAUTHORIZED: "Unauthorized",
    NOT_ALLOWED: "AtlasError",
    NOT_CONFIRMED: "WriteConcernTimeout",
    CANNOT_BE_CONFIRMED: "UnsatisfiableWriteConcern",
}
_RETRYABLE = (NOT_PRIMARY, SHUTTING_DOWN)


class Broken(Enum):
    """How a connection breaks: before its command reaches the server, or before the answer comes back."""

    BEFORE = auto()
    AFTER = auto()


@dataclass(frozen=True)
class Refused:
    """The server does not run the command, and answers with an error code."""

    code: int

    def answer(self, command: Mapping[str, Any]) -> dict[str, Any]:
        name = _CODE_NAMES.get(self.code, f"Location{self.code}")
        answer = {"ok": 0.0, "errmsg": f"{name}: a test refuses this", "code": self.code, "codeName": name}
        # a server says so itself, of what its driver may retry
        retryable = self.code in _RETRYABLE and "txnNumber" in command
        return answer | ({"errorLabels": ["RetryableWriteError"]} if retryable else {})


@dataclass(frozen=True)
class Unconfirmed:
    """The server runs the command, and answers that no majority has confirmed what it wrote."""

    code: int

    def answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        name = _CODE_NAMES[self.code]
        error = {"code": self.code, "codeName": name, "errmsg": f"{name}: a test does not confirm this"}
        return {**answer, "writeConcernError": error}


@dataclass(frozen=True)
class Delayed:
    """The command reaches the server after some seconds, whoever waits for it or waits no more."""

    seconds: float


@dataclass(frozen=True)
class Ended:
    """The command is carried out; then something ends, and nobody hears of it."""

    end: Callable[[], object]


type Fault = Broken | Refused | Unconfirmed | Delayed | Ended | None
type Judge = Callable[[str, Mapping[str, Any]], Fault]


def nothing(_name: str, _command: Mapping[str, Any]) -> Fault:
    return None


def named(fault: Fault, *names: str) -> Judge:
    """Strike every command that has one of the names."""
    return lambda name, _command: fault if name in names else None


def only(number: int, fault: Fault) -> Judge:
    """Strike the command of this number, from 1, whatever it is."""
    lock, seen = threading.Lock(), iter(range(1, 10**9))

    def judge(_name: str, _command: Mapping[str, Any]) -> Fault:
        with lock:
            return fault if next(seen) == number else None

    return judge


@dataclass
class FaultyServer:
    """What stands before a server; `judge` says of each command what happens to it."""

    upstream: str
    judge: Judge = nothing
    seen: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    on_their_way: set[int] = field(default_factory=set)  # numbers of commands that are being answered
    alone: Collection[str] = ()  # commands of these names are answered one after the other
    port: int = 0
    _listener: socket.socket | None = None
    _lines: set[socket.socket] = field(default_factory=set)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        # a streaming monitor would hear from the server alone that it is primary again, which it always was
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true&serverMonitoringMode=poll"

    def start(self) -> None:
        """Listen, at the port of before if there was one."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        client.server_started(self.url)  # a port that an earlier test's server had may be known as gone
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """Go away: refuse connections, and break those that there are."""
        if self._listener is not None:
            _close(self._listener)
        for line in list(self._lines):
            _close(line)

    def wait_until_idle(self) -> None:
        """Wait until no command is on its way any more.

        :raises TimeoutError: if that does not come to pass
        """
        ends = time.monotonic() + _LONGEST_WAY_SECONDS
        while self.on_their_way:
            if time.monotonic() > ends:
                raise TimeoutError(f"{len(self.on_their_way)} commands are on their way")
            time.sleep(0.01)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listener.accept()
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError), line, _connected(self.upstream) as beyond:
            self._lines |= {line, beyond}
            with line.makefile("rb") as asked, beyond.makefile("rb") as answered:
                while (message := _next(asked)) and self._pass_on(message, line, beyond, answered):
                    pass
        self._lines -= {line}

    def _pass_on(
        self, message: bytes, line: socket.socket, beyond: socket.socket, answered: IO[bytes]
    ) -> bool:
        """Have one command answered; return whether the connection lives on."""
        request = parse(message[:HEADER_BYTES], message[HEADER_BYTES:])
        is_alone = next(iter(request.command)) in self.alone
        self.on_their_way.add(request.number)
        try:
            with self._turn if is_alone else contextlib.nullcontext():
                return self._answer(request, message, line, beyond, answered)
        finally:
            self.on_their_way.discard(request.number)

    def _answer(
        self,
        request: Request,
        message: bytes,
        line: socket.socket,
        beyond: socket.socket,
        answered: IO[bytes],
    ) -> bool:
        fault = self._fault_of(request)
        if fault is Broken.BEFORE:
            return False
        if isinstance(fault, Refused):
            line.sendall(reply_to(request, fault.answer(request.command)))
            return True
        if isinstance(fault, Delayed):
            time.sleep(fault.seconds)
        beyond.sendall(message)
        follows = request.wants_reply
        while follows:
            answer = _next(answered)
            if fault is Broken.AFTER or not answer:
                return False
            if isinstance(fault, Ended):
                fault.end()
                return False
            if isinstance(fault, Unconfirmed):
                answer = reply_to(request, fault.answer(_document_in(answer)))
            line.sendall(answer)
            follows = _more_to_come(answer)
        return True

    def _fault_of(self, request: Request) -> Fault:
        name = next(iter(request.command))
        if name in HANDSHAKES:
            return None
        self.seen.append(name)
        fault = self.judge(name, request.command)
        if fault is not None:
            self.struck.append(name)
        return fault


@contextmanager
def faulty(upstream: str, judge: Judge = nothing, *, alone: Collection[str] = ()) -> Iterator[FaultyServer]:
    """Stand before the server at `upstream` for a while; close our clients of it before the end."""
    server = FaultyServer(upstream, judge, alone=alone)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _next(stream: IO[bytes]) -> bytes:
    """Return the next message, or nothing at the end."""
    header = stream.read(HEADER_BYTES)
    return header + stream.read(length_in(header)) if len(header) == HEADER_BYTES else b""


def _document_in(answer: bytes) -> Mapping[str, Any]:
    return parse(answer[:HEADER_BYTES], answer[HEADER_BYTES:]).command


def _more_to_come(answer: bytes) -> bool:
    """Whether the server sends another answer unasked: a monitor's `hello`, an exhaust cursor."""
    operation, flags = struct.unpack_from("<iI", answer, HEADER_BYTES - 4)
    return operation == _OP_MSG and bool(flags & _MORE_TO_COME)


def _connected(url: str) -> socket.socket:
    host, port = parse_uri(url)["nodelist"][0]
    if port is not None:
        return socket.create_connection((host, port))
    line = socket.socket(socket.AF_UNIX)
    line.connect(host)
    return line


def _close(line: socket.socket) -> None:
    # a shutdown wakes the thread that reads from it, which closing alone does not
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
