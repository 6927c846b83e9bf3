"""Processes that die after any of their commands, in any order; another one takes up what they had in hand.

Each step is what a client, a runner or a recovery does, in one thread. A step may be cut: its process has
sent so many commands, the last one is applied or not, and it does nothing any more, not even what `finally`
says. What it knew is forgotten with it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pynenc import Pynenc
from pynenc import context as pynenc_context
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun
from pynenc.runner.runner_context import RunnerContext
from pynenc.trigger.trigger_builder import TriggerBuilder

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.mongomock_server.process import shared_url
from pynenc_mongo.orchestrator.documents import INVOCATIONS
from pynenc_mongo.storage import verbs
from pynenc_mongo.trigger import mongo_trigger
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.state_backend.helpers import noise
from tests.storage.helpers import new_name

app = Pynenc(config_values={"app_id": "crashing shop", "logging_level": "critical"})
LARGE = noise(3000)
SETTINGS = {"chunk_threshold": 1000, "min_size_to_cache": 500}
LONG_ENOUGH = timedelta(seconds=61)  # for a claim of pynenc's to expire
ROUNDS = 30


class TryAgainError(Exception):
    """The first attempt always fails."""


@app.task
def sell(number: int) -> int:
    return number


@app.task
def wrap(number: int) -> str:
    """A result in parts."""
    return f"{number}{LARGE}"


@app.task(retry_for=(TryAgainError,), max_retries=3)
def charge(number: int) -> int:
    if charge.invocation.num_retries == 0:
        raise TryAgainError
    return number


@app.task(running_concurrency=ConcurrencyControlType.TASK, reroute_on_concurrency_control=True)
def count_cash(number: int) -> int:
    return number


@app.task(triggers=TriggerBuilder().on_event("paid"))
def ship() -> str:
    return "shipped"


KINDS: dict[str, tuple[Any, Callable[[int], object]]] = {
    "sell": (sell, lambda number: number),
    "wrap": (wrap, lambda number: f"{number}{LARGE}"),
    "charge": (charge, lambda number: number),
    "count_cash": (count_cash, lambda number: number),
}


class Killed(BaseException):
    """Nothing catches it: the process is gone."""


class Cut:
    """Ends the process that acts with its command of a number, applied or not; later ones are not sent."""

    def __init__(self, number: int, *, applied: bool) -> None:
        self._left, self._applied = number, applied
        self.is_over = False

    @contextmanager
    def active(self) -> Iterator[None]:
        with ExitStack() as patches:
            for name in ("repeated", "once"):
                send = getattr(verbs, name)
                patches.enter_context(mock.patch.object(verbs, name, self._cutting(send)))
            yield

    def _cutting(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def send_or_end(*arguments: Any, **options: Any) -> Any:
            if self.is_over:
                raise Killed
            if self._left == 0:
                self.is_over = True
                if self._applied:
                    send(*arguments, **options)
                raise Killed
            self._left -= 1
            return send(*arguments, **options)

        return send_or_end


CUTS = st.none() | st.builds(Cut, st.integers(0, 25), applied=st.booleans())


class Crashes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._database = TestDatabase(TestServer(shared_url()), new_name())
        self._born = 0
        self._dead: set[str] = set()
        self._calls: list[tuple[str, int, Any]] = []
        self._events = self._events_cut = 0
        self.crashes = 0
        self._begin_process()

    # processes

    def _begin_process(self) -> None:
        self._process = ExitStack()
        self._process.enter_context(wiring.rewired(app, wiring.settings(self._database, SETTINGS)))
        pynenc_context.clear_runner_context(app.app_id)
        app.register_deferred_triggers()
        self._runner = self._new_runner()

    def _new_runner(self) -> RunnerContext:
        self._born += 1
        return RunnerContext(
            runner_cls="ThreadRunner", runner_id=f"runner {self._born}", pid=self._born, hostname="here"
        )

    def _end_process(self) -> None:
        self._dead.add(self._runner.runner_id)
        self._process.close()

    def _act(self, step: Callable[[], object], cut: Cut | None) -> bool:
        """Have the process take a step; return whether it has survived that. If not, there is a new one."""
        if cut is None:
            step()
            return True
        with cut.active(), suppress(Killed):
            step()
        if cut.is_over:
            self.crashes += 1
            self._end_process()
            self._begin_process()
        return not cut.is_over

    # steps

    @rule(kind=st.sampled_from(sorted(KINDS)), cut=CUTS)
    def call(self, kind: str, cut: Cut | None) -> None:
        number, called = len(self._calls), []
        if self._act(lambda: called.append(KINDS[kind][0](number)), cut):
            self._calls.append((kind, number, called[0].invocation_id))

    @rule(cut=CUTS)
    def pay(self, cut: Cut | None) -> None:
        if self._act(lambda: app.trigger.emit_event("paid", {}), cut):
            self._events += 1
        else:
            self._events_cut += 1  # nobody was told: it may be stored, or not

    @rule(cut=CUTS)
    def work(self, cut: Cut | None) -> None:
        self._act(lambda: self._work(self._runner), cut)

    @rule(cut=CUTS)
    def serve(self, cut: Cut | None) -> None:
        self._act(lambda: self._serve(self._runner), cut)

    @precondition(lambda self: self._dead)
    @rule(cut=CUTS)
    def recover(self, cut: Cut | None) -> None:
        self._act(self._recover, cut)

    def _work(self, runner: RunnerContext) -> int:
        """Take one invocation, and run it; return how many were taken."""
        app.orchestrator.register_runner_heartbeats([runner.runner_id], consumed_queues=("default",))
        taken = app.orchestrator.get_invocations_to_run(1, runner, lambda: ("default",), lambda _: None)
        runs = 0
        for invocation in taken:
            invocation.run(runner)
            runs += 1
        return runs

    def _serve(self, runner: RunnerContext) -> bool:
        run, now = AtomicServiceRun(runner_id=runner.runner_id), datetime.now(UTC)
        if not app.orchestrator.record_atomic_service_execution_start(run, now):
            return False
        app.trigger.trigger_loop_iteration(run)
        app.orchestrator.finalize_atomic_service_execution(run, now, AtomicServiceExecutionStatus.COMPLETED)
        return True

    def _recover(self) -> None:
        orchestrator: Any = app.orchestrator
        orchestrator.recover_at_once(lambda runner_id: runner_id in self._dead, lambda: None)

    # what holds

    @invariant()
    def nothing_has_ended_twice(self) -> None:
        for invocation_id in self._invocation_ids():
            history = app.state_backend.get_history(invocation_id)
            assert sum(each.status_record.status.is_final() for each in history) <= 1

    def teardown(self) -> None:
        try:
            self._settle()
            self._check()
        finally:
            self._process.close()
            self._database._drop()

    def _settle(self) -> None:
        """Have one process that lives take up all that is left."""
        later = SimpleNamespace(now=lambda zone: datetime.now(zone) + LONG_ENOUGH)
        with mock.patch.object(mongo_trigger, "datetime", later):
            for _ in range(ROUNDS):
                self._recover()
                assert self._serve(self._runner)
                while self._work(self._runner):
                    pass
                if not self._unfinished():
                    return

    def _check(self) -> None:
        assert self._unfinished() == []
        for kind, number, invocation_id in self._calls:
            assert app.orchestrator.get_invocation_status(invocation_id) == InvocationStatus.SUCCESS
            assert app.state_backend.get_result(invocation_id) == KINDS[kind][1](number)
        shipped = app.orchestrator.count_invocations(ship.task_id, [InvocationStatus.SUCCESS])
        assert self._events <= shipped <= self._events + self._events_cut
        orchestrator: Any = app.orchestrator
        assert (
            orchestrator._collections.existing(INVOCATIONS).count_documents({"slot": {"$exists": True}}) == 0
        )
        assert app.orchestrator.get_active_atomic_service_executions() == []
        broker: Any = app.broker
        assert broker._collections.existing(MESSAGES).count_documents({}) == 0

    def _unfinished(self) -> list[Any]:
        return [
            invocation_id
            for invocation_id in self._invocation_ids()
            if not app.orchestrator.get_invocation_status(invocation_id).is_final()
        ]

    def _invocation_ids(self) -> list[Any]:
        return app.orchestrator.get_invocation_ids_paginated(limit=10_000)
