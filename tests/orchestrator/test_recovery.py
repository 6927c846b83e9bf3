"""Whatever a runner leaves behind at its death is taken up: by those that recover pending invocations."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.orchestrator import recovery
from pynenc_mongo.orchestrator.documents import INVOCATIONS, encode_record
from pynenc_mongo.storage import verbs
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.commands import CommandLog
from tests.kills import shop
from tests.orchestrator.helpers import HALFWAY, READY
from tests.storage.helpers import in_threads

ELSEWHERE = set(InvocationStatus) - {*READY, *HALFWAY, InvocationStatus.PENDING}
LONG_AGO, JUST_NOW = timedelta(minutes=1), timedelta(seconds=1)
# between the two; pynenc's five seconds may pass between two lines of a test on a slow machine
PENDING_SECONDS = 30.0


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    settings = wiring.settings(
        TestDatabase(TestServer(place[0]), place[1]), {"max_pending_seconds": PENDING_SECONDS}
    )
    with wiring.rewired(shop.app, settings) as rewired:
        yield rewired


def stored(app: Pynenc, count: int) -> list[str]:
    """Return some invocations in the order in which they were registered, none of them queued."""
    group: Any = shop.sell.parallelize([(number,) for number in range(count)])
    broker: Any = app.broker
    broker._collections.existing(MESSAGES).delete_many({})
    return [each.invocation_id for each in group.invocations]


def given(app: Pynenc, ids: list[str], status: InvocationStatus, age: timedelta = LONG_AGO) -> None:
    at = datetime.now(UTC) - age
    record = encode_record(InvocationStatusRecord(status, "dead" if status.value == "pending" else None, at))
    changes = {"$set": {**record, "registered_at": record["status_at"]}}
    orchestrator: Any = app.orchestrator
    orchestrator._collections.existing(INVOCATIONS).update_many({"_id": {"$in": ids}}, changes)


def recover(app: Pynenc) -> list[str]:
    return list(app.orchestrator.get_pending_invocations_for_recovery())


def queued(app: Pynenc) -> list[str]:
    broker: Any = app.broker
    found = broker._collections.existing(MESSAGES).find({}, sort=[("_id", 1)])
    return [message["invocation_id"] for message in found]


def statuses(app: Pynenc, invocation_id: Any) -> list[str]:
    return [each.status_record.status.value for each in app.state_backend.get_history(invocation_id)]


@pytest.mark.parametrize("status", READY)
def test_what_is_ready_and_has_no_message_gets_one(app: Pynenc, status: InvocationStatus) -> None:
    ids = stored(app, 3)
    given(app, ids, status)
    app.broker.route_invocations(ids[1:2], "default", 0.0)  # type: ignore[arg-type]
    assert recover(app) == []
    assert Counter(queued(app)) == Counter(ids)
    assert {app.orchestrator.get_invocation_status(each) for each in ids} == {status}  # type: ignore[arg-type]


@pytest.mark.parametrize("status", HALFWAY)
def test_what_was_halfway_to_being_rerouted_arrives(app: Pynenc, status: InvocationStatus) -> None:
    ids = stored(app, 2)
    given(app, ids, status)
    assert recover(app) == []
    # the first step took them to REROUTED just now, so the second one does not look at them
    assert Counter(queued(app)) == Counter(ids)
    for each in ids:
        record = app.orchestrator.get_invocation_status_record(each)  # type: ignore[arg-type]
        assert (record.status, record.runner_id) == (InvocationStatus.REROUTED, None)
        assert statuses(app, each) == ["registered", "rerouted"]


@pytest.mark.parametrize("status", [*READY, *HALFWAY, InvocationStatus.PENDING])
def test_what_came_there_just_now_is_in_somebodys_hands(app: Pynenc, status: InvocationStatus) -> None:
    """The control: younger than `max_pending_seconds`."""
    ids = stored(app, 2)
    given(app, ids, status, JUST_NOW)
    assert recover(app) == []
    assert queued(app) == []
    assert app.orchestrator.get_invocation_status(ids[0]) == status  # type: ignore[arg-type]


@pytest.mark.parametrize("status", sorted(ELSEWHERE))
def test_all_other_statuses_are_left_alone(app: Pynenc, status: InvocationStatus) -> None:
    ids = stored(app, 2)
    given(app, ids, status)
    assert recover(app) == []
    assert queued(app) == []
    assert app.orchestrator.get_invocation_status(ids[0]) == status  # type: ignore[arg-type]


def test_pending_ones_are_returned_as_ever(app: Pynenc) -> None:
    ids = stored(app, 3)
    given(app, ids, InvocationStatus.PENDING)
    assert sorted(recover(app)) == sorted(ids)
    assert queued(app) == []


def test_one_that_was_retried_long_after_its_registration_is_young(app: Pynenc) -> None:
    ids = stored(app, 1)
    given(app, ids, InvocationStatus.RETRY)
    orchestrator: Any = app.orchestrator
    now = encode_record(InvocationStatusRecord(InvocationStatus.RETRY))
    orchestrator._collections.existing(INVOCATIONS).update_one({"_id": ids[0]}, {"$set": now})
    recover(app)
    assert queued(app) == []


def test_a_message_goes_where_its_task_says(app: Pynenc, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = stored(app, 2)
    given(app, ids, InvocationStatus.REGISTERED)
    routes: list[Any] = []
    monkeypatch.setattr(type(shop.sell), "broker_queue", "tills")
    monkeypatch.setattr(type(shop.sell), "broker_priority", 3.0)
    monkeypatch.setattr(app.broker, "route_invocations", lambda *route: routes.append(route))
    recover(app)
    assert [(sorted(keys), queue, priority) for keys, queue, priority in routes] == [
        (sorted(ids), "tills", 3.0)
    ]


def test_with_a_foreign_broker_nothing_is_guessed(app: Pynenc, monkeypatch: pytest.MonkeyPatch) -> None:
    from pynenc.broker.mem_broker import MemBroker

    ready, halfway = stored(app, 2)
    given(app, [ready], InvocationStatus.REGISTERED)
    given(app, [halfway], InvocationStatus.KILLED)
    foreign = MemBroker(app)
    monkeypatch.setattr(app, "_broker", foreign)
    assert app.broker is foreign
    recover(app)
    assert [foreign.retrieve_invocation(), foreign.retrieve_invocation()] == [halfway, None]


def test_invocations_of_a_task_that_is_not_known_here_stay(app: Pynenc) -> None:
    ids = stored(app, 2)
    given(app, ids, InvocationStatus.REGISTERED)
    orchestrator: Any = app.orchestrator
    elsewhere = {"$set": {"task": TaskId("somewhere.else", "bake").key}}
    orchestrator._collections.existing(INVOCATIONS).update_one({"_id": ids[0]}, elsewhere)
    recover(app)
    assert queued(app) == [ids[1]]


# how much it costs


@pytest.mark.thorough("embedded")
@pytest.mark.parametrize("status", [InvocationStatus.REGISTERED, InvocationStatus.KILLED])
def test_it_takes_the_same_commands_however_many(
    app: Pynenc, commands: CommandLog, status: InvocationStatus
) -> None:
    costs = []
    for count in (2, 150):
        given(app, stored(app, count), status)
        recover(app)  # once: the runner's context
        given(app, stored(app, count), status)
        commands.take()
        recover(app)
        costs.append([str(each) for each in commands.take()])
    assert costs[0] == costs[1]
    assert len(costs[0]) <= (5 if status == InvocationStatus.REGISTERED else 8)


def test_where_nothing_is_left_behind_it_is_three_commands(app: Pynenc, commands: CommandLog) -> None:
    stored(app, 3)
    commands.take()
    recover(app)
    assert [str(each) for each in commands.take()] == ["find orchestrator_invocations"] * 3


def test_a_long_queue_is_not_read_whole(
    app: Pynenc, commands: CommandLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "PAGE_SIZE", 10)
    ids = sorted(stored(app, 100))
    for place, each in enumerate(ids):
        given(app, [each], InvocationStatus.REGISTERED, LONG_AGO - timedelta(milliseconds=place))
    lost = [ids[3], ids[42], ids[99]]
    kept = [each for each in ids if each not in lost]
    app.broker.route_invocations(kept, "default", 0.0)  # type: ignore[arg-type]
    commands.take()
    monkeypatch.setattr("random.randint", lambda first, _: first)
    recover(app)
    assert len(commands.take()) <= 8
    assert queued(app)[len(kept) :] == [ids[3]]
    # each place comes up in its turn, the last one too
    monkeypatch.setattr("random.randint", lambda _, last: last)
    recover(app)
    assert queued(app)[len(kept) :] == [ids[3], ids[99]]
    monkeypatch.setattr("random.randint", lambda *_: 35 - 10)
    recover(app)
    assert queued(app)[len(kept) :] == [ids[3], ids[99], ids[42]]


# others at work meanwhile


def test_one_that_moves_on_meanwhile_is_left_alone(app: Pynenc, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = stored(app, 2)
    given(app, ids, InvocationStatus.KILLED)
    moving: Any = verbs.find_page

    def find_and_move(*args: Any, **options: Any) -> Any:
        page = moving(*args, **options)
        monkeypatch.setattr(recovery, "find_page", moving)
        given(app, ids[:1], InvocationStatus.RUNNING, JUST_NOW)
        return page

    monkeypatch.setattr(recovery, "find_page", find_and_move)
    recover(app)
    assert app.orchestrator.get_invocation_status(ids[0]) == InvocationStatus.RUNNING  # type: ignore[arg-type]
    assert queued(app) == ids[1:]


@pytest.mark.parametrize("status", [InvocationStatus.REGISTERED, InvocationStatus.KILLED])
def test_recoveries_at_once_lose_nothing(app: Pynenc, status: InvocationStatus) -> None:
    ids = stored(app, 20)
    given(app, ids, status)
    in_threads([lambda: recover(app)] * 4)
    counts = Counter(queued(app))
    assert set(counts) == set(ids)
    if status == InvocationStatus.KILLED:
        # one of them moved it, told of it, and queued it
        assert set(counts.values()) == {1}
        assert all(statuses(app, each).count("rerouted") == 1 for each in ids)


def test_a_message_too_many_does_no_harm(app: Pynenc) -> None:
    from benchmarks.life import RUNNER

    (only,) = stored(app, 1)
    app.broker.route_invocations([only, only], "default", 0.0)  # type: ignore[list-item]
    taken = app.orchestrator.get_invocations_to_run(5, RUNNER, lambda: ("default",), lambda _: None)
    assert [each.invocation_id for each in taken] == [only]
