"""MongoTrigger: the table of contents; the rooms beside it do the work."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

from pynenc.conf.validation_trigger import validate_trigger_config
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.trigger.base_trigger import BaseTrigger
from pynenc.trigger.conditions import CronCondition, ExceptionContext, ResultContext
from pynenc.trigger.trigger_definitions import TriggerDefinition

from pynenc_mongo.component import collections_of, payloads_in, settings_of
from pynenc_mongo.conf.config_trigger import ConfigTriggerMongo
from pynenc_mongo.errors import AlreadyCausedError
from pynenc_mongo.trigger.causes import Causes
from pynenc_mongo.trigger.claims import Claims, ValidConditions
from pynenc_mongo.trigger.definitions import Conditions, CronExecutions, Triggers
from pynenc_mongo.trigger.documents import COMPONENT, SPECS, AnyCondition
from pynenc_mongo.trigger.events import EventCriteria, EventFilter, Events
from pynenc_mongo.trigger.listening import Listening
from pynenc_mongo.trigger.runs import TriggerRuns

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.identifiers.task_id import TaskId
    from pynenc.invocation.base_invocation import BaseInvocation
    from pynenc.invocation.dist_invocation import DistributedInvocation
    from pynenc.invocation.status import InvocationStatus
    from pynenc.models.trigger_definition_dto import TriggerDefinitionDTO
    from pynenc.orchestrator.atomic_service import AtomicServiceRun
    from pynenc.task import Task
    from pynenc.trigger.conditions import ConditionContext, EventCondition, ValidCondition
    from pynenc.trigger.monitoring import EventMarkerPage, EventRecord, TriggerRunRecord
    from pynenc.trigger.trigger_builder import TriggerBuilder
    from pynenc.trigger.trigger_context import TriggerContext
    from pynenc.trigger.types import ConditionId

logger = logging.getLogger(__name__)


class MongoTrigger(BaseTrigger):
    """
    A MongoDB-based implementation of the trigger for cross-process testing.

    Stores conditions, triggers, claims, events and trigger runs in collections that begin with the app's id,
    so that processes share them and apps do not. Every race between processes is decided by one write.

    ```{warning}
    The `MongoTrigger` class is designed for testing purposes only and should not be used in production
    systems.
    ```
    """

    def __init__(self, app: "Pynenc") -> None:
        super().__init__(app)
        self._collections = collections_of(app, self.conf, COMPONENT, SPECS)
        self._payloads = payloads_in(self._collections, self.conf)
        self._conditions = Conditions(app, self._collections, self._payloads)
        self._listening = Listening(app, self._conditions)
        self._triggers = Triggers(self._collections, self._payloads)
        self._cron_executions = CronExecutions(self._collections)
        self._valid_conditions = ValidConditions(app, self._collections, self._payloads)
        self._claims = Claims(self._collections)
        self._causes = Causes(app)
        self._events = Events(app, self._collections, self._payloads)
        self._runs = TriggerRuns(self._collections, self._payloads, self._events.with_code)

    @cached_property
    def conf(self) -> ConfigTriggerMongo:
        config = settings_of(self.app, ConfigTriggerMongo)
        validate_trigger_config(config)
        return config

    # conditions and triggers

    def _register_condition(self, condition: AnyCondition) -> None:
        if isinstance(condition, CronCondition) and not self.conf.mongo_new_crons_fire:
            # before another process can meet the condition
            self._cron_executions.advance(condition.condition_id, None, datetime.now(UTC))
        self._conditions.put(condition)

    def _register_source_task_condition(self, task_id: "TaskId", condition_id: "ConditionId") -> None:
        self._conditions.add_source(condition_id, task_id)

    def get_condition(self, condition_id: str) -> AnyCondition | None:
        """Return a condition by its id, or None."""
        return self._conditions.get_all([condition_id])[condition_id]

    def register_trigger(self, trigger: "TriggerDefinitionDTO") -> None:
        """Store a trigger definition under its id."""
        self._triggers.put_all([trigger])

    def _get_trigger(self, trigger_id: str) -> "TriggerDefinitionDTO | None":
        return self._triggers.get_all([trigger_id])[trigger_id]

    def get_triggers_for_condition(self, condition_id: str) -> list["TriggerDefinitionDTO"]:
        """Return the triggers that wait for a condition, each once."""
        return self._triggers.waiting_for(condition_id)

    def get_all_triggers(self) -> list["TriggerDefinitionDTO"]:
        """Return every trigger, in one command."""
        return self._triggers.all()

    def get_conditions_sourced_from_task(
        self, task_id: "TaskId", context_type: type["ConditionContext"] | None = None
    ) -> list[AnyCondition]:
        """Return the conditions that listen to a task, those of exactly one context type if it is given."""
        return self._conditions.sourced_from(task_id, context_type)

    # valid conditions

    def record_valid_condition(self, valid_condition: "ValidCondition") -> None:
        """Store that a condition was satisfied, until it is cleared."""
        self._valid_conditions.put_all([valid_condition])

    def record_valid_conditions(self, valid_conditions: list["ValidCondition"]) -> None:
        """Store that conditions were satisfied, in one command."""
        self._valid_conditions.put_all(valid_conditions)

    def get_valid_conditions(self) -> dict[str, "ValidCondition"]:
        """Return what was satisfied and not cleared, by its id, oldest context first."""
        return self._valid_conditions.all()

    def clear_valid_conditions(self, conditions: Iterable["ValidCondition"]) -> None:
        """Forget satisfied conditions once they are processed: not those of a run that nobody has started."""
        self._valid_conditions.delete(self._causes.processed(conditions))

    # tasks

    def clean_task_trigger_definitions(self, task_id: "TaskId") -> None:
        """Delete the trigger definitions of a task; its conditions stay, others may use them."""
        self._triggers.delete_of(task_id)

    def register_task_triggers(
        self, task: "Task[Any, Any]", triggers: "TriggerBuilder | list[TriggerBuilder] | None" = None
    ) -> None:
        """Register the triggers of a task in place of its earlier ones.

        Another process meets the earlier or the new ones at any time, never none: it would take a satisfied
        condition for processed without them.
        """
        builders = triggers if isinstance(triggers, list) else [triggers] if triggers else []
        for condition in [condition for builder in builders for condition in builder.conditions]:
            self.register_condition(condition)
        definitions = [builder.build(task.task_id).to_dto(self.app) for builder in builders]
        self._triggers.put_all(definitions)
        self._triggers.delete_of(task.task_id, keep=[definition.trigger_id for definition in definitions])

    def report_tasks_status(
        self, invocation_ids: list["InvocationId"], status: "InvocationStatus | None" = None
    ) -> None:
        """Record the conditions that a status change satisfies; one command where no task is watched."""
        if listening := self._listening.to_status(invocation_ids, status):
            self.validate_and_record_conditions(listening)

    def finishing(self, context_type: "type[ConditionContext]") -> AbstractContextManager[None]:
        """Look up who listens to a final status and who to what comes of it in one command, not in two.

        For whoever reports one right after the other.
        """
        return self._listening.finishing(context_type)

    def report_invocation_result(self, invocation: "DistributedInvocation[Any, Any]", result: Any) -> None:
        """Record the conditions that a result satisfies; at most one command where nobody listens."""
        if self._listening.to_outcome(invocation.call.task.task_id, ResultContext):
            super().report_invocation_result(invocation, result)

    def report_invocation_failure(
        self, invocation: "DistributedInvocation[Any, Any]", exception: Exception
    ) -> None:
        """Record the conditions that a failure satisfies; at most one command where nobody listens."""
        if self._listening.to_outcome(invocation.call.task.task_id, ExceptionContext):
            super().report_invocation_failure(invocation, exception)

    def _event_conditions_for(self, event_code: str) -> list["EventCondition"]:
        return self._conditions.listening_for(event_code)

    # cron

    def _get_all_conditions(self) -> list[AnyCondition]:
        return self._conditions.all()

    def get_last_cron_execution(self, condition_id: "ConditionId") -> datetime | None:
        """Return when a cron condition was last satisfied, in UTC, or None."""
        return self._cron_executions.last(condition_id)

    def store_last_cron_execution(
        self,
        condition_id: "ConditionId",
        execution_time: datetime,
        expected_last_execution: datetime | None = None,
    ) -> bool:
        """Store when a cron condition was last satisfied, if what is stored is what was expected.

        :param expected_last_execution: what `get_last_cron_execution` returned; None if that was None
        :return: whether it was stored; of several that expect the same, one stores
        """
        return self._cron_executions.advance(condition_id, expected_last_execution, execution_time)

    # claims

    def claim_trigger_execution(
        self, trigger_id: str, valid_condition_id: str, expiration_seconds: int = 60
    ) -> bool:
        """Claim the execution of a trigger for one satisfied condition, until the claim expires."""
        now = datetime.now(UTC)
        return self._claims.take(trigger_id, valid_condition_id, now=now, seconds=expiration_seconds)

    def claim_trigger_run(self, trigger_run_id: str, expiration_seconds: int = 60) -> bool:
        """Claim a trigger run; one of all who try has it, until the claim expires."""
        if self._claims.take(trigger_run_id, now=datetime.now(UTC), seconds=expiration_seconds):
            self._causes.begin(trigger_run_id)
            return True
        since = datetime.now(UTC) - timedelta(seconds=expiration_seconds)
        self._causes.keep_unless_started(trigger_run_id, since)
        return False

    # the loop

    def _process_loop_iteration(self, atomic_service_run: "AtomicServiceRun") -> None:
        with self._causes.of_an_iteration():
            super()._process_loop_iteration(atomic_service_run)

    def _execution_contexts_for_trigger(
        self, trigger: TriggerDefinition, context: "TriggerContext"
    ) -> "list[TriggerContext]":
        found = super()._execution_contexts_for_trigger(trigger, context)
        for each in found:
            for run_id in trigger.generate_trigger_run_ids(each):
                self._causes.note(run_id, each)
        return found

    def execute_task(
        self,
        task_id: "TaskId",
        arguments: dict[str, Any] | None = None,
        *,
        parent_event_id: str | None = None,
    ) -> "BaseInvocation[Any, Any]":
        """Enqueue a task; in the loop once for each run: else return the invocation that it has."""
        try:
            with self._causes.once():
                return super().execute_task(task_id, arguments, parent_event_id=parent_event_id)
        except AlreadyCausedError as error:
            return self.app.state_backend.get_invocation(InvocationId(error.invocation_id))

    def _purge(self) -> None:
        self._collections.purge()

    # events

    def store_event(self, event: "EventRecord") -> None:
        """Store an event in place of an earlier version; the invocations linked to that stay linked."""
        self._events.put(event)

    def get_event(self, event_id: str) -> "EventRecord | None":
        """Return an event by its id, or None."""
        return self._events.get_all([event_id])[event_id]

    def get_events(
        self, *, limit: int = 100, offset: int = 0, **criteria: Unpack[EventCriteria]
    ) -> list["EventRecord"]:
        """Return the events that meet every given criterion, latest first; both times are included."""
        return self._events.latest(EventFilter(**criteria), limit, offset)

    def count_events(self, **criteria: Unpack[EventCriteria]) -> int:
        """Count the events that meet every given criterion."""
        return self._events.count(EventFilter(**criteria))

    def get_event_markers_in_timerange(
        self,
        start_time: datetime,
        end_time: datetime,
        *,
        event_code: str | None = None,
        state: str = "all",
        limit: int = 1000,
        offset: int = 0,
    ) -> "EventMarkerPage":
        """Return a page of markers from `start_time` to `end_time`, both included, oldest first."""
        chosen = EventFilter(event_code, start_time, end_time).in_state(state)
        return self._events.markers(chosen, limit, offset)

    def link_trigger_run_to_events(
        self, event_ids: list[str], invocation_id: str, *, trigger_run_id: str
    ) -> None:
        """Add an invocation to what events triggered, as far as they are stored.

        The trigger run names its events itself, so that `trigger_run_id` is not stored again.
        """
        del trigger_run_id
        self._events.link(event_ids, invocation_id)

    def get_invocations_triggered_by_event(self, event_id: str) -> list[str]:
        """Return the invocations that an event triggered, in the order in which they were linked."""
        return self._events.triggered_by(event_id)

    def list_event_codes(self) -> list[str]:
        """Return the codes of the stored events, sorted."""
        return self._events.codes()

    def get_events_batch(self, event_ids: Sequence[str]) -> dict[str, "EventRecord | None"]:
        """Return the event of each id, or None, in one command."""
        return self._events.get_all(event_ids)

    # trigger runs

    def store_trigger_run(self, run: "TriggerRunRecord") -> None:
        """Store a trigger run under its id, in place of what was there."""
        self._runs.put(run)

    def get_trigger_run(self, trigger_run_id: str) -> "TriggerRunRecord | None":
        """Return a trigger run by its id, or None."""
        return self._runs.get_all([trigger_run_id])[trigger_run_id]

    def get_trigger_runs_for_event(self, event_id: str) -> list["TriggerRunRecord"]:
        """Return the runs that an event took part in, oldest first."""
        return self._runs.of_event(event_id)

    def get_trigger_runs_for_invocation(self, invocation_id: str) -> list["TriggerRunRecord"]:
        """Return the runs that started an invocation, oldest first."""
        return self._runs.that_started(invocation_id)

    def get_trigger_runs_for_valid_condition(self, valid_condition_id: str) -> list["TriggerRunRecord"]:
        """Return the runs that a satisfied condition took part in, oldest first."""
        return self._runs.of_valid_condition(valid_condition_id)

    def get_trigger_runs_in_timerange(
        self,
        start_time: datetime,
        end_time: datetime,
        *,
        event_code: str | None = None,
        task_id_key: str | None = None,
        limit: int | None = None,
    ) -> list["TriggerRunRecord"]:
        """Return the runs executed, or else claimed, from `start_time` to `end_time`, oldest first."""
        return self._runs.between(
            start_time, end_time, event_code=event_code, task_id=task_id_key, limit=limit
        )

    def get_trigger_runs_sourced_by_invocation(self, invocation_id: str) -> list["TriggerRunRecord"]:
        """Return the runs that an invocation was a source of, oldest first."""
        return self._runs.sourced_by(invocation_id)

    def get_trigger_runs_batch(self, run_ids: Sequence[str]) -> dict[str, "TriggerRunRecord | None"]:
        """Return the run of each id, or None, in one command."""
        return self._runs.get_all(run_ids)

    def get_referenced_atomic_service_run_ids(self) -> set[str]:
        """Return the ids of the atomic service runs that stored trigger runs name."""
        return self._runs.service_run_ids()

    # definitions in batches

    def get_conditions_batch(self, condition_ids: Sequence[str]) -> dict[str, AnyCondition | None]:
        """Return the condition of each id, or None, in one command."""
        return self._conditions.get_all(condition_ids)

    def get_triggers_batch(self, trigger_ids: Sequence[str]) -> dict[str, TriggerDefinition | None]:
        """Return the trigger of each id, or None, in one command."""
        return {
            trigger_id: TriggerDefinition.from_dto(trigger, self.app) if trigger else None
            for trigger_id, trigger in self._triggers.get_all(trigger_ids).items()
        }

    # retention

    def _age_purge_events(self, threshold: datetime) -> list[str]:
        return self._events.delete_before(threshold)

    def _age_purge_trigger_runs(self, threshold: datetime) -> int:
        self._claims.delete_expired(threshold)
        return self._runs.delete_before(threshold)

    def _cap_purge_events(self) -> list[str]:
        return self._events.delete_beyond(self.conf.event_max_records)

    def _cascade_delete_runs_for_events(self, event_ids: list[str]) -> int:
        return self._runs.delete_of_events(event_ids)

    def _cap_purge_trigger_runs(self) -> int:
        return self._runs.delete_beyond(self.conf.trigger_run_max_records)
