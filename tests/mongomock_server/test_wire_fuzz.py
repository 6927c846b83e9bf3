"""Whatever comes over the wire: the server neither ends nor hangs, and answers whom it should."""

import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from bson import encode

from pynenc_mongo.mongomock_server import server
from pynenc_mongo.mongomock_server.commands import State
from pynenc_mongo.mongomock_server.messages import MalformedMessageError, Request, parse, reply_to
from pynenc_mongo.mongomock_server.process import MongomockServer
from tests.mongomock_server.fuzz import (
    Fuzz,
    Outcome,
    WrongAnswerError,
    check_answers,
    numbers_in,
    path_in,
    sizes_at_rest,
    sizes_of,
)
from tests.mongomock_server.hostile_messages import DIALOGUE, KINDS, case, framed, message
from tests.plugin.helpers import wait_until

CASES = 1500
# the controls: a fault is met early, and what hangs is known to
FEW_CASES, SOON_SECONDS = 2 * len(KINDS), 0.5
OK = framed(struct.pack("<IB", 0, 0) + encode({"ok": 1.0}), 0)


def test_hostile_messages_harm_nobody_but_their_sender(starting: Callable[[], MongomockServer]) -> None:
    running = starting()
    at_rest = sizes_at_rest(running)
    outcome = Fuzz(running.socket_path, seed=1).run(CASES)
    assert outcome.wrong == []
    assert (outcome.cases, running.is_alive, running.log) == (CASES, True, "")
    assert min(outcome.answers, outcome.silent, outcome.asked_by_witness) > 0
    wait_until(lambda: sizes_of(running)[1:] == at_rest[1:], 10.0, "every connection is closed")


def test_the_dialogue_that_is_spoilt_is_one(starting: Callable[[], MongomockServer]) -> None:
    """Or else every case would be refused for the same reason."""
    fuzz = Fuzz(starting().socket_path, seed=1)
    for number, command in enumerate(DIALOGUE, 1):
        sent = message(command, number)
        answers = fuzz._answers_to(sent)
        check_answers(sent, answers)
        assert len(answers) == 1, command


def test_a_case_is_the_same_each_time() -> None:
    assert [case(1, number) for number in range(50)] == [case(1, number) for number in range(50)]
    assert case(1, 0) != case(2, 0)


# the controls: what the fuzz is there to see


class Harmed:
    """A server that a malformed message harms, in one of some ways."""

    def __init__(self, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._how = how
        self._lines: list[socket.socket] = []
        self._stopped = False
        self.over = threading.Event()
        self._start = server._start
        monkeypatch.setattr(server, "parse", self.parse)
        monkeypatch.setattr(server, "_start", self.start)

    def start(self, line: socket.socket, state: State) -> None:
        if self._stopped:
            self.over.wait()
        self._lines.append(line)
        self._start(line, state)

    def parse(self, header: bytes, body: bytes) -> Request:
        try:
            return parse(header, body)
        except MalformedMessageError:
            if self._how == "it hangs":
                self.over.wait()
            self._stopped = self._how == "it accepts no more"
            if self._how == "it answers somebody else" and self._lines:
                self._lines[0].sendall(OK)  # the witness comes first
            raise


@pytest.mark.parametrize("how", ["it hangs", "it accepts no more", "it answers somebody else"])
def test_a_server_that_a_malformed_message_harms_is_seen(
    how: str, serving: Callable[[State], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    harmed = Harmed(how, monkeypatch)
    assert fuzzed(serving(State())).wrong != []
    harmed.over.set()


def test_a_server_that_nothing_harms_is_seen_to_be_well(serving: Callable[[State], str]) -> None:
    assert fuzzed(serving(State())).wrong == []


@pytest.mark.parametrize("number", [0, 5])
def test_an_answer_to_what_nobody_asked_is_seen(
    number: int, serving: Callable[[State], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply_to_another(request: Request, document: Any, **options: Any) -> bytes:
        return reply_to(Request(number, request.command, is_query=request.is_query), document, **options)

    monkeypatch.setattr(server, "reply_to", reply_to_another)
    assert fuzzed(serving(State())).wrong != []


def test_answers_are_told_from_what_is_none() -> None:
    sent = message({"ping": 1}, 7) + message({"ping": 1}, 8)
    first, second = to(7), to(8)
    assert numbers_in(sent + sent[:20]) == [7, 8]
    for answers in ([], [first], [first, second], [first, first, second]):
        check_answers(sent, answers)
    for wrong in ([second, first], [to(9)], [first[:10]], [framed(b"x" * 9, 0, 2004)]):
        with pytest.raises(WrongAnswerError):
            check_answers(sent, wrong)


def fuzzed(url: str) -> Outcome:
    return Fuzz(path_in(url), seed=1, deadline_seconds=SOON_SECONDS).run(FEW_CASES)


def to(number: int) -> bytes:
    """Return a good answer to the message of a number."""
    return OK[:8] + struct.pack("<i", number) + OK[12:]
