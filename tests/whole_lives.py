"""All that pynenc asks of the five stores, in one process without a runner: whole lives, looks, purges."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from pynenc import Pynenc
from pynenc import context as pynenc_context
from pynenc.call import Call
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.invocation import DistributedInvocation
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun
from pynenc.runner.runner_context import RunnerContext
from pynenc.trigger.trigger_builder import TriggerBuilder

from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.state_backend.helpers import noise, workflow

type Invocation = DistributedInvocation[Any, Any]

app = Pynenc(config_values={"app_id": "whole lives", "logging_level": "critical"})
RUNNER = RunnerContext(runner_cls="ThreadRunner", runner_id="runner", pid=1, hostname="here")
# so that arguments are stored apart, results in parts, and what is old is purged at once
SMALL = {
    "min_size_to_cache": 100,
    "chunk_threshold": 1000,
    "auto_final_invocation_purge_hours": 0.0,
    "atomic_service_interval_minutes": 0.0,
    "max_events": 1,
}
LARGE = noise(5000)
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@app.task
def join(one: str, other: str) -> str:
    if not other:
        raise ValueError("nothing to join")
    return one + other


@app.task(
    running_concurrency=ConcurrencyControlType.TASK, registration_concurrency=ConcurrencyControlType.TASK
)
def bake() -> str:
    return "cake"


@app.task
def ship() -> None:
    """What a trigger starts."""


@contextmanager
def at(url: str, database: str) -> Iterator[None]:
    """Put the app on a database for a while."""
    pynenc_context.clear_runner_context(app.app_id)
    with wiring.rewired(app, wiring.settings(TestDatabase(TestServer(url), database), SMALL)):
        yield
    pynenc_context.clear_runner_context(app.app_id)


def live() -> None:
    """Use every store of the app as its callers, its runners and its monitors do, and purge it."""
    fill()
    app.orchestrator.auto_purge()
    app.trigger.auto_purge_events()
    app.purge()
    assert app.orchestrator.count_invocations() == 0


def fill() -> tuple[Any, Any, Any]:
    """Use every store of the app; return an invocation, one with large arguments, one that failed."""
    app.trigger.register_task_triggers(ship, TriggerBuilder().on_event("paid").on_status(join, "success"))
    small, large, failing = join("a", "b"), join(LARGE, "b"), join("a", "")
    assert bake().invocation_id == bake().invocation_id
    batch: Any = join.parallelize([(str(number), "b") for number in range(5)])
    _run_all()
    assert (small.result, large.result) == ("ab", LARGE + "b")
    assert failing.status == InvocationStatus.FAILED
    assert sorted(batch.results) == [f"{number}b" for number in range(5)]
    _wait_and_recover(small.invocation_id)
    _trigger()
    _look(small)
    return small, large, failing


def _run_all() -> None:
    app.orchestrator.register_runner_heartbeats([RUNNER.runner_id])
    app.orchestrator.register_runner_heartbeats([RUNNER.runner_id], consumed_queues=("default",))
    while found := list(
        app.orchestrator.get_invocations_to_run(9, RUNNER, lambda: ("default",), lambda _: None)
    ):
        for invocation in found:
            with suppress(ValueError):
                invocation.run(RUNNER)


def _wait_and_recover(waiter: Any) -> None:
    waited: Invocation = DistributedInvocation.isolated(Call(join, join.args("a", "c")))
    app.orchestrator.register_new_invocations([waited])
    app.orchestrator.waiting_for_results(waiter, [waited.invocation_id])
    assert list(app.orchestrator.get_blocking_invocations(1)) == [waited.invocation_id]
    app.orchestrator.release_waiters(waited.invocation_id)
    app.orchestrator.increment_invocation_retries(waited.invocation_id)
    assert list(app.orchestrator.get_pending_invocations_for_recovery()) == []
    assert list(app.orchestrator.get_running_invocations_for_recovery()) == []
    for status in (InvocationStatus.PENDING, InvocationStatus.PENDING_RECOVERY):
        app.orchestrator.set_invocation_status(waited.invocation_id, status, RUNNER)
    app.orchestrator.reroute_invocations({waited.invocation_id}, RUNNER)
    _run_all()


def _trigger() -> None:
    service = AtomicServiceRun(runner_id=RUNNER.runner_id)
    now = datetime.now(UTC)
    assert app.orchestrator.record_atomic_service_execution_start(service, now)
    for _ in range(3):
        app.trigger.emit_event("paid", {"amount": 1})
    app.trigger.trigger_loop_iteration(service)
    app.orchestrator.finalize_atomic_service_execution(service, now, AtomicServiceExecutionStatus.COMPLETED)
    _run_all()


def _look(invocation: Any) -> None:
    backend, orchestrator, trigger = app.state_backend, app.orchestrator, app.trigger
    run = workflow("run")
    backend.store_workflow_run(run)
    backend.set_workflow_data(run, "key", LARGE)
    backend.store_workflow_sub_invocation(run.workflow_id, invocation.invocation_id)
    assert backend.get_workflow_data(run, "key") == LARGE
    assert list(backend.get_workflow_runs(run.workflow_type))
    assert list(backend.get_all_workflow_types())
    assert list(backend.get_all_workflow_runs())
    assert list(backend.get_workflow_sub_invocations(run.workflow_id))
    assert list(backend.iter_invocations_in_timerange(FIRST, LAST))
    assert list(backend.iter_history_in_timerange(FIRST, LAST))
    assert backend.get_history(invocation.invocation_id)
    assert backend.get_app_info().app_id == app.app_id
    assert app.app_id in type(backend).discover_app_infos()
    assert list(backend.get_matching_runner_contexts(""))
    assert list(backend.get_child_invocations(invocation.invocation_id)) == []
    assert orchestrator.get_invocation_ids_paginated(limit=5)
    assert list(orchestrator.get_task_invocation_ids(join.task_id))
    assert list(orchestrator.get_existing_invocations(join, statuses=[InvocationStatus.SUCCESS]))
    assert orchestrator.get_active_runners()
    assert orchestrator.get_atomic_service_executions_in_timerange(FIRST, LAST)
    assert orchestrator.get_active_atomic_service_executions() == []
    assert trigger.list_event_codes() == ["paid"]
    assert trigger.count_events() == 3
    assert trigger.get_trigger_runs_in_timerange(FIRST, LAST)
    assert trigger.get_referenced_atomic_service_run_ids()
