"""The documents of the trigger, how each is made and read, and the indexes behind its queries."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from pymongo.operations import IndexModel
from pynenc.identifiers.task_id import TaskId
from pynenc.models.trigger_definition_dto import TriggerDefinitionDTO
from pynenc.trigger.conditions import CompositeLogic, EventCondition, TriggerCondition, ValidCondition
from pynenc.trigger.monitoring import EventMarker, EventRecord, TriggerRunRecord

from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.conditions import Condition
from pynenc_mongo.storage.instants import from_micros, sortable, to_micros
from pynenc_mongo.storage.payloads import PARTS, Payload
from pynenc_mongo.storage.shapes import decodes

if TYPE_CHECKING:
    from pynenc.app import Pynenc

COMPONENT = "trigger"

type AnyCondition = TriggerCondition[Any]


class ConditionDoc(TypedDict):
    """A condition, as pynenc's own JSON, and what it listens to; `_id` is the condition id."""

    _id: str
    condition: Payload
    context_type: str
    event_code: NotRequired[str]
    source_task_ids: NotRequired[list[str]]


class TriggerDoc(TypedDict):
    """Which task runs on which conditions; `_id` is the trigger id."""

    _id: str
    task_id: str
    condition_ids: list[str]
    logic: str
    argument_provider: Payload


class CronExecutionDoc(TypedDict):
    """When a cron condition was last satisfied; `_id` is the condition id."""

    _id: str
    at: int
    written_by: str  # one token a write, which tells a writer its own after a lost answer


class ValidConditionDoc(TypedDict):
    """A condition and the context that satisfied it, as pynenc's own JSON; `_id` is the pair's id."""

    _id: str
    pair: Payload


class ClaimDoc(TypedDict):
    """Until when nobody else may run what `_id` names."""

    _id: str
    until: int
    taken_by: str  # one token a claim, as above


class EventDoc(TypedDict):
    """An event, as pynenc's own JSON, and what it is found by; `_id` is the event id.

    `when` is the instant and then the id: one order of all events, in which no two are equal. The invocations
    that it triggered are absent until there is one, and are no part of the record.
    """

    _id: str
    when: str
    at: int
    code: str
    matched: bool
    emitted_by_invocation_id: str | None
    emitted_by_task_id: str | None
    emitted_by_runner_context_id: str | None
    record: Payload
    triggered_invocation_ids: NotRequired[list[str]]


class TriggerRunDoc(TypedDict):
    """A trigger run, as pynenc's own JSON, and what it is found by; `_id` is the trigger run id.

    `when` is the instant of its execution, or else of its claim, and then the id; a run without either
    comes first.
    """

    _id: str
    when: str
    task_id: str
    record: Payload
    event_ids: NotRequired[list[str]]
    invocation_id: NotRequired[str]
    source_invocation_ids: NotRequired[list[str]]
    valid_condition_ids: NotRequired[list[str]]
    service_run_id: NotRequired[str]


CONDITIONS = CollectionSpec(
    "conditions",
    ConditionDoc,
    (
        # report_tasks_status, at every status change: which tasks does any condition watch
        IndexModel([("context_type", 1)], name="context_type"),
        # get_conditions_sourced_from_task, at every result and every failure
        IndexModel([("source_task_ids", 1)], name="source_task_ids", sparse=True),
        # emit_event
        IndexModel([("event_code", 1)], name="event_code", sparse=True),
    ),
)
TRIGGERS = CollectionSpec(
    "triggers",
    TriggerDoc,
    (
        # get_triggers_for_condition, for every satisfied condition
        IndexModel([("condition_ids", 1)], name="condition_ids"),
        # register_task_triggers and clean_task_trigger_definitions
        IndexModel([("task_id", 1)], name="task_id"),
    ),
)
CRON_EXECUTIONS = CollectionSpec("cron_executions", CronExecutionDoc)
VALID_CONDITIONS = CollectionSpec("valid_conditions", ValidConditionDoc)
CLAIMS = CollectionSpec(
    "claims",
    ClaimDoc,
    # retention, at every loop iteration: no TTL index, for which mongomock warns at every command
    (IndexModel([("until", 1)], name="until"),),
)
EVENTS = CollectionSpec(
    "events",
    EventDoc,
    (
        # get_events and get_event_markers_in_timerange, by time; retention, at every loop iteration
        IndexModel([("when", 1)], name="when"),
        # the same for one code; list_event_codes
        IndexModel([("code", 1), ("when", 1)], name="code"),
        # get_events_emitted_by_invocation, by time
        IndexModel([("emitted_by_invocation_id", 1), ("when", 1)], name="emitted_by_invocation_id"),
    ),
)
RUNS = CollectionSpec(
    "runs",
    TriggerRunDoc,
    (
        # get_trigger_runs_in_timerange, by time; retention, at every loop iteration
        IndexModel([("when", 1)], name="when"),
        # the same for one task
        IndexModel([("task_id", 1), ("when", 1)], name="task_id"),
        # get_trigger_runs_for_event; the runs of the events that retention deletes
        IndexModel([("event_ids", 1)], name="event_ids", sparse=True),
        # get_trigger_runs_for_invocation: it has one
        IndexModel([("invocation_id", 1)], name="invocation_id", sparse=True),
        # get_trigger_runs_sourced_by_invocation: it has a few, sorted here
        IndexModel([("source_invocation_ids", 1)], name="source_invocation_ids", sparse=True),
        # get_trigger_runs_for_valid_condition: it has a few, sorted here
        IndexModel([("valid_condition_ids", 1)], name="valid_condition_ids", sparse=True),
        # get_referenced_atomic_service_run_ids, before every purge of the orchestrator
        IndexModel([("service_run_id", 1)], name="service_run_id", sparse=True),
    ),
)

SPECS: tuple[CollectionSpec[Any], ...] = (
    CONDITIONS,
    TRIGGERS,
    CRON_EXECUTIONS,
    VALID_CONDITIONS,
    CLAIMS,
    EVENTS,
    RUNS,
    PARTS,
)

# all that a marker shows, without the record
MARKER_FIELDS = (
    "at",
    "code",
    "matched",
    "emitted_by_invocation_id",
    "emitted_by_runner_context_id",
    "triggered_invocation_ids",
)

# `when`: an instant in digits, this sign, an id; the first ones sort before every digit
_SEPARATOR = ":"
_AFTER_SEPARATOR = ";"
_WITHOUT_INSTANT = "-"


def encode_condition(condition: AnyCondition, text: Payload) -> ConditionDoc:
    document: ConditionDoc = {
        "_id": condition.condition_id,
        "condition": text,
        "context_type": condition.context_type.__name__,
    }
    if isinstance(condition, EventCondition):
        document["event_code"] = condition.event_code
    return document


def argument_provider_of(trigger: TriggerDefinitionDTO) -> str:
    """Return the argument provider as pynenc's own JSON, or an empty text, which is no JSON, for none."""
    return trigger.argument_provider_json or ""


def encode_trigger(trigger: TriggerDefinitionDTO, argument_provider: Payload) -> TriggerDoc:
    return {
        "_id": trigger.trigger_id,
        "task_id": trigger.task_id.key,
        "condition_ids": list(trigger.condition_ids),
        "logic": trigger.logic.value,
        "argument_provider": argument_provider,
    }


@decodes(CONDITIONS.name)
def decode_condition(_document: ConditionDoc, condition: str, app: "Pynenc") -> AnyCondition:
    return TriggerCondition.from_json(condition, app)


@decodes(CONDITIONS.name)
def decode_sources(document: Mapping[str, Any]) -> set[TaskId]:
    return set(map(TaskId.from_key, document.get("source_task_ids", ())))


@decodes(TRIGGERS.name)
def decode_trigger(document: TriggerDoc, argument_provider: str) -> TriggerDefinitionDTO:
    return TriggerDefinitionDTO(
        trigger_id=document["_id"],
        task_id=TaskId.from_key(document["task_id"]),
        condition_ids=document["condition_ids"],
        logic=CompositeLogic(document["logic"]),
        argument_provider_json=argument_provider or None,
    )


def encode_valid_condition(valid_condition: ValidCondition, pair: Payload) -> ValidConditionDoc:
    return {"_id": valid_condition.valid_condition_id, "pair": pair}


@decodes(VALID_CONDITIONS.name)
def decode_valid_condition(_document: ValidConditionDoc, pair: str, app: "Pynenc") -> ValidCondition:
    return ValidCondition.from_json(pair, app)


@decodes(CRON_EXECUTIONS.name)
def decode_cron_execution(document: CronExecutionDoc) -> datetime:
    return from_micros(document["at"])


def encode_event(event: EventRecord, record: Payload) -> EventDoc:
    """Return the document without the triggered invocations: those are added to what is stored."""
    return {
        "_id": event.event_id,
        "when": _place(event.timestamp, event.event_id),
        "at": to_micros(event.timestamp),
        "code": event.event_code,
        "matched": event.matched,
        "emitted_by_invocation_id": event.emitted_by_invocation_id,
        "emitted_by_task_id": event.emitted_by_task_id,
        "emitted_by_runner_context_id": event.emitted_by_runner_context_id,
        "record": record,
    }


@decodes(EVENTS.name)
def decode_event(document: EventDoc, record: str, app: "Pynenc") -> EventRecord:
    event = EventRecord.from_json(record, app)
    event.triggered_invocation_ids = document.get("triggered_invocation_ids", [])
    return event


@decodes(EVENTS.name)
def decode_marker(document: EventDoc) -> EventMarker:
    return EventMarker(
        event_id=document["_id"],
        event_code=document["code"],
        timestamp=from_micros(document["at"]),
        matched=document["matched"],
        triggered="triggered_invocation_ids" in document,
        emitted_by_invocation_id=document["emitted_by_invocation_id"],
        emitted_by_runner_context_id=document["emitted_by_runner_context_id"],
    )


def encode_run(run: TriggerRunRecord, record: Payload) -> TriggerRunDoc:
    document: TriggerRunDoc = {
        "_id": run.trigger_run_id,
        "when": _place(run.executed_at or run.claimed_at, run.trigger_run_id),
        "task_id": run.task_id_key,
        "record": record,
    }
    participating = (participant.valid_condition_id for participant in run.participants)
    if event_ids := _each_once(run.event_ids):
        document["event_ids"] = event_ids
    if run.triggered_invocation_id:
        document["invocation_id"] = run.triggered_invocation_id
    if source_invocation_ids := _each_once(run.source_invocation_ids):
        document["source_invocation_ids"] = source_invocation_ids
    if valid_condition_ids := _each_once([*run.valid_condition_ids, *participating]):
        document["valid_condition_ids"] = valid_condition_ids
    if run.atomic_service_run_id:
        document["service_run_id"] = run.atomic_service_run_id
    return document


@decodes(RUNS.name)
def decode_run(_document: TriggerRunDoc, record: str) -> TriggerRunRecord:
    return TriggerRunRecord.from_json(record)


def between(start: datetime | None, end: datetime | None) -> Condition:
    """Return what `when` is for the instants from `start` to `end`, both included; None is open."""
    return Condition(
        {
            "$gte": sortable(start) if start else "0",
            "$lt": (sortable(end) if end else "9") + _AFTER_SEPARATOR,
        }
    )


def before(instant: datetime) -> Condition:
    """Return what `when` is for the instants before `instant`."""
    return Condition({"$gte": "0", "$lt": sortable(instant)})


def _place(instant: datetime | None, key: str) -> str:
    return (sortable(instant) if instant else _WITHOUT_INSTANT) + _SEPARATOR + key


def _each_once(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
