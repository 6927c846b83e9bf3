"""Hostile messages for a mongomock server, by hand: `python -m tests.mongomock_server.fuzz --cases 10000`.

Each is sent on a connection of its own, while a witness has a dialogue on another one, and a driver asks
after each batch. Exits with 1 if a case hangs, ends the server or is answered by what is no answer to it, or
if the witness or the driver gets anything but its own right answers.
"""

import argparse
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import psutil
from bson import decode
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from pynenc_mongo.mongomock_server.process import MongomockServer, start_mongomock_server, url_of
from tests.mongomock_server.hostile_messages import (
    DATABASE,
    HEADER,
    MESSAGE_LIMIT_BYTES,
    OP_MSG,
    OP_REPLY,
    case,
    message,
)

BATCH = 250
LEAVES_EVERY = 7  # cases, of sixteen kinds
DEADLINE_SECONDS = 10.0
WITNESSED = 100
_PAUSE_SECONDS = 0.002


class WrongAnswerError(Exception):
    """What came back is no answer to what was asked."""


@dataclass
class Outcome:
    """What a number of cases gave; `wrong` is what must not be."""

    cases: int = 0
    answers: int = 0
    silent: int = 0  # cases without an answer: the connection was closed
    asked_by_witness: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Fuzz:
    """Sends cases to the server that listens at a path."""

    def __init__(self, path: Path, seed: int, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._path = path
        self._seed = seed
        self._deadline_seconds = deadline_seconds
        self._outcome = Outcome()

    def run(self, cases: int) -> Outcome:
        """Send some cases, in batches; stop where anything is wrong."""
        began = time.monotonic()
        with self._witness():
            for number in range(cases):
                self._try(number)
                if (number + 1) % BATCH == 0 or number + 1 == cases:
                    self._ask_as_a_driver()
                if self._outcome.wrong:
                    break
        self._outcome.seconds = time.monotonic() - began
        return self._outcome

    def _try(self, number: int) -> None:
        kind, sent = case(self._seed, number)
        self._outcome.cases += 1
        try:
            if number % LEAVES_EVERY == 0:
                self._leave(sent)
            answers = self._answers_to(sent)
            check_answers(sent, answers)
        except (OSError, WrongAnswerError) as error:
            self._outcome.wrong.append(f"case {number} ({kind}) of seed {self._seed}: {error!r}")
            return
        self._outcome.answers += len(answers)
        self._outcome.silent += not answers

    def _leave(self, sent: bytes) -> None:
        """Go away without having heard an answer."""
        with connected(self._path, self._deadline_seconds) as line, suppress(BrokenPipeError):
            line.sendall(sent)

    def _answers_to(self, sent: bytes) -> list[bytes]:
        with connected(self._path, self._deadline_seconds) as line:
            with suppress(BrokenPipeError, ConnectionResetError):  # it has seen enough
                half = len(sent) // 2
                for piece in (sent[:half], sent[half:]):
                    line.sendall(piece)
                line.shutdown(socket.SHUT_WR)
            return list(_messages(line, self._deadline_seconds))

    @contextmanager
    def _witness(self) -> Iterator[None]:
        """Have somebody ask all the while whose answers are known."""
        begun, over = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._ask_until, args=(begun, over), daemon=True)
        thread.start()
        begun.wait(self._deadline_seconds)
        try:
            yield
        finally:
            over.set()
            thread.join(self._deadline_seconds)
            if thread.is_alive():
                self._outcome.wrong.append("the witness still waits for an answer")

    def _ask_until(self, begun: threading.Event, over: threading.Event) -> None:
        try:
            with connected(self._path, self._deadline_seconds) as line:
                witness = Witness(line)
                begun.set()
                while not over.wait(_PAUSE_SECONDS):
                    witness.ask()
                    self._outcome.asked_by_witness += 1
                witness.ask()  # what came last would be seen here
        except (OSError, WrongAnswerError) as error:
            self._outcome.wrong.append(f"the witness got {error!r}")

    def _ask_as_a_driver(self) -> None:
        """Store and find as a new client; take away what the cases have stored."""
        limit = round(self._deadline_seconds * 1000)
        try:
            with MongoClient[dict[str, Any]](url_of(self._path.parent), timeoutMS=limit) as client:
                key = client.healthy.things.insert_one({"n": self._outcome.cases}).inserted_id
                found = client.healthy.things.find_one({"_id": key})
                client.drop_database(DATABASE)
        except PyMongoError as error:
            self._outcome.wrong.append(f"a driver got {error!r} after {self._outcome.cases} cases")
            return
        if found != {"_id": key, "n": self._outcome.cases}:
            self._outcome.wrong.append(f"a driver found {found} after {self._outcome.cases} cases")


class Witness:
    """One connection that asks for what it has stored, and reads a cursor to its end again and again."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._number = 0
        self._cursor: Any = 0
        self._next = 0
        documents = [{"_id": number} for number in range(WITNESSED)]
        self._command({"drop": "witnessed"})
        self._expect(self._command({"insert": "witnessed", "documents": documents})["n"], WITNESSED)

    def ask(self) -> None:
        """Ask for one document by its key, and for the next batch of the cursor.

        :raises WrongAnswerError: if an answer is another one's, or not right
        """
        wanted = self._number % WITNESSED
        found = self._command({"find": "witnessed", "filter": {"_id": wanted}})
        self._expect(found["cursor"]["firstBatch"], [{"_id": wanted}])
        if not self._cursor:
            self._next = 0
            question: dict[str, Any] = {"find": "witnessed", "batchSize": 7}
        else:
            question = {"getMore": self._cursor, "collection": "witnessed", "batchSize": 7}
        read = self._command(question)["cursor"]
        batch = read.get("firstBatch", read.get("nextBatch"))
        self._expect(batch, [{"_id": self._next + place} for place in range(len(batch))])
        self._next += len(batch)
        self._cursor = read["id"]
        if not self._cursor:
            self._expect(self._next, WITNESSED)

    def _command(self, command: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._line.sendall(message({**command, "$db": "witness"}, self._number))
        received = next(_messages(self._line, self._line.gettimeout() or DEADLINE_SECONDS), b"")
        _, number = _read(received)
        self._expect(number, self._number)
        answer: dict[str, Any] = decode(received[HEADER.size + 5 :])
        return answer

    def _expect(self, got: object, wanted: object) -> None:
        if got != wanted:
            raise WrongAnswerError(f"question {self._number}: {got!r} instead of {wanted!r}")


def path_in(url: str) -> Path:
    """Return the socket that a server's URL names."""
    return Path(unquote(urlsplit(url).netloc))


@contextmanager
def connected(path: Path, seconds: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(seconds)
        line.connect(str(path))
        yield line


def check_answers(sent: bytes, answers: list[bytes]) -> None:
    """Check that answers are documents, each to a message that was sent as a whole, in their order.

    :raises WrongAnswerError: if not
    """
    asked = iter(numbers_in(sent))
    current = None
    for answer in answers:
        place, number = _read(answer)
        if "ok" not in decode(answer[place:]):
            raise WrongAnswerError(f"{answer[place:]!r} does not say whether it is one")
        while current != number:  # an exhaust cursor has several
            current = next(asked, None)
            if current is None:
                raise WrongAnswerError(f"an answer to {number}, which was not asked, or before")


def numbers_in(sent: bytes) -> list[int]:
    """Return the numbers of the messages that stand whole in some bytes, as far as their lengths can be."""
    numbers, place = [], 0
    while place + HEADER.size <= len(sent):
        length, number, _, _ = HEADER.unpack_from(sent, place)
        if not HEADER.size < length <= min(MESSAGE_LIMIT_BYTES, len(sent) - place):
            break
        numbers.append(number)
        place += length
    return numbers


def _read(answer: bytes) -> tuple[int, int]:
    """Return where the document of an answer begins, and which question it answers."""
    if len(answer) <= HEADER.size:
        raise WrongAnswerError(f"{answer!r} is no message")
    _, _, number, operation = HEADER.unpack_from(answer)
    if operation not in (OP_MSG, OP_REPLY):
        raise WrongAnswerError(f"operation {operation} is no answer")
    return HEADER.size + (5 if operation == OP_MSG else 20), number


def _messages(line: socket.socket, seconds: float) -> Iterator[bytes]:
    """Read messages until the other end closes, all of them within some seconds."""
    ends = time.monotonic() + seconds
    while head := _exactly(line, HEADER.size, ends):
        length = HEADER.unpack(head)[0] if len(head) == HEADER.size else 0
        yield head + _exactly(line, length - HEADER.size, ends) if length > HEADER.size else head


def _exactly(line: socket.socket, count: int, ends: float) -> bytes:
    received = b""
    while len(received) < count:
        line.settimeout(max(0.001, ends - time.monotonic()))
        try:
            piece = line.recv(count - len(received))
        except ConnectionResetError:
            piece = b""
        if not piece:
            break
        received += piece
    return received


class Sizes(NamedTuple):
    """What a server takes of its machine."""

    mib: float
    threads: int
    descriptors: int


def sizes_of(server: MongomockServer) -> Sizes:
    process = psutil.Process(server.pid)
    return Sizes(process.memory_info().rss / 2**20, process.num_threads(), process.num_fds())


def sizes_at_rest(server: MongomockServer) -> Sizes:
    """Return what a server takes that has just started, without a connection."""
    with connected(server.socket_path, DEADLINE_SECONDS) as line:
        line.sendall(message({"ping": 1}, 1))
        next(_messages(line, DEADLINE_SECONDS))
        mib, threads, descriptors = sizes_of(server)
    return Sizes(mib, threads - 1, descriptors - 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mongomock_server.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with start_mongomock_server() as server:
        before = sizes_at_rest(server)
        outcome = Fuzz(server.socket_path, options.seed).run(options.cases)
        after = sizes_at_rest(server) if server.is_alive else before
        wrong = [*outcome.wrong, *server.log.splitlines(), *([] if server.is_alive else ["the server ended"])]
    print(
        f"{outcome.cases} cases of seed {options.seed}, {outcome.seconds:.1f} s: {outcome.answers} answers, "
        f"{outcome.silent} cases closed without one, {outcome.asked_by_witness} rounds of the witness; "
        f"the server: {after.mib - before.mib:+.1f} MiB, {after.threads - before.threads:+d} threads, "
        f"{after.descriptors - before.descriptors:+d} descriptors; wrong: {wrong or 'nothing'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
