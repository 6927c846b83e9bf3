"""Each invariant sees what it is about: the controls, first with made-up stores, then with damaged ones."""

from collections.abc import Iterator
from typing import Any

import pytest
from pynenc.invocation.status import InvocationStatus

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.orchestrator.documents import EDGES, EXECUTIONS, INVOCATIONS
from pynenc_mongo.state_backend.documents import HISTORY, RESULTS
from pynenc_mongo.storage import client
from pynenc_mongo.storage.texts import PARTS
from pynenc_mongo.trigger.documents import VALID_CONDITIONS
from tests.faults import invariants, life
from tests.faults.injections import drop
from tests.faults.invariants import INVARIANTS, Invariant, Seen, Step
from tests.faults.life import Told
from tests.faults.quiet import collections_of
from tests.storage.helpers import new_name

ORDER = life.order.task_id.key
GOOD = (
    Step(InvocationStatus.REGISTERED),
    Step(InvocationStatus.PENDING, "runner"),
    Step(InvocationStatus.RUNNING, "runner"),
    Step(InvocationStatus.SUCCESS),
)


def good() -> Seen:
    return Seen(
        told=[Told("order", "1", 1), Told("event", "e", 1)],
        tasks={"1": ORDER},
        statuses={"1": InvocationStatus.SUCCESS},
        histories={"1": list(GOOD)},
        outcomes={"1": "cake"},
        expected={"1": "cake"},
        events={"e": ["2"]},
        parts={"g"},
        named={"g"},
    )


def with_history(*steps: Step, **more: Any) -> dict[str, Any]:
    return {"histories": {"1": list(steps)}, **more}


REGISTERED, PENDING, RUNNING, SUCCESS = GOOD
FAILED, RETRY = Step(InvocationStatus.FAILED), Step(InvocationStatus.RETRY)
# which invariant has to see what
DEFECTS: list[tuple[Invariant, dict[str, Any]]] = [
    (invariants.whoever_was_told_of_it_finds_it, {"tasks": {}}),
    (invariants.every_event_has_its_task, {"events": {}}),
    (invariants.every_outcome_is_whole, {"outcomes": {"1": "half a ca"}}),
    (invariants.every_outcome_is_whole, {"outcomes": {}}),
    (invariants.every_failure_has_its_reason, {"statuses": {"1": FAILED.status}}),
    (invariants.every_named_part_is_there, {"parts": set()}),
    (invariants.every_history_is_a_path, with_history(REGISTERED, RUNNING, SUCCESS)),
    (invariants.every_history_is_a_path, with_history(*GOOD[:2])),
    (invariants.every_history_is_a_path, with_history(*GOOD, PENDING, untold_at_most=1)),
    (invariants.every_history_is_a_path, with_history(*GOOD[:3], RUNNING, SUCCESS, untold_at_most=1)),
    (invariants.every_invocation_ends_once, with_history(*GOOD, SUCCESS)),
    (
        invariants.whoever_runs_it_is_who_took_it,
        with_history(REGISTERED, PENDING, Step(RUNNING.status, "thief"), SUCCESS),
    ),
    (invariants.every_event_has_one_task, {"events": {"e": ["2", "3"]}}),
    (invariants.every_order_is_there_once, {"tasks": dict.fromkeys("123", ORDER)}),
    (invariants.everything_ends, {"statuses": {"1": RETRY.status}}),
    (invariants.nothing_is_left_to_do, {"queued": ["1"]}),
    (invariants.nothing_is_left_to_do, {"satisfied": ["condition"]}),
    (invariants.no_slot_is_held, {"slots": ["1"]}),
    (invariants.no_service_is_held, {"services": ["runner"]}),
    (invariants.every_part_is_named, {"named": set()}),
    (invariants.nobody_waits_for_what_has_ended, {"waiters": ["1"]}),
]


def test_what_is_right_breaks_none() -> None:
    assert not any(invariants.broken(good()).values())
    assert invariants.untold(good()) == 0


@pytest.mark.parametrize(("invariant", "defect"), DEFECTS, ids=lambda each: getattr(each, "__name__", ""))
def test_an_invariant_sees_its_defect(invariant: Invariant, defect: dict[str, Any]) -> None:
    seen = good()
    for name, value in defect.items():
        setattr(seen, name, value)
    assert list(invariant(seen))


def test_each_invariant_has_a_defect() -> None:
    assert {invariant for invariant, _ in DEFECTS} == {each for all_ in INVARIANTS.values() for each in all_}


def test_a_process_that_died_may_leave_one_step_untold() -> None:
    seen = good()
    seen.histories["1"] = [REGISTERED, RUNNING, SUCCESS]
    seen.untold_at_most = 1
    assert not any(invariants.broken(seen).values())
    assert invariants.untold(seen) == 1


@pytest.fixture
def lived(mongomock_url: str) -> Iterator[list[Told]]:
    """What is told of a life that is over; the app is where it was lived."""
    database, told = new_name(), list[Told]()
    with life.at(mongomock_url, database):
        life.live(told.append)
        yield told
    drop(mongomock_url, database)
    client.close_server(mongomock_url)


def test_a_life_without_a_fault_breaks_none(lived: list[Told]) -> None:
    seen = invariants.look(lived)
    assert {column: texts for column, texts in invariants.broken(seen).items() if texts} == {}
    assert [each.what for each in lived] == ["order", "order", "event", "event"]
    assert len(seen.statuses) == 3 * life.ORDERS
    assert len(seen.parts) == 3 * life.ORDERS  # a child's argument and its result, an order's result
    assert invariants.untold(seen) == 0


def test_damaged_stores_break_each(lived: list[Told]) -> None:
    first, second = (each.key for each in lived if each.what == "order")
    event = next(each.key for each in lived if each.what == "event")
    orchestrator, backend = collections_of("orchestrator"), collections_of("state_backend")
    backend.existing(RESULTS).delete_one({"_id": first})
    backend.existing(PARTS).delete_one({})
    backend.existing(HISTORY).delete_one({"invocation_id": first, "status": "pending"})
    backend.existing(HISTORY).update_many(
        {"invocation_id": second, "status": "running"}, {"$set": {"runner_id": "thief"}}
    )
    collections_of("broker").existing(MESSAGES).insert_one({"_id": "m", "invocation_id": first})
    collections_of("trigger").existing(VALID_CONDITIONS).insert_one({"_id": "c"})
    for spec, document in ((EDGES, {"waiter": first}), (EXECUTIONS, {"runner_id": "r", "running": True})):
        orchestrator.existing(spec).insert_one({"_id": "x", **document})
    orchestrator.existing(INVOCATIONS).update_one({"_id": second}, {"$set": {"status": "retry", "slot": "s"}})
    lived.append(Told("event", f"not {event}", 1))
    seen = invariants.look(lived)
    assert [column for column, texts in invariants.broken(seen).items() if not texts] == []
