"""MongoOrchestrator: the table of contents; the rooms beside it do the work."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pynenc import context
from pynenc.exceptions import InvocationStatusError, InvocationStatusTransitionError
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord, status_record_transition
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus
from pynenc.orchestrator.base_orchestrator import BaseBlockingControl, BaseOrchestrator
from pynenc.trigger.conditions import ExceptionContext, ResultContext

from pynenc_mongo.component import collections_of, outliving_outages, settings_of
from pynenc_mongo.conf.config_orchestrator import ConfigOrchestratorMongo
from pynenc_mongo.errors import AlreadyCausedError, MongoServerError
from pynenc_mongo.orchestrator.blocking import MongoBlockingControl
from pynenc_mongo.orchestrator.concurrency import ConcurrencyControl, Holder, encode
from pynenc_mongo.orchestrator.deferrals import DEFERRED, Deferrals, refuse_to_run, stays_available
from pynenc_mongo.orchestrator.documents import (
    COMPONENT,
    SPECS,
)
from pynenc_mongo.orchestrator.heartbeats import Heartbeats
from pynenc_mongo.orchestrator.invocations import Invocations, Registered
from pynenc_mongo.orchestrator.outages import Outages
from pynenc_mongo.orchestrator.recovery import RECOVERY_OF, Recovery
from pynenc_mongo.orchestrator.services import AtomicServices
from pynenc_mongo.orchestrator.transitions import ENDS_OF_A_RUN, Runs, Transitions
from pynenc_mongo.storage.verbs import ping

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.call import Call, PreSerializedCall
    from pynenc.identifiers.call_id import CallId
    from pynenc.identifiers.invocation_id import InvocationId
    from pynenc.identifiers.task_id import TaskId
    from pynenc.invocation.dist_invocation import DistributedInvocation
    from pynenc.orchestrator.atomic_service import ActiveRunnerInfo, AtomicServiceExecution, AtomicServiceRun
    from pynenc.runner.runner_context import RunnerContext
    from pynenc.task import Task
    from pynenc.trigger.conditions import ConditionContext
    from pynenc.types import Params, Result

logger = logging.getLogger(__name__)


class MongoOrchestrator(BaseOrchestrator):
    """
    A MongoDB-based orchestrator, correct under races between any number of processes.

    Every status transition is one command whose filter holds pynenc's rule for it.
    """

    def __init__(self, app: "Pynenc") -> None:
        super().__init__(app)
        self._collections = collections_of(app, self.conf, COMPONENT, SPECS)
        self._invocations = Invocations(self._collections)
        self._transitions = Transitions(self._collections)
        self._concurrency = ConcurrencyControl(self._collections)
        self._runs = Runs()
        self._cause = threading.local()
        self._deferrals = Deferrals()
        self._blocking = MongoBlockingControl(self._collections, self._invocations)
        self._recovery = Recovery(app, self._collections)
        self._heartbeats = Heartbeats(self._collections, self._longest_silence)
        self._outages = Outages(app)
        self._services = AtomicServices(self._collections, self._heartbeats.presumed_dead)

    @cached_property
    def conf(self) -> ConfigOrchestratorMongo:
        return settings_of(self.app, ConfigOrchestratorMongo)

    def purge(self) -> None:
        """Remove all orchestrator data of this app."""
        self._collections.purge()
        self._heartbeats.forget()

    @property
    def blocking_control(self) -> BaseBlockingControl:
        return self._blocking

    def ping(self) -> None:
        """Have MongoDB answer, now or not at all.

        :raises MongoServerError: if it does not
        """
        ping(self._collections.database)

    # registration and lookup

    def route_calls(
        self, calls: "list[PreSerializedCall[Params, Result]]"
    ) -> "list[DistributedInvocation[Params, Result]]":
        """Route a batch of calls: as in the base class, and each invocation is stored once."""
        with self._stored_when_registered():
            return super().route_calls(calls)

    def _route_new_call_invocation(
        self, call: "Call[Params, Result]", runner_id: str | None = None
    ) -> "DistributedInvocation[Params, Result]":
        with self._stored_when_registered():
            return super()._route_new_call_invocation(call, runner_id)

    def register_new_invocations(self, invocations: "list[DistributedInvocation[Params, Result]]") -> None:
        """Store, register and route invocations: one command for each, however many there are."""
        with self._stored_when_registered(on=False), self._saying_what_is_stored(invocations):
            try:
                super().register_new_invocations(invocations)
            except AlreadyCausedError:
                self._withdraw(invocations)
                raise

    def _withdraw(self, invocations: "list[DistributedInvocation[Params, Result]]") -> None:
        """Have the state backend, where it is ours, forget invocations that were stored for nothing."""
        if forget := getattr(self.app.state_backend, "forget", None):
            forget([invocation.invocation_id for invocation in invocations])

    @contextmanager
    def _saying_what_is_stored(
        self, invocations: "list[DistributedInvocation[Params, Result]]"
    ) -> Iterator[None]:
        """Have an error of MongoDB's say what is registered: what is enqueued twice runs twice."""
        try:
            yield
        except MongoServerError as error:
            ids = [invocation.invocation_id for invocation in invocations]
            said = self._outages.what_is_registered(ids, self._invocations.statuses_of)
            error.args = (f"{error}. {said}",)
            raise

    def _stored_when_registered(self, *, on: bool = True) -> AbstractContextManager[None]:
        """Have the state backend, where it is ours, leave storing to the registration."""
        hold_back = getattr(self.app.state_backend, "held_back", None)
        return hold_back(on=on) if hold_back else nullcontext()

    def _register_new_invocations(
        self,
        invocations: "list[DistributedInvocation[Params, Result]]",
        runner_id: str | None = None,
    ) -> InvocationStatusRecord:
        record = InvocationStatusRecord(InvocationStatus.REGISTERED, runner_id)
        documents = [encode(invocation, record) for invocation in invocations]
        if cause := getattr(self._cause, "cause", ""):
            (document,) = documents
            self._invocations.register_only(document, cause)
        else:
            self._invocations.register(documents)
        return record

    @contextmanager
    def caused_by(self, cause: str) -> Iterator[None]:
        """Have the invocation that this thread registers meanwhile be the only one of its cause.

        :raises AlreadyCausedError: if there is another one; then this one is not registered
        """
        self._cause.cause = cause
        try:
            yield
        finally:
            self._cause.cause = ""

    def was_caused_by(self, beginning: str, since: datetime) -> bool:
        """Whether an invocation was registered since an instant whose cause begins so."""
        return self._invocations.is_caused_by(beginning, since)

    def get_existing_invocations(
        self,
        task: "Task[Params, Result]",
        key_serialized_arguments: dict[str, str] | None = None,
        statuses: list[InvocationStatus] | None = None,
    ) -> Iterator["InvocationId"]:
        """Return the invocations of a task that have all the arguments and one of the statuses, if given."""
        return self._invocations.existing(task.task_id, key_serialized_arguments, statuses)

    def get_task_invocation_ids(self, task_id: "TaskId") -> Iterator["InvocationId"]:
        """Return the invocations of a task."""
        return self._invocations.of_task(task_id)

    def get_invocation_ids_paginated(
        self,
        task_id: "TaskId | None" = None,
        statuses: list[InvocationStatus] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list["InvocationId"]:
        """Return a page of invocations, newest registration first."""
        return self._invocations.page(task_id, statuses, limit, offset)

    def get_registered(
        self, limit: int, statuses: list[InvocationStatus] | None = None
    ) -> "list[Registered]":
        """Return what is registered of the latest invocations, newest first, in one command."""
        return self._invocations.latest(statuses, limit)

    def count_invocations(
        self, task_id: "TaskId | None" = None, statuses: list[InvocationStatus] | None = None
    ) -> int:
        """Count the invocations of a task and of some statuses, if given."""
        return self._invocations.count(task_id, statuses)

    def get_call_invocation_ids(self, call_id: "CallId") -> Iterator["InvocationId"]:
        """Return the invocations of one call: one task with one set of arguments."""
        return self._invocations.of_call(call_id)

    def index_arguments_for_concurrency_control(
        self, invocation: "DistributedInvocation[Params, Result]"
    ) -> None:
        """Make an invocation known by its arguments; controlled tasks are so from registration on."""
        self._concurrency.index_arguments(invocation)

    def is_authorize_to_run_by_concurrency_control(
        self, invocation: "DistributedInvocation[Params, Result]"
    ) -> bool:
        """Return whether a pending invocation may run now; of several that ask at once, one may.

        The base class only looks whether another one runs: two processes that look at the same time both run.
        """
        if not super().is_authorize_to_run_by_concurrency_control(invocation):
            return False
        if self._concurrency.take_slot(invocation):
            return True
        holders = self._concurrency.old_holder(invocation, _ago(self._longest_silence()))
        return self._take_back(holders) and self._concurrency.take_slot(invocation)

    def _is_authorize_by_concurrency_control(
        self, invocation: "DistributedInvocation[Params, Result]", statuses: list[InvocationStatus]
    ) -> bool:
        """Return whether nothing is in the way of an invocation; what died in the way is taken back first.

        pynenc's recovery would not take it back where a recovery itself is in the way (docs/adr/0019).
        """
        if super()._is_authorize_by_concurrency_control(invocation, statuses):
            return True
        before = _ago(self._longest_silence())
        holders = self._concurrency.old_candidates(invocation, statuses, before)
        return self._take_back(holders) and super()._is_authorize_by_concurrency_control(invocation, statuses)

    def _take_back(self, holders: Sequence[Holder]) -> bool:
        """Queue those again whose runners have been silent for too long; return whether there was one."""
        silent = self._heartbeats.silent_among(
            (holder.owner for holder in holders), _ago(self._longest_silence())
        )
        dead = [holder for holder in holders if holder.owner in silent]
        runner_ctx = context.get_or_create_runner_context(self.app.app_id)
        for holder in dead:
            self.app.logger.info("Recovering invocation:%s from inactive runner", holder.invocation_id)
            self.set_invocation_status(holder.invocation_id, RECOVERY_OF[holder.status], runner_ctx)
            self.reroute_invocations({holder.invocation_id}, runner_ctx)
        return bool(dead)

    def get_additional_invocations_to_run(
        self,
        missing_invocations: int,
        blocking_invocation_ids: "set[InvocationId]",
        invocations_to_reroute: "set[InvocationId]",
        runner_ctx: "RunnerContext",
        queue_provider: Callable[[], Sequence[str]],
        on_queue_retrieved: Callable[[str], None],
    ) -> "Iterator[DistributedInvocation[Any, Any]]":
        """Take invocations from the queues: as in the base class, and none that may not run now is lost."""
        with self._deferrals.into(invocations_to_reroute):
            yield from super().get_additional_invocations_to_run(
                missing_invocations,
                blocking_invocation_ids,
                invocations_to_reroute,
                runner_ctx,
                queue_provider,
                on_queue_retrieved,
            )

    def reroute_invocations(
        self, invocations_to_reroute: "set[InvocationId]", runner_ctx: "RunnerContext"
    ) -> None:
        """Queue invocations again, but for those that somebody else has moved on meanwhile.

        :raises InvocationStatusTransitionError: if the invocation that this thread was about to run is among
            them, for pynenc would run it all the same
        """
        for invocation_id in invocations_to_reroute:
            try:
                self.set_invocation_status(invocation_id, InvocationStatus.REROUTED, runner_ctx)
            except InvocationStatusError as refusal:
                if not stays_available(refusal):
                    self.app.logger.info("invocation:%s is not rerouted: %s", invocation_id, refusal)
                    continue
            self.route_invocation(self.app.state_backend.get_invocation(invocation_id))
        refuse_to_run(self.app.app_id, invocations_to_reroute)

    def get_invocations_to_run(
        self,
        max_num_invocations: int,
        runner_ctx: "RunnerContext",
        queue_provider: Callable[[], Sequence[str]] | None = None,
        on_queue_retrieved: Callable[[str], None] | None = None,
    ) -> "Iterator[DistributedInvocation[Any, Any]]":
        """Return invocations to run: as in the base class, and none while MongoDB does not answer."""
        found = super().get_invocations_to_run(
            max_num_invocations, runner_ctx, queue_provider, on_queue_retrieved
        )
        return self._outages.until_the_next(found)

    # status

    def _atomic_status_transition(
        self, invocation_id: "InvocationId", status: InvocationStatus, runner_id: str | None = None
    ) -> InvocationStatusRecord:
        run = self._runs.of(invocation_id, runner_id) if status in ENDS_OF_A_RUN else None
        record = self._transitions.to(status, invocation_id, runner_id, run)
        self._runs.note(invocation_id, runner_id, record)
        return record

    def set_invocation_status(
        self, invocation_id: "InvocationId", status: InvocationStatus, runner_ctx: "RunnerContext"
    ) -> None:
        """Set the status of an invocation, and tell its history and its triggers.

        As in the base class, but for the two commands that a final status costs there: the transition
        itself begins the auto-purge period, and whoever looks for blocking invocations lets go of waiters.

        :raises InvocationStatusTransitionError: if its status does not lead there
        :raises InvocationStatusOwnershipError: if its status may be left by its owner only
        :raises InvocationStatusRaceConditionError: if it moved at each of several attempts
        """
        with outliving_outages(self.app):
            self._set_invocation_status(invocation_id, status, runner_ctx)

    def _set_invocation_status(
        self, invocation_id: "InvocationId", status: InvocationStatus, runner_ctx: "RunnerContext"
    ) -> None:
        if status in DEFERRED and self._deferrals.are_collected:
            self._deferrals.defer(invocation_id, status, partial(self._move, runner_ctx=runner_ctx))
        elif status in RECOVERY_OF.values():
            # whoever moved it on meanwhile has recovered it; pynenc's own recovery would stop in its middle
            with suppress(InvocationStatusTransitionError):
                self._move(invocation_id, status, runner_ctx)
        else:
            self._move(invocation_id, status, runner_ctx)

    def _move(
        self, invocation_id: "InvocationId", status: InvocationStatus, runner_ctx: "RunnerContext"
    ) -> None:
        record = self._atomic_status_transition(invocation_id, status, runner_ctx.runner_id)
        self.app.state_backend.add_history(invocation_id, record, runner_ctx)
        self.app.trigger.report_tasks_status([invocation_id], status)
        self.app.logger.info("invocation:%s status:%s", invocation_id, status.value)

    def set_invocation_result(
        self, invocation: "DistributedInvocation[Any, Any]", result: Any, runner_ctx: "RunnerContext"
    ) -> None:
        """Store a result, set the final status, and tell the triggers of both.

        A runner that has lost the invocation meanwhile overwrites nothing (docs/adr/0020).
        """
        with outliving_outages(self.app):
            written = self._written_in_its_run(invocation.invocation_id, InvocationStatus.SUCCESS, runner_ctx)
            with self._finishing(ResultContext), written:
                super().set_invocation_result(invocation, result, runner_ctx)

    def set_invocation_exception(
        self, invocation: "DistributedInvocation[Any, Any]", exception: Exception, runner_ctx: "RunnerContext"
    ) -> None:
        """Store an exception, set the final status, and tell the triggers of both.

        A runner that has lost the invocation meanwhile overwrites nothing. What an outage has broken off has
        not failed: it runs again.
        """
        with outliving_outages(self.app):
            if self._outages.is_at_fault(exception):
                self._give_back(invocation.invocation_id, runner_ctx)
                return
            written = self._written_in_its_run(invocation.invocation_id, InvocationStatus.FAILED, runner_ctx)
            with self._finishing(ExceptionContext), written:
                super().set_invocation_exception(invocation, exception, runner_ctx)

    def _give_back(self, invocation_id: "InvocationId", runner_ctx: "RunnerContext") -> None:
        """Have another run of what an outage has broken off, as of what was killed."""
        with suppress(InvocationStatusError):
            self.set_invocation_status(invocation_id, InvocationStatus.KILLED, runner_ctx)
            self.reroute_invocations({invocation_id}, runner_ctx)

    def set_invocation_retry(
        self, invocation: "DistributedInvocation[Any, Any]", exception: Exception, runner_ctx: "RunnerContext"
    ) -> None:
        """Set an invocation for retry, count it, and queue it again."""
        with outliving_outages(self.app):
            super().set_invocation_retry(invocation, exception, runner_ctx)

    def _written_in_its_run(
        self, invocation_id: "InvocationId", target: InvocationStatus, runner_ctx: "RunnerContext"
    ) -> AbstractContextManager[None]:
        """Have the state backend, where it is ours, keep the outcome of a later run than this one.

        One command where this thread has not begun the run.
        """
        runner_id = runner_ctx.runner_id
        if self._runs.of(invocation_id, runner_id) is None:
            record = self._transitions.record_of(invocation_id)
            status_record_transition(record, target, runner_id)
            self._runs.note(invocation_id, runner_id, record)
        run = self._runs.of(invocation_id, runner_id)
        written_in = getattr(self.app.state_backend, "written_in", None)
        return written_in(run) if written_in else nullcontext()

    def _finishing(self, context_type: "type[ConditionContext]") -> AbstractContextManager[None]:
        """Have the trigger, where it is ours, look once who listens to the status and to what comes of it."""
        finishing = getattr(self.app.trigger, "finishing", None)
        return finishing(context_type) if finishing else nullcontext()

    def get_invocation_status_record(self, invocation_id: "InvocationId") -> InvocationStatusRecord:
        """Return the status record of an invocation.

        :raises KeyError: if it is not registered
        """
        return self._transitions.record_of(invocation_id)

    def get_tasks_and_records(
        self, invocation_ids: "Sequence[InvocationId]"
    ) -> "dict[InvocationId, tuple[TaskId, InvocationStatusRecord]]":
        """Return the task and the status record of each registered one among some, in one command."""
        return self._invocations.records_of(invocation_ids)

    def get_waited_for(self, waiters: "Sequence[InvocationId]") -> "dict[InvocationId, list[InvocationId]]":
        """Return what each of some invocations has waited for, finished or not, in one command."""
        return self._blocking.waited_for_by(waiters)

    def filter_by_status(
        self, invocation_ids: list["InvocationId"], status_filter: frozenset[InvocationStatus]
    ) -> list["InvocationId"]:
        """Return those of the invocations that have one of the statuses, in one command."""
        if not invocation_ids or not status_filter:
            return []
        with outliving_outages(self.app):  # ProcessRunner's loop asks
            return self._invocations.with_status(invocation_ids, status_filter)

    def increment_invocation_retries(self, invocation_id: "InvocationId") -> None:
        """Count one more retry."""
        self._invocations.add_retry(invocation_id)

    def get_invocation_retries(self, invocation_id: "InvocationId") -> int:
        """Return the number of retries so far."""
        return self._invocations.retries(invocation_id)

    def set_up_invocation_auto_purge(self, invocation_id: "InvocationId") -> None:
        """Begin the auto-purge period of an invocation; a final transition has done so already."""
        self._invocations.begin_auto_purge(invocation_id, datetime.now(UTC))

    def auto_purge(self) -> None:
        """Remove the invocations whose auto-purge period is over, in one command."""
        period = timedelta(hours=self.conf.auto_final_invocation_purge_hours)
        self._invocations.delete_finished_before(datetime.now(UTC) - period)

    # runners and recovery

    def register_runner_heartbeats(
        self,
        runner_ids: list[str],
        can_run_atomic_service: bool = False,
        consumed_queues: Sequence[str] | None = None,
    ) -> None:
        """Note that runners are alive: any number in at most two commands, none if they were just told of."""
        if not runner_ids:
            return
        with self._outages.survived("a sign of life"):
            self._heartbeats.beat(runner_ids, may_run_service=can_run_atomic_service, queues=consumed_queues)

    def _get_active_runners(
        self, timeout_seconds: float, can_run_atomic_service: bool | None = None
    ) -> list["ActiveRunnerInfo"]:
        return self._heartbeats.active(_ago(timeout_seconds), may_run_service=can_run_atomic_service)

    def get_pending_invocations_for_recovery(self) -> Iterator["InvocationId"]:
        """Return the invocations that have been pending for too long.

        Before, it sees to those that no runner would ever come to: halfway through being rerouted, or ready
        to run without a message.
        """
        before = _ago(self.app.conf.max_pending_seconds)
        self._recovery.reroute_halfway(before)
        self._recovery.queue_again(before)
        return self._invocations.since_before(InvocationStatus.PENDING, before)

    def _get_running_invocations_for_recovery(self, timeout_seconds: float) -> Iterator["InvocationId"]:
        owners = self._invocations.owners(InvocationStatus.RUNNING)
        silent = self._heartbeats.silent_among(owners.values(), _ago(timeout_seconds))
        return (invocation_id for invocation_id, owner in owners.items() if owner in silent)

    def recover_at_once(
        self, is_dead: Callable[[str], bool], settle: Callable[[], object]
    ) -> list["InvocationId"]:
        """Do now what pynenc's two recovery tasks do in time: queue what dead runners had in their hands.

        A runner that lives loses nothing. What it has in its hands for the moment of a step has no owner: so
        that is looked at twice, and left alone if it has moved. The atomic service is let go of, too.

        :param is_dead: whether the runner with an id has died
        :param settle: waits until a runner that lives has gone a step further
        :return: those that were queued, each once
        """
        stranded = self._recovery.stranded()
        if stranded:
            settle()
            stranded &= self._recovery.stranded()
        owned = {
            invocation_id: (owner, recovery)
            for status, recovery in RECOVERY_OF.items()
            for invocation_id, owner in self._invocations.owners(status).items()
        }
        dead = set(filter(is_dead, {owner for owner, _ in owned.values()}))
        taken = {each: recovery for each, (owner, recovery) in owned.items() if owner in dead}
        runner_ctx = context.get_or_create_runner_context(self.app.app_id)
        for invocation_id, recovery in taken.items():
            self.app.logger.info("Recovering invocation:%s from dead runner", invocation_id)
            self.set_invocation_status(invocation_id, recovery, runner_ctx)
        self.reroute_invocations(set(taken), runner_ctx)
        self._recovery.take_up(stranded)
        self._services.abandon_run_of(lambda runner_id, _: is_dead(runner_id))
        return [*taken, *(each.invocation_id for each in stranded)]

    # the atomic service

    def record_atomic_service_execution_start(
        self,
        atomic_service_run: "AtomicServiceRun",
        started_at: datetime | None,
        status: AtomicServiceExecutionStatus = AtomicServiceExecutionStatus.RUNNING,
        reason: str = "",
    ) -> bool:
        """Record a run of the atomic service; return whether it may work: one at a time may."""
        may_work = self._services.attempt(atomic_service_run, started_at, status, reason)
        if status != AtomicServiceExecutionStatus.RUNNING or not may_work:
            self.purge_atomic_service_executions()
        return may_work

    def _longest_silence(self) -> float:
        """Return the seconds of silence after which a runner is taken for dead."""
        return self.app.conf.runner_considered_dead_after_minutes * 60

    def finalize_atomic_service_execution(
        self,
        atomic_service_run: "AtomicServiceRun",
        end_time: datetime,
        status: AtomicServiceExecutionStatus,
        reason: str = "",
    ) -> None:
        """Record the end of a run; the first end counts."""
        with self._outages.survived("the end of an atomic service run"):
            self._services.finish(atomic_service_run, end_time, status, reason)
            self.purge_atomic_service_executions()

    def get_active_atomic_service_executions(self) -> list["AtomicServiceExecution"]:
        """Return the running execution, in a list of at most one."""
        return self._services.running()

    def get_atomic_service_executions_in_timerange(
        self,
        start_time: datetime,
        end_time: datetime,
        limit: int = 1000,
        *,
        runner_id: str | None = None,
        min_duration_seconds: float = 0.0,
    ) -> list["AtomicServiceExecution"]:
        """Return the executions that overlap a time range, newest first."""
        return self._services.between(start_time, end_time, limit, runner_id, min_duration_seconds)

    def purge_atomic_service_executions(self) -> int:
        """Delete old and surplus executions, but for those that trigger runs refer to; return how many."""
        minutes = float(self.app.conf.atomic_service_execution_retention_minutes)
        return self._services.retain(
            _ago(minutes * 60) if minutes > 0 else None,
            int(self.app.conf.atomic_service_execution_max_records),
            self.app.trigger.get_referenced_atomic_service_run_ids(),
        )


def _ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)
