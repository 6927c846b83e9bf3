"""What is noted beside an outcome: the traceback of a failure, what the serializer changed of a result."""

import threading
from typing import Any

import pytest
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.serializer.json_pickle_serializer import JsonPickleSerializer

from pynenc_mongo.state_backend import notes
from tests.commands import CommandLog
from tests.state_backend.helpers import Backend

ONE = InvocationId("invocation one")


class SoldOutError(Exception):
    def __init__(self, item: str, left: int) -> None:
        super().__init__(f"{item}: {left} left")


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_an_exception_comes_back_with_the_traceback_of_its_task(state_backend: Backend) -> None:
    state_backend.set_exception(ONE, raised(ValueError("sold out")))
    (note,) = state_backend.get_exception(ONE).__notes__
    assert note.startswith("Traceback (most recent call last):\n")
    assert note.endswith("    raise error\nValueError: sold out")


def test_a_note_of_its_own_stays_and_is_told_once(state_backend: Backend) -> None:
    error = raised(ValueError("sold out"))
    error.add_note("since Monday")
    state_backend.set_exception(ONE, error)
    own, traceback = state_backend.get_exception(ONE).__notes__
    assert own == "since Monday"
    assert "since Monday" not in traceback


def test_what_cannot_be_rebuilt_says_so(state_backend: Backend) -> None:
    state_backend.set_exception(ONE, raised(SoldOutError("tea", 1)))
    error = state_backend.get_exception(ONE)
    assert type(error) is TypeError
    why, traceback = error.__notes__
    assert why.startswith("the task raised SoldOutError, which pynenc cannot rebuild: ")
    assert traceback.endswith("SoldOutError: tea: 1 left")


def test_neither_costs_a_command(state_backend: Backend, commands: CommandLog) -> None:
    state_backend.set_exception(ONE, ValueError("so that the collection and its indexes are there"))
    commands.clear()
    state_backend.set_exception(ONE, raised(ValueError("sold out")))
    state_backend.get_exception(ONE)
    assert commands.names() == ["update", "find"]


def test_what_the_serializer_changed_is_stored_with_the_result(
    state_backend: Backend, commands: CommandLog
) -> None:
    state_backend.set_result(ONE, "so that the collection is there")
    commands.clear()
    state_backend.set_result(ONE, {7: "tea"})
    assert commands.names() == ["update"]
    outcome = state_backend.get_outcomes([ONE])[ONE]
    assert outcome.exception is None
    assert outcome.result == ('{"7": "tea"}', "key 7 of result is the string '7'")
    assert state_backend.get_outcomes([InvocationId("another")]) == {}


@pytest.mark.parametrize(
    ("result", "changed"),
    [
        ({"a": [1, (2, {3})]}, ""),
        (None, ""),
        (lambda: "tea", "result was the function <lambda> and is None"),
        ({1: "one"}, "key 1 of result is the string '1'"),
        ([["tea", lambda: "tea"]], "result[0][1] was the function <lambda> and is None"),
        ({"brew": lambda: "tea"}, "key 'brew' of result is not there"),
    ],
)
def test_what_the_serializer_changes_is_told(result: Any, changed: str) -> None:
    after = JsonPickleSerializer.deserialize(JsonPickleSerializer.serialize(result))
    assert notes.what_changed(result, after) == changed


def test_a_large_or_deep_result_is_not_looked_through() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    assert notes.what_changed(deep, deep) == ""
    assert notes.what_changed(list(range(10_000)), [*range(9_999), "x"]) == ""


def test_a_traceback_is_bounded() -> None:
    assert len(notes.traceback_of(raised(ValueError("x" * 100_000)))) < 10_000


def test_a_lock_is_no_lock_any_more() -> None:
    assert notes.what_changed(threading.Lock(), None).endswith("lock and is None")
