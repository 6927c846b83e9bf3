"""A dead holder of a task's slot keeps nobody from running: whoever meets it takes it back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.orchestrator.documents import INVOCATIONS, encode_record, slot_of
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.commands import CommandLog
from tests.kills import shop
from tests.storage.helpers import in_threads

RUNNER = RunnerContext(runner_cls="ThreadRunner", runner_id="runner", pid=1, hostname="here")
DEAD, ALIVE = "dead runner", "live runner"
PENDING, RUNNING = InvocationStatus.PENDING, InvocationStatus.RUNNING
LONG_AGO, A_WHILE_AGO = timedelta(minutes=20), timedelta(minutes=2)
RECOVERIES = [
    TaskId("pynenc.core_tasks", f"recover_{status}_invocations") for status in ("pending", "running")
]


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    with wiring.rewired(shop.app, wiring.settings(TestDatabase(TestServer(place[0]), place[1]))) as rewired:
        rewired.register_core_tasks()
        rewired.orchestrator.register_runner_heartbeats([ALIVE, RUNNER.runner_id])
        yield rewired


def held(
    app: Pynenc, holder: Any, status: InvocationStatus, owner: str = DEAD, age: timedelta = LONG_AGO
) -> Any:
    """Have an invocation, its message taken, hold its task's slot since some time."""
    assert app.broker.retrieve_invocation() == holder.invocation_id
    record = encode_record(InvocationStatusRecord(status, owner, datetime.now(UTC) - age))
    limited_by = holder.call.serialized_args_for_concurrency_control(holder.task.conf.running_concurrency)
    record["slot"] = slot_of(holder.task.task_id, limited_by)
    orchestrator: Any = app.orchestrator
    orchestrator._collections.existing(INVOCATIONS).update_one(
        {"_id": holder.invocation_id}, {"$set": record}
    )
    return holder


def run_all(app: Pynenc) -> None:
    """Run what is queued, and what becomes of it, as a runner's loop would."""
    while app.broker.count_invocations():
        for each in app.orchestrator.get_invocations_to_run(1, RUNNER, lambda: ("default",), lambda _: None):
            each.run(RUNNER)


def statuses(app: Pynenc, invocation: Any) -> list[str]:
    history = app.state_backend.get_history(invocation.invocation_id)
    return [each.status_record.status.value for each in history]


@pytest.mark.parametrize("status", [PENDING, RUNNING])
@pytest.mark.parametrize("recovery", RECOVERIES, ids=lambda task_id: task_id.func_name)
def test_a_recovery_that_was_killed_does_not_disable_the_next(
    app: Pynenc, recovery: TaskId, status: InvocationStatus
) -> None:
    task: Any = app.get_task(recovery)
    killed = held(app, task(), status)
    next_one = task()
    run_all(app)
    assert [killed.status, next_one.status] == [InvocationStatus.SUCCESS] * 2
    assert statuses(app, killed)[1:4] == [f"{status.value}_recovery", "rerouted", "pending"]


@pytest.mark.parametrize(
    ("owner", "age"), [(ALIVE, LONG_AGO), (DEAD, A_WHILE_AGO)], ids=["alive", "silent not yet for long"]
)
@pytest.mark.parametrize("status", [PENDING, RUNNING])
def test_a_holder_that_may_be_alive_is_left_alone(
    app: Pynenc, status: InvocationStatus, owner: str, age: timedelta
) -> None:
    """The control."""
    holder = held(app, shop.print_label("till", 1), status, owner, age)
    waits: Any = shop.print_label("till", 2)
    run_all(app)
    assert (holder.status, waits.status) == (status, InvocationStatus.CONCURRENCY_CONTROLLED_FINAL)


def test_a_dead_one_that_holds_the_slot_before_it_runs_gives_it_up(app: Pynenc) -> None:
    """Two were pending; one took the slot and died."""
    killed = held(app, shop.print_label("till", 1), PENDING)
    waits: Any = shop.print_label("till", 2)
    app.orchestrator._atomic_status_transition(waits.invocation_id, PENDING, RUNNER.runner_id)
    assert app.orchestrator.is_authorize_to_run_by_concurrency_control(waits)
    assert statuses(app, killed) == ["registered", "pending_recovery", "rerouted"]


def test_only_what_is_in_the_way_is_taken_back(app: Pynenc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.print_label.conf, "running_concurrency", ConcurrencyControlType.ARGUMENTS)
    in_the_way = held(app, shop.print_label("till", 1), RUNNING)
    beside = held(app, shop.print_label("till", 2), RUNNING)
    again: Any = shop.print_label("till", 1)
    assert app.orchestrator.is_candidate_to_run_by_concurrency_control(again)
    assert (in_the_way.status, beside.status) == (InvocationStatus.REROUTED, RUNNING)


def test_several_that_meet_it_at_once_take_it_back_once(app: Pynenc) -> None:
    killed = held(app, shop.print_label("till", 1), RUNNING)
    waits: Any = shop.print_label("till", 2)
    ask = app.orchestrator.is_candidate_to_run_by_concurrency_control
    in_threads([lambda: ask(waits)] * 4)
    assert statuses(app, killed) == ["registered", "running_recovery", "rerouted"]
    assert ask(waits)


def test_nobody_in_the_way_costs_no_command(app: Pynenc, commands: CommandLog) -> None:
    waits: Any = shop.print_label("till", 1)
    commands.take()
    assert app.orchestrator.is_candidate_to_run_by_concurrency_control(waits)
    assert [each.name for each in commands.take()] == ["find"]


def test_a_recovery_goes_on_after_one_that_moved_on_meanwhile(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pynenc's own would end in its middle, RUNNING for good, and with a live owner."""
    calls: Any = shop.sell(1), shop.sell(2)
    moved_on, stuck = calls
    for each in calls:
        app.broker.retrieve_invocation()
        app.orchestrator._atomic_status_transition(each.invocation_id, PENDING, DEAD)
    app.orchestrator._atomic_status_transition(moved_on.invocation_id, RUNNING, DEAD)
    ids = [each.invocation_id for each in calls]
    monkeypatch.setattr(app.orchestrator, "get_pending_invocations_for_recovery", lambda: iter(ids))
    recovery: Any = app.get_task(RECOVERIES[0])
    invocation = recovery()
    run_all(app)
    assert invocation.status == InvocationStatus.SUCCESS
    assert (moved_on.status, stuck.status) == (RUNNING, InvocationStatus.SUCCESS)
