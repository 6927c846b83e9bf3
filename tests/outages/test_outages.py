"""A runner outlives what a failover does to its commands; `python -m tests.outages` tries every runner."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import common
from pynenc import Pynenc
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.errors import MongoOutageError
from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from pynenc_mongo.storage import client
from tests.faulty import NOT_PRIMARY, Broken, Fault, FaultyServer, Refused, faulty, named, nothing, only
from tests.orchestrator.helpers import invocation_of
from tests.outages.gauntlet import Outcome, gauntlet
from tests.storage.helpers import AT_ONCE_SECONDS, app_on, new_name, raised


def brew() -> str:
    return "tea"


type Shop = tuple[Pynenc, FaultyServer]

RUNNER = RunnerContext("runner")


@pytest.fixture
def shop(any_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """An app behind a server that spoils commands, and nobody waits longer than half a second."""
    monkeypatch.setattr(common, "MIN_HEARTBEAT_INTERVAL", 0.02)
    name = new_name()
    with faulty(any_url) as server:
        app = app_on(server.url, name, mongo_timeout_seconds=0.5)
        assert isinstance(app.state_backend, MongoStateBackend)
        app.task(brew)
        yield app, server
        server.judge = nothing
        app.state_backend._collections.database.client.drop_database(name)
        client.close_server(server.url)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Refused(NOT_PRIMARY), id="not primary", marks=pytest.mark.thorough),
        pytest.param(Broken.BEFORE, id="closed"),
    ],
)
def test_a_runner_goes_on_after_a_fault_at_each_command_of_a_task(
    mongomock_url: str, tmp_path: Path, fault: Fault
) -> None:
    with gauntlet(mongomock_url, new_name(), "ThreadRunner", tmp_path) as course:
        course.strike_idle(fault, count=3)
        course.strike_busy(fault, "sell")
        assert len(course.struck) > 10
        assert course.outcome.wrong() == []


@pytest.mark.parametrize("wrong", [Outcome(ended=["it ended"]), Outcome(failed=["it failed"])])
def test_whatever_is_wrong_is_seen(wrong: Outcome) -> None:
    """The control."""
    assert wrong.wrong()


# what pynenc's loops do not forgive


def test_a_poll_finds_nothing_while_the_queue_cannot_be_asked(shop: Shop) -> None:
    app, server = shop
    app.broker.route_invocation(InvocationId("waiting"), "default", 0.0)
    server.judge = named(Broken.BEFORE, "findAndModify")
    assert list(app.orchestrator.get_invocations_to_run(1, RUNNER)) == []
    assert "findAndModify" in server.struck


def test_a_sign_of_life_that_is_not_written_is_no_error(shop: Shop) -> None:
    app, server = shop
    server.judge = lambda *_: Broken.BEFORE
    app.orchestrator.register_runner_heartbeats(["runner"])
    server.judge = nothing
    app.orchestrator.register_runner_heartbeats(["runner"])
    assert [each.runner_id for each in app.orchestrator.get_active_runners()] == ["runner"]


@pytest.mark.parametrize("how", [Broken.BEFORE, Broken.AFTER])
def test_the_end_of_a_service_run_that_is_not_written_is_told_at_the_next_attempt(
    shop: Shop, how: Fault
) -> None:
    app, server = shop
    orchestrator = app.orchestrator
    first = AtomicServiceRun(runner_id="runner")
    assert orchestrator.record_atomic_service_execution_start(first, None)
    server.judge = lambda *_: how
    ended = first.started_at
    assert ended
    orchestrator.finalize_atomic_service_execution(first, ended, AtomicServiceExecutionStatus.COMPLETED)
    server.judge = nothing
    assert orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id="runner"), None)


@pytest.mark.parametrize("how", [Broken.BEFORE, Broken.AFTER])
def test_a_service_run_whose_start_was_not_answered_blocks_nobody(shop: Shop, how: Fault) -> None:
    app, server = shop
    orchestrator = app.orchestrator
    server.judge = named(how, "insert")
    lost = AtomicServiceRun(runner_id="runner")
    raised(MongoOutageError, lambda: orchestrator.record_atomic_service_execution_start(lost, None))
    server.judge = nothing
    assert orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id="runner"), None)
    assert [each.runner_id for each in orchestrator.get_active_atomic_service_executions()] == ["runner"]


# a task in the hands of a runner


def new_invocation(app: Pynenc) -> Any:
    return invocation_of(app.task(brew))


def running_invocation(app: Pynenc) -> Any:
    invocation = new_invocation(app)
    app.orchestrator._register_new_invocations([invocation])
    app.state_backend.upsert_invocations([invocation])
    for status in (InvocationStatus.PENDING, InvocationStatus.RUNNING):
        app.orchestrator.set_invocation_status(invocation.invocation_id, status, RUNNER)
    return invocation


def test_a_result_waits_for_the_server(shop: Shop) -> None:
    app, server = shop
    invocation = running_invocation(app)
    app.runner.running = True
    server.judge = lambda *_: Broken.BEFORE
    # longer than an operation may take
    back = threading.Timer(0.8, lambda: setattr(server, "judge", nothing))
    back.start()
    app.orchestrator.set_invocation_result(invocation, "cake", RUNNER)
    back.join(AT_ONCE_SECONDS)
    assert app.orchestrator.get_invocation_status(invocation.invocation_id) == InvocationStatus.SUCCESS
    assert app.state_backend.get_result(invocation.invocation_id) == "cake"


def test_a_runner_that_is_told_to_stop_waits_no_more(shop: Shop) -> None:
    app, server = shop
    invocation = running_invocation(app)
    app.runner.running = True
    server.judge = lambda *_: Broken.BEFORE
    stop = threading.Timer(0.2, lambda: setattr(app.runner, "running", False))
    stop.start()
    raised(MongoOutageError, lambda: app.orchestrator.set_invocation_result(invocation, "cake", RUNNER))
    stop.join(AT_ONCE_SECONDS)


def test_a_retry_whose_answer_is_lost_is_counted_once(shop: Shop) -> None:
    app, server = shop
    invocation = invocation_of(app.task(brew))
    app.orchestrator._register_new_invocations([invocation])
    server.judge = only(1, Broken.AFTER)
    app.orchestrator.increment_invocation_retries(invocation.invocation_id)
    server.judge = nothing
    assert server.struck == ["update"]
    assert app.orchestrator.get_invocation_retries(invocation.invocation_id) == 1
    app.orchestrator.increment_invocation_retries(invocation.invocation_id)
    assert app.orchestrator.get_invocation_retries(invocation.invocation_id) == 2


def test_a_run_that_an_outage_has_broken_off_runs_again(shop: Shop) -> None:
    app, _ = shop
    invocation = running_invocation(app)
    app.orchestrator.set_invocation_exception(invocation, MongoOutageError("no answer"), RUNNER)
    assert app.orchestrator.get_invocation_status(invocation.invocation_id) == InvocationStatus.REROUTED
    assert app.broker.retrieve_invocation() == invocation.invocation_id


def test_a_run_that_fails_by_itself_is_failed(shop: Shop) -> None:
    """The control."""
    app, _ = shop
    invocation = running_invocation(app)
    app.orchestrator.set_invocation_exception(invocation, ValueError("burnt"), RUNNER)
    assert app.orchestrator.get_invocation_status(invocation.invocation_id) == InvocationStatus.FAILED


# an enqueue that fails


@pytest.mark.parametrize(
    ("command", "number", "said"),
    [("insert", 1, "None of 1 invocations is registered: enqueue again"), ("insert", 3, "do not enqueue")],
)
def test_an_enqueue_that_fails_says_whether_it_is_registered(
    shop: Shop, command: str, number: int, said: str
) -> None:
    app, server = shop
    seen = iter(range(1, 1000))

    def from_then_on(name: str, _command: object) -> Fault:
        return Broken.BEFORE if name == command and next(seen) >= number else None

    invocation = new_invocation(app)
    server.judge = from_then_on
    error = raised(MongoOutageError, lambda: app.orchestrator.register_new_invocations([invocation]))
    assert said in str(error)


def test_an_enqueue_that_fails_says_that_it_could_not_ask(shop: Shop) -> None:
    app, server = shop
    invocation = new_invocation(app)
    server.judge = lambda *_: Broken.BEFORE
    error = raised(MongoOutageError, lambda: app.orchestrator.register_new_invocations([invocation]))
    assert "could not be asked" in str(error)
    assert invocation.invocation_id in str(error)
