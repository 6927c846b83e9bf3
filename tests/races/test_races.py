"""Eight processes at once: one winner, one receiver. Each race has a control without its atomicity."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import pytest
from pynenc.exceptions import InvocationStatusError
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun
from pynenc.orchestrator.base_orchestrator import BaseOrchestrator

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.orchestrator.documents import EXECUTIONS, INVOCATIONS, encode_record
from tests.orchestrator.helpers import app_at, bake, invocation_of, print_label
from tests.storage.helpers import FORK_OF_THREADS, in_processes, new_name

PROCESSES = 8
FORK = get_context("fork")
TURN_SECONDS = 20

pytestmark = pytest.mark.filterwarnings(FORK_OF_THREADS)


def all_at_once(work: Any, *arguments: Any) -> list[Any]:
    outcomes = in_processes(FORK, PROCESSES, work, *arguments)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes


# a message goes to one caller


def pop_all(url: str, database: str) -> list[str]:
    broker = app_at(url, database).broker
    return list(iter(broker.retrieve_invocation, None))


def pop_in_two_steps(url: str, database: str, turn: Any) -> list[str]:
    broker: Any = app_at(url, database).broker
    messages = broker._collections.existing(MESSAGES)
    found = messages.find_one({})
    turn.wait(TURN_SECONDS)
    messages.delete_many({"_id": found["_id"]})
    return [found["invocation_id"]]


def test_a_message_is_popped_once(place: tuple[str, str]) -> None:
    ids: list[Any] = [f"{number:03d}" for number in range(200)]
    app_at(*place).broker.route_invocations(ids, "default", 0.0)
    popped = all_at_once(pop_all, *place)
    assert Counter(key for keys in popped for key in keys) == Counter(ids)
    assert all(keys == sorted(keys) for keys in popped)


def test_control_a_pop_in_two_steps_delivers_again(place: tuple[str, str]) -> None:
    app_at(*place).broker.route_invocations(["only"], "default", 0.0)  # type: ignore[list-item]
    popped = all_at_once(pop_in_two_steps, *place, FORK.Barrier(PROCESSES))
    assert popped == [["only"]] * PROCESSES


# a registration does not undo what has happened since


def register(url: str, database: str, invocation: Any) -> None:
    app_at(url, database).orchestrator._register_new_invocations([invocation])


def register_by_replacing(url: str, database: str, invocation: Any) -> None:
    orchestrator: Any = app_at(url, database).orchestrator
    found = orchestrator._collections.existing(INVOCATIONS)
    document = found.find_one({"_id": invocation.invocation_id})
    found.replace_one({"_id": document["_id"]}, {**document, "status": "registered"}, upsert=True)


@pytest.mark.parametrize(
    ("registers", "status"),
    [
        pytest.param(register, InvocationStatus.PENDING, id="registering"),
        pytest.param(register_by_replacing, InvocationStatus.REGISTERED, id="control, replacing"),
    ],
)
def test_registering_what_is_registered_changes_nothing(
    place: tuple[str, str], registers: Any, status: InvocationStatus
) -> None:
    orchestrator: Any = app_at(*place).orchestrator
    invocation = invocation_of(bake)
    orchestrator._register_new_invocations([invocation])
    orchestrator._atomic_status_transition(invocation.invocation_id, InvocationStatus.PENDING, "somebody")
    all_at_once(registers, *place, invocation)
    assert orchestrator.get_invocation_status(invocation.invocation_id) == status
    assert orchestrator.count_invocations() == 1


# an invocation has one owner


def claim_pending(url: str, database: str, invocation_id: str, _: Any) -> bool:
    orchestrator: Any = app_at(url, database).orchestrator
    try:
        orchestrator._atomic_status_transition(invocation_id, InvocationStatus.PENDING, new_name("runner"))
    except InvocationStatusError:
        return False
    return True


def claim_pending_in_two_steps(url: str, database: str, invocation_id: str, turn: Any) -> bool:
    orchestrator: Any = app_at(url, database).orchestrator
    record = orchestrator.get_invocation_status_record(invocation_id)
    turn.wait(TURN_SECONDS)
    if not record.status.can_transition_to(InvocationStatus.PENDING):
        return False
    changed = encode_record(record) | {"status": InvocationStatus.PENDING.value}
    orchestrator._collections.existing(INVOCATIONS).update_one({"_id": invocation_id}, {"$set": changed})
    return True


@pytest.mark.parametrize(
    ("claims", "winners"),
    [
        pytest.param(claim_pending, 1, id="one command"),
        pytest.param(claim_pending_in_two_steps, PROCESSES, id="control, two steps"),
    ],
)
def test_one_runner_gets_an_invocation(place: tuple[str, str], claims: Any, winners: int) -> None:
    invocation = invocation_of(bake)
    orchestrator: Any = app_at(*place).orchestrator
    orchestrator._register_new_invocations([invocation])
    turn = FORK.Barrier(PROCESSES)
    assert sum(all_at_once(claims, *place, invocation.invocation_id, turn)) == winners


# of a controlled task one invocation runs at a time


def run_controlled(url: str, database: str, invocations: dict[int, Any], turn: Any, place: Any) -> bool:
    invocation = _own(invocations, place)
    orchestrator: Any = app_at(url, database).orchestrator
    turn.wait(TURN_SECONDS)
    return bool(orchestrator.is_authorize_to_run_by_concurrency_control(invocation))


def run_controlled_as_the_base_class(
    url: str, database: str, invocations: dict[int, Any], turn: Any, place: Any
) -> bool:
    invocation = _own(invocations, place)
    orchestrator: Any = app_at(url, database).orchestrator
    allowed = BaseOrchestrator.is_authorize_to_run_by_concurrency_control(orchestrator, invocation)
    turn.wait(TURN_SECONDS)
    return allowed


def _own(invocations: dict[int, Any], place: Any) -> Any:
    with place.get_lock():
        place.value += 1
        return invocations[place.value]


@pytest.mark.parametrize(
    ("runs", "winners"),
    [
        pytest.param(run_controlled, 1, id="a slot"),
        pytest.param(run_controlled_as_the_base_class, PROCESSES, id="control, the base class"),
    ],
)
def test_one_invocation_of_a_controlled_task_runs(place: tuple[str, str], runs: Any, winners: int) -> None:
    orchestrator: Any = app_at(*place).orchestrator
    invocations = {number: invocation_of(print_label) for number in range(1, PROCESSES + 1)}
    orchestrator._register_new_invocations(list(invocations.values()))
    for invocation in invocations.values():
        orchestrator._atomic_status_transition(invocation.invocation_id, InvocationStatus.PENDING, "runner")
    arguments = (invocations, FORK.Barrier(PROCESSES), FORK.Value("i", 0))
    assert sum(all_at_once(runs, *place, *arguments)) == winners


def test_a_slot_is_free_again_when_its_holder_has_run(place: tuple[str, str]) -> None:
    orchestrator: Any = app_at(*place).orchestrator
    first, second = invocation_of(print_label), invocation_of(print_label)
    orchestrator._register_new_invocations([first, second])

    def move(invocation: Any, status: InvocationStatus) -> None:
        orchestrator._atomic_status_transition(invocation.invocation_id, status, "runner")

    for invocation in (first, second):
        move(invocation, InvocationStatus.PENDING)
    assert orchestrator.is_authorize_to_run_by_concurrency_control(first)
    move(first, InvocationStatus.RUNNING)
    assert not orchestrator.is_authorize_to_run_by_concurrency_control(second)
    move(first, InvocationStatus.SUCCESS)
    assert orchestrator.is_authorize_to_run_by_concurrency_control(second)


# the atomic service runs once at a time


def start_service(url: str, database: str, _: Any) -> bool:
    run = AtomicServiceRun(runner_id=new_name("runner"))
    return app_at(url, database).orchestrator.record_atomic_service_execution_start(run, None)


def start_service_in_two_steps(url: str, database: str, turn: Any) -> bool:
    orchestrator: Any = app_at(url, database).orchestrator
    running = orchestrator.get_active_atomic_service_executions()
    turn.wait(TURN_SECONDS)
    if running:
        return False
    document = {"_id": new_name("run"), "status": AtomicServiceExecutionStatus.RUNNING.value}
    orchestrator._collections.existing(EXECUTIONS).insert_one(document)
    return True


@pytest.mark.parametrize(
    ("starts", "winners"),
    [
        pytest.param(start_service, 1, id="one command"),
        pytest.param(start_service_in_two_steps, PROCESSES, id="control, two steps"),
    ],
)
def test_one_atomic_service_runs(place: tuple[str, str], starts: Any, winners: int) -> None:
    assert sum(all_at_once(starts, *place, FORK.Barrier(PROCESSES))) == winners


def test_those_that_may_not_run_are_recorded_as_blocked(place: tuple[str, str]) -> None:
    all_at_once(start_service, *place, None)
    orchestrator = app_at(*place).orchestrator
    now, hour = datetime.now(UTC), timedelta(hours=1)
    found = orchestrator.get_atomic_service_executions_in_timerange(now - hour, now + hour)
    counted = Counter(execution.status for execution in found)
    assert counted == {
        AtomicServiceExecutionStatus.RUNNING: 1,
        AtomicServiceExecutionStatus.BLOCKED: PROCESSES - 1,
    }


def test_a_crashed_runner_does_not_block_the_service_forever(place: tuple[str, str]) -> None:
    """The peer needs two documents for a start; a crash between them blocks every later one."""
    orchestrator = app_at(*place).orchestrator
    crashed, next_one = AtomicServiceRun(runner_id="crashed"), AtomicServiceRun(runner_id="next")
    assert orchestrator.record_atomic_service_execution_start(crashed, None)
    assert not orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id="early"), None)
    orchestrator.finalize_atomic_service_execution(
        crashed, datetime.now(UTC), AtomicServiceExecutionStatus.ABANDONED, "its runner is gone"
    )
    assert orchestrator.record_atomic_service_execution_start(next_one, None)
