"""Triggers and events as a snapshot has them: what is registered, what it has made, and why not."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from pytest_pynenc_mongo.snapshot import Event, Trigger

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.task_id import TaskId
    from pynenc.models.trigger_definition_dto import TriggerDefinitionDTO
    from pynenc.trigger.conditions import TriggerCondition
    from pynenc.trigger.monitoring import EventRecord

    from pynenc_mongo.trigger.mongo_trigger import MongoTrigger

_CORE_TASKS = "pynenc.core_tasks"
_MOST_EVENTS, _MOST_RUNS = 50, 1000
_MOST_CHARACTERS = 200
_NEVER, _FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def events_of(app: "Pynenc") -> tuple[Event, ...]:
    """Return the latest events, latest first, in one command."""
    return tuple(map(_event, app.trigger.get_events(limit=_MOST_EVENTS)))


def all_of(app: "Pynenc") -> tuple[Trigger, ...]:
    """Return the triggers of the user's tasks, in four commands; those too that wait for a runner's start."""
    trigger = cast("MongoTrigger", app.trigger)
    definitions = [each for each in trigger.get_all_triggers() if each.task_id.module != _CORE_TASKS]
    # a worker registers them, and the test process may still be about to
    deferred = _deferred(app, {each.task_id for each in definitions})
    if not definitions:
        return deferred
    conditions = {each.condition_id: each for each in trigger._get_all_conditions()}  # no public way
    runs = trigger.get_trigger_runs_in_timerange(_NEVER, _FOREVER, limit=_MOST_RUNS)
    fired = Counter(run.task_id_key for run in runs if run.triggered_invocation_id)
    events = trigger.get_events(limit=_MOST_EVENTS)
    return deferred + tuple(
        _trigger(each, [conditions.get(key) for key in each.condition_ids], fired[each.task_id.key], events)
        for each in definitions
    )


def _trigger(
    definition: "TriggerDefinitionDTO",
    conditions: "Sequence[TriggerCondition[Any] | None]",
    fired: int,
    events: "Sequence[EventRecord]",
) -> Trigger:
    return Trigger(
        task=f"{definition.task_id.module}.{definition.task_id.func_name}",
        conditions=tuple(map(_described, conditions)),
        logic=definition.logic.value.lower(),
        fired=fired,
        remark="" if fired else _why_missed(conditions, events),
    )


def _deferred(app: "Pynenc", registered: "Collection[TaskId]") -> tuple[Trigger, ...]:
    """Return the triggers that a runner registers when it starts."""
    return tuple(
        Trigger(
            task=f"{task_id.module}.{task_id.func_name}",
            conditions=tuple(map(_described, builder.conditions)),
            logic=builder.logic.value.lower(),
            fired=0,
            remark="",
            is_registered=False,
        )
        for task_id, builders in app._deferred_trigger_tasks.items()  # there is no public way
        for builder in builders
        if task_id.module != _CORE_TASKS and task_id not in registered
    )


def _why_missed(conditions: "Sequence[TriggerCondition[Any] | None]", events: "Sequence[EventRecord]") -> str:
    """Return why a trigger has made nothing of the events that came; empty where it waits for none."""
    from pynenc.trigger.conditions import EventCondition

    codes = {each.event_code for each in conditions if isinstance(each, EventCondition)}
    heard = [each for each in events if each.event_code in codes]
    if not codes or not events:
        return ""
    if any(each.matched for each in heard):
        missing = (
            "the other conditions are not met" if len(conditions) > 1 else "no trigger loop has run since"
        )
        return f"its event came, {missing}"
    if heard:
        return "its event came, and the filter of its payload did not match"
    others = ", ".join(repr(code) for code in dict.fromkeys(each.event_code for each in events))
    wanted = " and ".join(map(repr, sorted(codes)))
    return f"it waits for event {wanted}, and only {others} came"


def _described(condition: "TriggerCondition[Any] | None") -> str:
    from pynenc.trigger import conditions as kinds

    text = type(condition).__name__ if condition else "a condition that is gone"
    match condition:
        case kinds.CronCondition():
            text = f"cron {condition.cron_expression!r}"
        case kinds.EventCondition():
            text = f"event {condition.event_code!r}"
        case kinds.ResultCondition():
            text = f"result of {_tasks(condition)}"
        case kinds.ExceptionCondition():
            text = f"exception of {_tasks(condition)}"
        case kinds.StatusCondition():
            text = f"status {_any_of(status.value for status in condition.statuses)} of {_tasks(condition)}"
        case kinds.CompositeCondition():
            joint = f" {condition.logic.value.lower()} "
            text = f"({joint.join(map(_described, condition.conditions))})"
    return text


def _tasks(condition: "TriggerCondition[Any]") -> str:
    return _any_of(sorted(task_id.func_name for task_id in condition.get_source_task_ids()))


def _any_of(names: Iterable[str]) -> str:
    return " or ".join(names) or "any"


def _event(event: "EventRecord") -> Event:
    return Event(
        code=event.event_code,
        at=event.timestamp.timestamp(),
        payload=" ".join(repr(event.payload).split())[:_MOST_CHARACTERS],
        is_matched=event.matched,
        triggered=tuple(event.triggered_invocation_ids),
    )
