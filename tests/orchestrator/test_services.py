"""Runs of the atomic service: when runners die, and when one begins as another ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun

from pynenc_mongo.orchestrator import services
from pynenc_mongo.storage import client
from pynenc_mongo.storage.verbs import insert_missing
from tests.orchestrator.helpers import app_at, invocation_of, print_label, shop
from tests.storage.helpers import address_of

LONG_AGO = timedelta(days=1)


@pytest.fixture
def killed(mongo_app: Pynenc) -> AtomicServiceRun:
    """A run whose runner was killed long ago."""
    run = AtomicServiceRun(runner_id="killed")
    assert mongo_app.orchestrator.record_atomic_service_execution_start(run, datetime.now(UTC) - LONG_AGO)
    return run


def starts(app: Pynenc, runner_id: str = "next") -> bool:
    return app.orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id=runner_id), None)


def test_a_run_of_a_dead_runner_blocks_one_attempt_and_no_more(
    mongo_app: Pynenc, killed: AtomicServiceRun
) -> None:
    assert [starts(mongo_app), starts(mongo_app)] == [False, True]
    now = datetime.now(UTC)
    found = mongo_app.orchestrator.get_atomic_service_executions_in_timerange(now - 2 * LONG_AGO, now)
    ended = {execution.atomic_service_run_id: execution for execution in found}[
        killed.atomic_service_run_id or ""
    ]
    assert ended.status == AtomicServiceExecutionStatus.ABANDONED
    assert ended.reason == "runner:killed gives no sign of life"


def test_a_long_run_of_a_living_runner_goes_on(mongo_app: Pynenc, killed: AtomicServiceRun) -> None:
    mongo_app.orchestrator.register_runner_heartbeats(["killed"])
    assert [starts(mongo_app) for _ in range(3)] == [False] * 3


def test_a_young_run_goes_on_without_a_sign_of_life(mongo_app: Pynenc) -> None:
    assert starts(mongo_app, "quiet")
    assert [starts(mongo_app) for _ in range(3)] == [False] * 3


def test_a_run_begins_after_the_one_that_ended_while_it_asked(
    mongo_app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (AtomicServiceRun(runner_id=name) for name in ("first", "second"))
    ends: list[datetime] = []

    def insert_late(*arguments: Any) -> bool:
        ends.append(datetime.now(UTC))
        completed = AtomicServiceExecutionStatus.COMPLETED
        mongo_app.orchestrator.finalize_atomic_service_execution(first, ends[-1], completed)
        return insert_missing(*arguments)

    assert mongo_app.orchestrator.record_atomic_service_execution_start(first, None)
    with monkeypatch.context() as patch:
        patch.setattr(services, "insert_missing", insert_late)
        assert mongo_app.orchestrator.record_atomic_service_execution_start(second, None)
    (running,) = mongo_app.orchestrator.get_active_atomic_service_executions()
    assert second.started_at is not None
    assert running.start_time == second.started_at
    assert second.started_at > ends[0]


def test_a_run_that_starts_twice_is_not_blocked_by_itself(mongo_app: Pynenc) -> None:
    run = AtomicServiceRun(runner_id="runner")
    start = mongo_app.orchestrator.record_atomic_service_execution_start
    assert [start(run, None), start(run, None)] == [True, True]
    assert not starts(mongo_app)


def test_a_run_that_says_when_it_began_is_believed(mongo_app: Pynenc) -> None:
    began = datetime.now(UTC) - timedelta(seconds=5)
    run = AtomicServiceRun(runner_id="runner")
    assert mongo_app.orchestrator.record_atomic_service_execution_start(run, began)
    (running,) = mongo_app.orchestrator.get_active_atomic_service_executions()
    assert running.start_time == run.started_at == began


def test_one_runs_at_a_time_after_somebody_has_dropped_the_database(place: tuple[str, str]) -> None:
    url, name = place
    app = app_at(url, name)
    first = AtomicServiceRun(runner_id="first")
    assert app.orchestrator.record_atomic_service_execution_start(first, None)
    client.client_at(address_of(url, name)).drop_database(name)
    assert [starts(app, "second"), starts(app, "third")] == [True, False]


def test_one_controlled_task_runs_at_a_time_after_somebody_has_dropped_the_database(
    place: tuple[str, str],
) -> None:
    url, name = place
    app = app_at(url, name, app_id=shop.app_id)
    orchestrator: Any = app.orchestrator

    def takes_the_slot() -> bool:
        invocation = invocation_of(print_label)
        orchestrator._register_new_invocations([invocation])
        orchestrator._atomic_status_transition(invocation.invocation_id, InvocationStatus.PENDING, "runner")
        return bool(orchestrator._concurrency.take_slot(invocation))

    assert takes_the_slot()
    client.client_at(address_of(url, name)).drop_database(name)
    assert [takes_the_slot(), takes_the_slot()] == [True, False]


def test_an_end_may_be_told_by_another_thread_that_asks_meanwhile(
    mongo_app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runners in one process: the other one's attempt tells all ends that are not confirmed yet."""
    run = AtomicServiceRun(runner_id="first")
    asked: list[str] = []
    orchestrator: Any = mongo_app.orchestrator
    assert orchestrator.record_atomic_service_execution_start(run, None)
    end = orchestrator._services._finish

    def end_while_another_asks(*of_run: Any) -> None:
        if not asked:
            asked.append("second")
            assert starts(mongo_app, "second")
        end(*of_run)

    monkeypatch.setattr(orchestrator._services, "_finish", end_while_another_asks)
    now = datetime.now(UTC)
    orchestrator.finalize_atomic_service_execution(run, now, AtomicServiceExecutionStatus.COMPLETED)
    assert [each.runner_id for each in orchestrator.get_active_atomic_service_executions()] == ["second"]
