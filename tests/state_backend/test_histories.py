"""Histories: every status change, in order, to the microsecond."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.call import Call
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation import DistributedInvocation
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.runner.runner_context import RunnerContext
from pynenc.state_backend.base_state_backend import InvocationHistory

from pynenc_mongo.state_backend.documents import HISTORY
from tests.commands import CommandLog
from tests.state_backend.helpers import MICROSECOND, NOON, Backend, add, history
from tests.storage.helpers import documents_in

RUNNER = RunnerContext("ThreadRunner", "runner")


def bake() -> None:
    """A task."""


def invocations_of(app: Pynenc, count: int) -> list[DistributedInvocation[Any, Any]]:
    """Return invocations that the state backend knows, each with the first one as its parent."""
    call: Call[Any, Any] = Call(app.task(bake))
    first: DistributedInvocation[Any, Any] = DistributedInvocation.isolated(call)
    others = [DistributedInvocation.from_parent(call, first) for _ in range(count - 1)]
    return [first, *others]


def read(batches: Iterator[list[InvocationHistory]]) -> list[list[str]]:
    return [[record.invocation_id for record in batch] for batch in batches]


# written


def test_the_records_of_a_hundred_invocations_take_one_insert(
    mongo_app: Pynenc, state_backend: Backend, commands: CommandLog
) -> None:
    invocations = invocations_of(mongo_app, 100)
    commands.clear()
    record = InvocationStatusRecord(InvocationStatus.REGISTERED)
    mongo_app.state_backend.add_histories(invocations, record, RUNNER)
    assert commands.names("_history").count("insert") == 1
    assert commands.writes().count("insert") == 1
    assert commands.names("_runner_contexts") == ["update"]
    assert all(len(state_backend.get_history(each.invocation_id)) == 1 for each in invocations)


def test_only_a_registration_says_which_invocation_registered_it(
    mongo_app: Pynenc, state_backend: Backend
) -> None:
    first, child = invocations_of(mongo_app, 2)
    for status in (InvocationStatus.REGISTERED, InvocationStatus.PENDING):
        mongo_app.state_backend.add_histories([first, child], InvocationStatusRecord(status), RUNNER)
    said = {
        each.invocation_id: [
            record.registered_by_inv_id for record in state_backend.get_history(each.invocation_id)
        ]
        for each in (first, child)
    }
    assert said == {first.invocation_id: [None, None], child.invocation_id: [first.invocation_id, None]}


def test_one_record_for_several_invocations_takes_one_insert(
    state_backend: Backend, commands: CommandLog
) -> None:
    together = [InvocationId(str(number)) for number in range(50)]
    state_backend._add_histories(together, history("any", NOON))
    assert commands.names("_history") == ["createIndexes", "insert"]
    assert [
        record.invocation_id for each in together for record in state_backend.get_history(each)
    ] == together


def test_a_record_that_is_written_again_is_stored_once(state_backend: Backend) -> None:
    add(state_backend, history("1", NOON), history("1", NOON))
    assert len(state_backend.get_history(InvocationId("1"))) == 1


def test_a_runner_context_is_stored_once_for_many_records(
    mongo_app: Pynenc, state_backend: Backend, commands: CommandLog
) -> None:
    for status in (InvocationStatus.REGISTERED, InvocationStatus.PENDING, InvocationStatus.RUNNING):
        state_backend.add_history(InvocationId("1"), InvocationStatusRecord(status), RUNNER)
    assert commands.names("_runner_contexts") == ["update"]


# read for one invocation


def test_an_invocation_without_records_has_an_empty_history(state_backend: Backend) -> None:
    assert state_backend.get_history(InvocationId("1")) == []


def test_a_history_is_in_the_order_of_its_microseconds(state_backend: Backend) -> None:
    records = [history("1", NOON + number * MICROSECOND) for number in range(20)]
    add(state_backend, *reversed(records))
    add(state_backend, history("2", NOON + 5 * MICROSECOND))
    assert state_backend.get_history(InvocationId("1")) == records


def test_of_two_changes_within_a_microsecond_the_status_says_which_came_first(state_backend: Backend) -> None:
    pending = history("1", NOON, InvocationStatus.PENDING, NOON - 2 * MICROSECOND)
    running = history("1", NOON, InvocationStatus.RUNNING, NOON - MICROSECOND)
    failed = history("1", NOON, InvocationStatus.FAILED, NOON)
    add(state_backend, running, failed, pending)
    assert state_backend.get_history(InvocationId("1")) == [pending, running, failed]


def test_timestamps_come_back_in_utc_and_exact(state_backend: Backend) -> None:
    tokyo = timezone(timedelta(hours=9))
    at, status_at = datetime(2024, 1, 1, 0, 0, 0, 1, tokyo), datetime(2023, 12, 31, 23, 59, 59, 999999, tokyo)
    add(state_backend, history("1", at, status_at=status_at))
    (record,) = state_backend.get_history(InvocationId("1"))
    assert (record.timestamp, record.timestamp.tzinfo) == (at, UTC)
    assert (record.status_record.timestamp, record.status_record.timestamp.tzinfo) == (status_at, UTC)


def test_records_come_back_with_all_they_have(state_backend: Backend) -> None:
    record = InvocationStatusRecord(InvocationStatus.RUNNING, "the runner", NOON)
    made = InvocationHistory("1", record, "the context", "the parent")
    without = InvocationHistory("2", InvocationStatusRecord(InvocationStatus.PENDING, None, NOON), "")
    add(state_backend, made, without)
    assert state_backend.get_history(InvocationId("1")) == [made]
    assert state_backend.get_history(InvocationId("2")) == [without]


# read for a range of time


def test_both_ends_of_a_range_are_included_to_the_microsecond(state_backend: Backend) -> None:
    add(state_backend, *(history(str(number), NOON + number * MICROSECOND) for number in range(5)))
    start, end = NOON + MICROSECOND, NOON + 3 * MICROSECOND
    assert read(state_backend.iter_history_in_timerange(start, end)) == [["1", "2", "3"]]
    assert list(state_backend.iter_invocations_in_timerange(start, end)) == [["1", "2", "3"]]
    assert read(state_backend.iter_history_in_timerange(start, start)) == [["1"]]
    assert list(state_backend.iter_invocations_in_timerange(end, start)) == []


def test_a_range_is_the_same_in_every_time_zone(state_backend: Backend) -> None:
    add(state_backend, history("1", NOON))
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    local = NOON.astimezone().replace(tzinfo=None)
    for instant in (tokyo, local):
        assert read(state_backend.iter_history_in_timerange(instant, instant)) == [["1"]]


def test_a_range_before_1970_works_too(state_backend: Backend) -> None:
    old = datetime(1815, 12, 10, tzinfo=UTC)
    add(state_backend, history("old", old), history("new", NOON))
    assert read(state_backend.iter_history_in_timerange(old, NOON)) == [["old", "new"]]
    assert read(state_backend.iter_history_in_timerange(old, old)) == [["old"]]


def test_records_of_a_range_come_in_time_order_and_whole_batches(state_backend: Backend) -> None:
    add(state_backend, *(history(str(9 - number), NOON + number * MICROSECOND) for number in range(7)))
    batches = read(state_backend.iter_history_in_timerange(NOON, NOON + timedelta(days=1), 3))
    assert batches == [["9", "8", "7"], ["6", "5", "4"], ["3"]]


def test_records_of_one_microsecond_are_neither_lost_nor_repeated_between_batches(
    state_backend: Backend,
) -> None:
    state_backend._add_histories([InvocationId(str(number)) for number in range(5)], history("any", NOON))
    assert read(state_backend.iter_history_in_timerange(NOON, NOON, 2)) == [["0", "1"], ["2", "3"], ["4"]]


def test_each_invocation_of_a_range_comes_once_in_the_order_of_its_first_record_there(
    state_backend: Backend,
) -> None:
    order = ["b", "a", "b", "c", "a", "d", "a", "e"]
    add(state_backend, *(history(each, NOON + number * MICROSECOND) for number, each in enumerate(order)))
    batches = list(state_backend.iter_invocations_in_timerange(NOON, NOON + timedelta(seconds=1), 2))
    assert batches == [["b", "a"], ["c", "d"], ["e"]]
    later = list(state_backend.iter_invocations_in_timerange(NOON + 3 * MICROSECOND, NOON + timedelta(1), 2))
    assert later == [["c", "a"], ["d", "e"]]


@pytest.mark.parametrize("count", [0, 4])
def test_no_batch_is_empty(state_backend: Backend, count: int) -> None:
    add(state_backend, *(history(str(number), NOON) for number in range(count)))
    assert [len(batch) for batch in state_backend.iter_history_in_timerange(NOON, NOON, 2)] == [2] * (
        count // 2
    )
    assert [len(ids) for ids in state_backend.iter_invocations_in_timerange(NOON, NOON, 2)] == [2] * (
        count // 2
    )


def test_writes_while_a_range_is_read_neither_lose_nor_repeat_a_record(state_backend: Backend) -> None:
    seconds = [NOON + timedelta(seconds=number) for number in range(6)]
    add(state_backend, *(history(str(number), at) for number, at in enumerate(seconds)))
    batches = state_backend.iter_history_in_timerange(seconds[0], seconds[5], 2)
    seen = read(iter([next(batches)]))
    add(
        state_backend,
        history("too early", seconds[0] + MICROSECOND),
        history("late", seconds[4] + MICROSECOND),
    )
    documents = state_backend._collections.existing(HISTORY)
    documents.delete_many({"invocation_id": "1"})
    seen.extend(read(batches))
    assert [each for batch in seen for each in batch] == ["0", "1", "2", "3", "4", "late", "5"]


def test_writes_while_invocations_of_a_range_are_read_repeat_none(state_backend: Backend) -> None:
    seconds = [NOON + timedelta(seconds=number) for number in range(6)]
    add(state_backend, *(history(str(number), at) for number, at in enumerate(seconds)))
    batches = state_backend.iter_invocations_in_timerange(seconds[0], seconds[5], 2)
    seen = next(batches)
    add(state_backend, history("0", seconds[3] + MICROSECOND), history("new", seconds[3] + 2 * MICROSECOND))
    for batch in batches:
        seen.extend(batch)
    assert seen == ["0", "1", "2", "3", "new", "4", "5"]


def test_a_range_costs_one_command_a_batch(state_backend: Backend, commands: CommandLog) -> None:
    add(state_backend, *(history(str(number), NOON + number * MICROSECOND) for number in range(6)))
    commands.clear()
    assert len(read(state_backend.iter_history_in_timerange(NOON, NOON + timedelta(1), 4))) == 2
    assert commands.names() == ["find", "find"]
    assert len(documents_in(state_backend._collections.existing(HISTORY))) == 6
