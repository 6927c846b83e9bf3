"""Definitions: conditions, the triggers that wait for them, and when a cron condition was last satisfied."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING

from pynenc.identifiers.task_id import TaskId
from pynenc.models.trigger_definition_dto import TriggerDefinitionDTO
from pynenc.trigger.conditions import ConditionContext, EventCondition

from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.instants import from_micros, to_micros
from pynenc_mongo.storage.verbs import Filter, insert_missing, pages, put_many, update_if
from pynenc_mongo.trigger import documents
from pynenc_mongo.trigger.documents import CONDITIONS, CRON_EXECUTIONS, TRIGGERS, Condition

if TYPE_CHECKING:
    from pynenc.app import Pynenc


class Conditions:
    def __init__(self, app: "Pynenc", collections: Collections) -> None:
        self._app = app
        self._collections = collections

    def put(self, condition: Condition) -> None:
        """Store a condition; the tasks that it is registered for stay."""
        update = documents.update_to(documents.encode_condition(condition, self._app))
        self._collections.indexed(CONDITIONS).update_one({"_id": condition.condition_id}, update, upsert=True)

    def add_source(self, condition_id: str, task_id: TaskId) -> None:
        """Let a stored condition listen to a task too."""
        source = {"$addToSet": {"source_task_ids": task_id.key}}
        self._collections.existing(CONDITIONS).update_one({"_id": condition_id}, source)

    def all(self) -> list[Condition]:
        found = chain.from_iterable(pages(self._collections.existing(CONDITIONS), {}))
        return [documents.decode_condition(document, self._app) for document in found]

    def get_all(self, condition_ids: Sequence[str]) -> dict[str, Condition | None]:
        """Return the condition of each id, or None, in one command."""
        found = self._find({"_id": {"$in": list(condition_ids)}}) if condition_ids else []
        stored = {condition.condition_id: condition for condition in found}
        return {condition_id: stored.get(condition_id) for condition_id in condition_ids}

    def sourced_from(
        self, task_id: TaskId, context_type: type[ConditionContext] | None = None
    ) -> list[Condition]:
        """Return the conditions that listen to a task, those of one context type if it is given."""
        found = self._find({"source_task_ids": task_id.key})
        return [condition for condition in found if context_type in (None, condition.context_type)]

    def watched_tasks(self, context_type: type[ConditionContext]) -> set[TaskId]:
        """Return the tasks that conditions of a context type listen to."""
        wanted = {"context_type": context_type.__name__}
        keys = self._collections.existing(CONDITIONS).distinct("source_task_ids", wanted)
        return set(map(TaskId.from_key, keys))

    def watched_by_context(
        self, context_types: Iterable[type[ConditionContext]]
    ) -> dict[type[ConditionContext], set[TaskId]]:
        """Return the tasks that conditions of each context type listen to, in one command."""
        by_name = {each.__name__: each for each in context_types}
        watched: dict[type[ConditionContext], set[TaskId]] = {each: set() for each in by_name.values()}
        wanted = {"context_type": {"$in": list(by_name)}}
        for found in self._collections.existing(CONDITIONS).find(wanted, ["context_type", "source_task_ids"]):
            tasks = map(TaskId.from_key, found.get("source_task_ids", ()))
            watched[by_name[found["context_type"]]].update(tasks)
        return watched

    def listening_for(self, event_code: str) -> list[EventCondition]:
        found = self._find({"event_code": event_code})
        return [condition for condition in found if isinstance(condition, EventCondition)]

    def _find(self, wanted: Filter) -> list[Condition]:
        found = self._collections.existing(CONDITIONS).find(wanted)
        return [documents.decode_condition(document, self._app) for document in found]


class Triggers:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def put_all(self, triggers: Sequence[TriggerDefinitionDTO]) -> None:
        if triggers:  # most tasks have none
            put_many(self._collections.indexed(TRIGGERS), list(map(documents.encode_trigger, triggers)))

    def get_all(self, trigger_ids: Sequence[str]) -> dict[str, TriggerDefinitionDTO | None]:
        """Return the trigger of each id, or None, in one command."""
        found = self._find({"_id": {"$in": list(trigger_ids)}}) if trigger_ids else []
        stored = {trigger.trigger_id: trigger for trigger in found}
        return {trigger_id: stored.get(trigger_id) for trigger_id in trigger_ids}

    def waiting_for(self, condition_id: str) -> list[TriggerDefinitionDTO]:
        return self._find({"condition_ids": condition_id})

    def delete_of(self, task_id: TaskId, *, keep: Iterable[str] = ()) -> None:
        """Delete the triggers of a task, but for those whose ids are in `keep`."""
        self._collections.existing(TRIGGERS).delete_many(
            {"task_id": task_id.key, "_id": {"$nin": list(keep)}}
        )

    def _find(self, wanted: Filter) -> list[TriggerDefinitionDTO]:
        return list(map(documents.decode_trigger, self._collections.existing(TRIGGERS).find(wanted)))


class CronExecutions:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def last(self, condition_id: str) -> datetime | None:
        """Return when the condition was last satisfied, in UTC."""
        found = self._collections.existing(CRON_EXECUTIONS).find_one({"_id": condition_id})
        return from_micros(found["at"]) if found else None

    def advance(self, condition_id: str, expected: datetime | None, instant: datetime) -> bool:
        """Store `instant` if `expected` is what is stored (None: nothing); return whether it was.

        Of all who expect the same, one writes: the precondition stands in the filter, the key is unique.
        """
        executions = self._collections.indexed(CRON_EXECUTIONS)
        at = to_micros(instant)
        if expected is None:
            return insert_missing(executions, {"_id": condition_id, "at": at})
        return update_if(executions, {"_id": condition_id, "at": to_micros(expected)}, {"$set": {"at": at}})
