"""What docs/upstream.md says of pynenc, on its own SQLite: a test that fails here is mended there."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pynenc import Pynenc
from pynenc.exceptions import InvocationStatusError, InvocationStatusTransitionError
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceRun
from pynenc.runner.runner_context import RunnerContext
from pynenc.serializer.json_serializer import JsonSerializer
from pynenc.trigger.trigger_builder import TriggerBuilder

from benchmarks.stores import SQLITE
from pytest_pynenc_mongo import wiring
from tests.faults import life
from tests.kills import shop
from tests.storage.helpers import CHILD_SECONDS

DEAD = RunnerContext(runner_cls="ThreadRunner", runner_id="dead", pid=1, hostname="here")
RUNNER = RunnerContext(runner_cls="ThreadRunner", runner_id="runner", pid=2, hostname="here")
RECOVERIES = [
    TaskId("pynenc.core_tasks", f"recover_{status}_invocations") for status in ("pending", "running")
]
REGISTERED, PENDING, RUNNING, RETRY, REROUTED = (
    InvocationStatus.REGISTERED,
    InvocationStatus.PENDING,
    InvocationStatus.RUNNING,
    InvocationStatus.RETRY,
    InvocationStatus.REROUTED,
)
FINAL = InvocationStatus.CONCURRENCY_CONTROLLED_FINAL

# the window in which a runner dies: the statuses that it had set by then
WINDOWS: dict[str, list[InvocationStatus]] = {
    "pop, PENDING": [],
    "CONCURRENCY_CONTROLLED, REROUTED": [InvocationStatus.CONCURRENCY_CONTROLLED],
    "REROUTED, route": [PENDING, REROUTED],
    "PENDING_RECOVERY, REROUTED": [PENDING, InvocationStatus.PENDING_RECOVERY],
    "RETRY, route": [PENDING, RUNNING, RETRY],
    "RUNNING_RECOVERY, REROUTED": [PENDING, RUNNING, InvocationStatus.RUNNING_RECOVERY],
    "KILLED, REROUTED": [PENDING, RUNNING, InvocationStatus.KILLED],
}


def on_sqlite(tmp_path: Path) -> wiring.Settings:
    place = {"mongo_url": "", "mongo_db": "", "mongo_collection_prefix": ""}
    pinned = {**SQLITE, **place, "sqlite_db_path": str(tmp_path / "pynenc.db")}
    return wiring.Settings(pinned, {**pinned, "max_pending_seconds": 0.0})


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Pynenc]:
    """The shop on pynenc's SQLite; one runner has given a sign of life, and any time is long for PENDING."""
    with wiring.rewired(shop.app, on_sqlite(tmp_path)) as rewired:
        rewired.register_core_tasks()
        rewired.orchestrator.register_runner_heartbeats([RUNNER.runner_id])
        yield rewired


def popped(app: Pynenc, invocation: Any) -> Any:
    assert app.broker.retrieve_invocation() == invocation.invocation_id
    return invocation


def move(app: Pynenc, invocation: Any, runner: RunnerContext, *statuses: InvocationStatus) -> None:
    for status in statuses:
        app.orchestrator.set_invocation_status(invocation.invocation_id, status, runner)


def status_of(app: Pynenc, invocation: Any) -> InvocationStatus:
    return app.orchestrator.get_invocation_status(invocation.invocation_id)


def take(app: Pynenc) -> list[Any]:
    return list(app.orchestrator.get_invocations_to_run(1, RUNNER, lambda: ("default",), lambda _: None))


def run_all(app: Pynenc) -> None:
    for _ in range(5):
        for each in take(app):
            each.run(RUNNER)


def recover(app: Pynenc) -> None:
    for task_id in RECOVERIES:
        app.get_task(task_id)()
        run_all(app)


@pytest.mark.parametrize("window", WINDOWS)
def test_what_dies_in_a_window_is_lost(app: Pynenc, window: str) -> None:
    invocation = popped(app, shop.sell(1))
    move(app, invocation, DEAD, *WINDOWS[window])
    left = status_of(app, invocation)
    recover(app)
    assert status_of(app, invocation) == left
    assert not left.is_final()


@pytest.mark.parametrize("statuses", [[PENDING], [PENDING, RUNNING]], ids=["pending", "running"])
def test_control_what_dies_elsewhere_is_recovered(app: Pynenc, statuses: list[InvocationStatus]) -> None:
    invocation = popped(app, shop.sell(1))
    move(app, invocation, DEAD, *statuses)
    recover(app)
    assert status_of(app, invocation) == InvocationStatus.SUCCESS


@pytest.mark.parametrize("recovery", RECOVERIES, ids=lambda task_id: task_id.func_name)
def test_a_recovery_that_is_killed_disables_the_next(app: Pynenc, recovery: TaskId) -> None:
    task: Any = app.get_task(recovery)
    killed = popped(app, task())
    move(app, killed, DEAD, PENDING, RUNNING)
    next_one = task()
    run_all(app)
    assert (status_of(app, killed), status_of(app, next_one)) == (RUNNING, FINAL)


def test_a_recovery_that_meets_one_that_moved_on_never_ends(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runner is alive, so no other recovery takes it back."""
    moved_on = popped(app, shop.sell(1))
    move(app, moved_on, DEAD, PENDING, RUNNING)
    found = iter([moved_on.invocation_id])
    monkeypatch.setattr(app.orchestrator, "get_pending_invocations_for_recovery", lambda: found)
    recovery: Any = app.get_task(RECOVERIES[0])
    invocation = recovery()
    run_all(app)
    assert status_of(app, invocation) == RUNNING


@pytest.mark.parametrize("statuses", [[PENDING, REROUTED], [PENDING, RUNNING, RETRY]])
def test_one_that_was_rerouted_or_retried_and_meets_another_ends_the_runner(
    app: Pynenc, statuses: list[InvocationStatus]
) -> None:
    holder, waits = popped(app, shop.print_label("till", 1)), popped(app, shop.print_label("till", 2))
    move(app, waits, RUNNER, *statuses)
    app.orchestrator.route_invocation(waits)
    move(app, holder, DEAD, PENDING, RUNNING)
    with pytest.raises(InvocationStatusTransitionError):
        take(app)
    assert status_of(app, waits) == statuses[-1]
    assert app.broker.count_invocations() == 0


def test_one_that_may_not_run_runs_if_its_own_runner_takes_it_again(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`DistributedInvocation.run` reroutes itself, and goes on to RUNNING."""
    holder, loser = popped(app, shop.print_label("till", 1)), popped(app, shop.print_label("till", 2))
    move(app, loser, RUNNER, PENDING)
    move(app, holder, DEAD, PENDING, RUNNING)
    seen: list[tuple[InvocationStatus, InvocationStatus]] = []
    route = app.orchestrator.route_invocation

    def route_and_take(invocation: Any) -> None:
        route(invocation)
        move(app, popped(app, invocation), RUNNER, PENDING)

    def look(**_: object) -> None:
        seen.append((status_of(app, holder), status_of(app, loser)))

    monkeypatch.setattr(app.orchestrator, "route_invocation", route_and_take)
    monkeypatch.setattr(shop.print_label, "func", look)
    loser.run(RUNNER)
    assert seen == [(RUNNING, RUNNING)]


def test_a_late_owner_overwrites_the_result_of_a_finished_invocation(app: Pynenc) -> None:
    invocation = popped(app, shop.sell(1))
    move(app, invocation, DEAD, PENDING, RUNNING)
    move(app, invocation, RUNNER, InvocationStatus.RUNNING_RECOVERY, REROUTED, PENDING, RUNNING)
    app.orchestrator.set_invocation_result(invocation, "right", RUNNER)
    with pytest.raises(InvocationStatusError):
        app.orchestrator.set_invocation_result(invocation, "late", DEAD)
    assert status_of(app, invocation) == InvocationStatus.SUCCESS
    assert invocation.result == "late"


def test_a_task_that_exits_stays_running(app: Pynenc) -> None:
    invocation: Any = shop.leave()
    (taken,) = take(app)
    left: list[str] = []

    def run() -> None:
        try:
            taken.run(RUNNER)
        except SystemExit as error:
            left.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(CHILD_SECONDS)
    assert left == ["closing time"]
    assert status_of(app, invocation) == RUNNING


def test_a_trigger_is_lost_with_the_runner_that_has_claimed_it(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.trigger.register_task_triggers(shop.leave, TriggerBuilder().on_event("closing"))
    app.trigger.emit_event("closing", {})
    with monkeypatch.context() as dying:
        dying.setattr(app.trigger, "execute_task", _die)
        with pytest.raises(KeyboardInterrupt):
            app.trigger.trigger_loop_iteration(AtomicServiceRun(runner_id=DEAD.runner_id))
    assert len(app.trigger.get_valid_conditions()) == 1
    app.trigger.trigger_loop_iteration(AtomicServiceRun(runner_id=RUNNER.runner_id))
    assert app.trigger.get_valid_conditions() == {}
    assert app.orchestrator.count_invocations(shop.leave.task_id) == 0


def _die(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_history_lacks_the_step_at_which_its_writer_died(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation = popped(app, shop.sell(1))
    with monkeypatch.context() as dying:
        dying.setattr(app.state_backend, "add_history", _die)
        with pytest.raises(KeyboardInterrupt):
            move(app, invocation, DEAD, PENDING)
    recover(app)
    history = app.state_backend.get_history(invocation.invocation_id)
    assert status_of(app, invocation) == InvocationStatus.SUCCESS
    assert [each.status_record.status.value for each in history] == [
        *("registered", "pending_recovery", "rerouted", "pending", "running", "success")
    ]


# a trigger's loop that ends in its middle


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Pynenc]:
    """Orders on pynenc's SQLite; one is packed, and nothing is shipped yet."""
    with wiring.rewired(life.app, on_sqlite(tmp_path)) as rewired:
        rewired.register_deferred_triggers()
        rewired.trigger.emit_event("packed", {"number": 1})
        yield rewired


def end_loop_at(app: Pynenc, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def end(*_: object, **__: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(app.trigger, step, end)
        with pytest.raises(InterruptedError):
            app.trigger.trigger_loop_iteration(AtomicServiceRun(runner_id="dead"))


def shipped(app: Pynenc) -> int:
    app.trigger.trigger_loop_iteration(AtomicServiceRun(runner_id="runner"))
    return len(list(app.orchestrator.get_task_invocation_ids(life.ship.task_id)))


def test_a_trigger_run_that_was_started_and_not_cleared_is_started_again(
    orders: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        orders.trigger, "claim_trigger_run", partial(orders.trigger.claim_trigger_run, expiration_seconds=0)
    )
    end_loop_at(orders, monkeypatch, "clear_valid_conditions")
    assert shipped(orders) == 2


def test_the_json_serializer_calls_what_a_stored_text_names() -> None:
    builtin = {"__pynenc__std_py_exc__": {"type": "eval", "args": ["6 * 7"]}}
    function = {"__pynenc__client_exception__": {"module": "math", "qualname": "factorial", "args": [5]}}
    assert [JsonSerializer.deserialize(json.dumps(each)) for each in (builtin, function)] == [42, 120]
