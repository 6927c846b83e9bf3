"""MongoOrchestrator and pynenc's MemOrchestrator take the same steps and show the same."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from operator import methodcaller
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from pynenc import Pynenc
from pynenc.exceptions import InvocationStatusError
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun
from pynenc.orchestrator.mem_orchestrator import MemOrchestrator

from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator
from tests.orchestrator.helpers import TASKS, app_at, invocation_of
from tests.reproducible import played

RUNNERS = ("first", "second")
CAKES = ("plain", "$odd", "a.b")
STATUSES = (None, [InvocationStatus.REGISTERED], list(InvocationStatus))
ENDS = (AtomicServiceExecutionStatus.COMPLETED, AtomicServiceExecutionStatus.ABANDONED)


class Orchestrators(RuleBasedStateMachine):
    invocations = Bundle("invocations")
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        memory_app = Pynenc(config_values={"app_id": f"memory-{uuid4().hex}"})
        mongo_app = app_at("mongomock://", f"machine_{uuid4().hex}")
        memory, mongo = memory_app.orchestrator, mongo_app.orchestrator
        assert isinstance(memory, MemOrchestrator)
        assert isinstance(mongo, MongoOrchestrator)
        self.memory, self.mongo = memory, mongo
        self.known: list[Any] = []

    def both(self, act: Callable[[Any], Any]) -> Any:
        """Do the same with both; what they return, or the type of what they raise, is the same."""
        ours, theirs = self._outcome(act, self.mongo), self._outcome(act, self.memory)
        assert ours == theirs
        return ours

    @staticmethod
    def _outcome(act: Callable[[Any], Any], orchestrator: Any) -> Any:
        try:
            return act(orchestrator)
        except InvocationStatusError as error:
            return type(error)

    @rule(
        target=invocations,
        kinds=st.lists(
            st.tuples(st.sampled_from(sorted(TASKS)), st.sampled_from(CAKES)), min_size=1, max_size=3
        ),
        runner=st.sampled_from((None, *RUNNERS)),
    )
    def register(self, kinds: list[tuple[str, str]], runner: str | None) -> Any:
        fresh = [invocation_of(TASKS[task], cake=cake) for task, cake in kinds]
        self.both(lambda orchestrator: orchestrator._register_new_invocations(fresh, runner).status)
        self.known.extend(fresh)
        return multiple(*fresh)

    @rule(
        invocation=invocations,
        status=st.sampled_from(list(InvocationStatus)),
        runner=st.sampled_from((None, *RUNNERS)),
    )
    def move(self, invocation: Any, status: InvocationStatus, runner: str | None) -> None:
        def act(orchestrator: Any) -> Any:
            record = orchestrator._atomic_status_transition(invocation.invocation_id, status, runner)
            return record.status, record.runner_id

        moved = self.both(act)
        if isinstance(moved, tuple) and status.is_final():
            # pynenc's base class does this next; ours needs no command for it
            self.memory.release_waiters(invocation.invocation_id)

    @rule(invocation=invocations)
    def index_arguments(self, invocation: Any) -> None:
        self.both(lambda orchestrator: orchestrator.index_arguments_for_concurrency_control(invocation))

    @rule(invocation=invocations)
    def retry(self, invocation: Any) -> None:
        self.both(lambda orchestrator: orchestrator.increment_invocation_retries(invocation.invocation_id))

    @rule(waiter=invocations, waited=st.lists(invocations, min_size=1, max_size=3))
    def wait(self, waiter: Any, waited: list[Any]) -> None:
        ids = [invocation.invocation_id for invocation in waited]
        unfinished = [key for key in ids if not self.memory.get_invocation_status(key).is_final()]
        if unfinished and waiter.invocation_id not in unfinished:
            self.both(
                lambda each: each.blocking_control.waiting_for_results(waiter.invocation_id, unfinished)
            )

    @rule(waited=invocations)
    def release(self, waited: Any) -> None:
        self.both(lambda orchestrator: orchestrator.release_waiters(waited.invocation_id))

    @rule(
        runners=st.lists(st.sampled_from(RUNNERS), min_size=1, max_size=2),
        service=st.booleans(),
        queue=st.booleans(),
    )
    def beat(self, runners: list[str], service: bool, queue: bool) -> None:
        queues = ("default", "slow") if queue else None
        self.both(lambda orchestrator: orchestrator.register_runner_heartbeats(runners, service, queues))

    @rule(target=runs, runner=st.sampled_from(RUNNERS))
    def start_service(self, runner: str) -> AtomicServiceRun:
        run, now = AtomicServiceRun(runner_id=runner), datetime.now(UTC)
        self.both(lambda orchestrator: orchestrator.record_atomic_service_execution_start(run, now))
        return run

    @rule(run=runs, end=st.sampled_from(ENDS))
    def end_service(self, run: AtomicServiceRun, end: AtomicServiceExecutionStatus) -> None:
        now = datetime.now(UTC)
        self.both(lambda orchestrator: orchestrator.finalize_atomic_service_execution(run, now, end, "over"))

    @invariant()
    def they_show_the_same(self) -> None:
        ids = [invocation.invocation_id for invocation in self.known]
        for invocation in self.known:
            self.both(methodcaller("get_invocation_status", invocation.invocation_id))
            self.both(methodcaller("get_invocation_retries", invocation.invocation_id))
            self.found("get_call_invocation_ids", invocation.call.call_id)
        self.both(methodcaller("filter_final", ids))
        self.found("get_blocking_invocations", 100)
        self.found("get_running_invocations_for_recovery")
        self.found("get_active_atomic_service_executions")

    @invariant()
    def they_find_the_same(self) -> None:
        for task, statuses in product(TASKS.values(), STATUSES):
            self.found("get_task_invocation_ids", task.task_id)
            self.both(methodcaller("count_invocations", task.task_id, statuses))
            self.found("get_invocation_ids_paginated", task.task_id, statuses)
            for cake in CAKES:
                wanted = invocation_of(task, cake=cake).call.serialized_arguments
                self.found("get_existing_invocations", task, wanted, statuses)

    def found(self, query: str, *arguments: Any) -> None:
        """Ask both; the order of what they find is their own."""
        self.both(lambda orchestrator: set(getattr(orchestrator, query)(*arguments)))

    @invariant()
    def the_same_runners_are_alive(self) -> None:
        def alive(orchestrator: Any) -> set[tuple[object, ...]]:
            return {
                (runner.runner_id, runner.allow_to_run_atomic_service, runner.consumed_queues)
                for runner in orchestrator.get_active_runners()
            }

        self.both(alive)


TestOrchestrators = Orchestrators.TestCase
TestOrchestrators.settings = played(4, 25, steps=25)
