"""Definitions: conditions, the triggers that wait for them, and when a cron condition was last satisfied."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING
from uuid import uuid4

from pynenc.identifiers.task_id import TaskId
from pynenc.models.trigger_definition_dto import TriggerDefinitionDTO
from pynenc.trigger.conditions import ConditionContext, EventCondition

from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among, not_among
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.shapes import encoding
from pynenc_mongo.storage.verbs import (
    Filter,
    distinct,
    find_all,
    find_one,
    insert_missing,
    pages,
    update,
    update_if,
)
from pynenc_mongo.trigger import documents
from pynenc_mongo.trigger.documents import CONDITIONS, CRON_EXECUTIONS, TRIGGERS, AnyCondition, ConditionDoc

if TYPE_CHECKING:
    from pynenc.app import Pynenc


class Conditions:
    def __init__(self, app: "Pynenc", collections: Collections, payloads: Payloads) -> None:
        self._app = app
        self._collections = collections
        self._payloads = payloads

    @encoding(CONDITIONS.name)
    def put(self, condition: AnyCondition) -> None:
        """Store a condition; the tasks that it is registered for stay."""
        conditions, key = self._collections.indexed(CONDITIONS), condition.condition_id
        text = self._payloads.store(condition.to_json(self._app), conditions, key, "condition")
        self._payloads.merge(conditions, documents.encode_condition(condition, text), "condition")

    def add_source(self, condition_id: str, task_id: TaskId) -> None:
        """Let a stored condition listen to a task too."""
        source = {"$addToSet": {"source_task_ids": task_id.key}}
        update(self._collections.existing(CONDITIONS), {"_id": condition_id}, source)

    def all(self) -> list[AnyCondition]:
        return self._decoded(chain.from_iterable(pages(self._collections.existing(CONDITIONS), {})))

    def get_all(self, condition_ids: Sequence[str]) -> dict[str, AnyCondition | None]:
        """Return the condition of each id, or None, in one command."""
        found = self._find({"_id": among(condition_ids)}) if condition_ids else []
        stored = {condition.condition_id: condition for condition in found}
        return {condition_id: stored.get(condition_id) for condition_id in condition_ids}

    def sourced_from(
        self, task_id: TaskId, context_type: type[ConditionContext] | None = None
    ) -> list[AnyCondition]:
        """Return the conditions that listen to a task, those of one context type if it is given."""
        found = self._find({"source_task_ids": task_id.key})
        return [condition for condition in found if context_type in (None, condition.context_type)]

    def watched_tasks(self, context_type: type[ConditionContext]) -> set[TaskId]:
        """Return the tasks that conditions of a context type listen to."""
        wanted = {"context_type": context_type.__name__}
        keys = distinct(self._collections.existing(CONDITIONS), "source_task_ids", wanted)
        return documents.decode_sources({"source_task_ids": keys})

    def watched_by_context(
        self, context_types: Iterable[type[ConditionContext]]
    ) -> dict[type[ConditionContext], set[TaskId]]:
        """Return the tasks that conditions of each context type listen to, in one command."""
        by_name = {each.__name__: each for each in context_types}
        watched: dict[type[ConditionContext], set[TaskId]] = {each: set() for each in by_name.values()}
        wanted = {"context_type": among(list(by_name))}
        fields = ["context_type", "source_task_ids"]
        for found in find_all(self._collections.existing(CONDITIONS), wanted, fields):
            watched[by_name[found["context_type"]]].update(documents.decode_sources(found))
        return watched

    def listening_for(self, event_code: str) -> list[EventCondition]:
        found = self._find({"event_code": event_code})
        return [condition for condition in found if isinstance(condition, EventCondition)]

    def _find(self, wanted: Filter) -> list[AnyCondition]:
        return self._decoded(find_all(self._collections.existing(CONDITIONS), wanted))

    def _decoded(self, found: Iterable[ConditionDoc]) -> list[AnyCondition]:
        read = self._payloads.read_each(self._collections.existing(CONDITIONS), found, "condition")
        return [documents.decode_condition(document, text, self._app) for document, text in read]


class Triggers:
    def __init__(self, collections: Collections, payloads: Payloads) -> None:
        self._collections = collections
        self._payloads = payloads

    def put_all(self, triggers: Sequence[TriggerDefinitionDTO]) -> None:
        if not triggers:  # most tasks have none
            return
        collection = self._collections.indexed(TRIGGERS)
        texts = ((each.trigger_id, documents.argument_provider_of(each)) for each in triggers)
        providers = self._payloads.store_all(texts, collection, "argument_provider")
        encoded = list(map(documents.encode_trigger, triggers, providers))
        self._payloads.replace_many(collection, encoded, "argument_provider")

    def get_all(self, trigger_ids: Sequence[str]) -> dict[str, TriggerDefinitionDTO | None]:
        """Return the trigger of each id, or None, in one command."""
        found = self._find({"_id": among(trigger_ids)}) if trigger_ids else []
        stored = {trigger.trigger_id: trigger for trigger in found}
        return {trigger_id: stored.get(trigger_id) for trigger_id in trigger_ids}

    def all(self) -> list[TriggerDefinitionDTO]:
        return self._find({})

    def waiting_for(self, condition_id: str) -> list[TriggerDefinitionDTO]:
        return self._find({"condition_ids": condition_id})

    def delete_of(self, task_id: TaskId, *, keep: Iterable[str] = ()) -> None:
        """Delete the triggers of a task, but for those whose ids are in `keep`."""
        wanted = {"task_id": task_id.key, "_id": not_among(list(keep))}
        self._payloads.delete(self._collections.existing(TRIGGERS), wanted, "argument_provider")

    def _find(self, wanted: Filter) -> list[TriggerDefinitionDTO]:
        triggers = self._collections.existing(TRIGGERS)
        found = self._payloads.read_each(triggers, find_all(triggers, wanted), "argument_provider")
        return [documents.decode_trigger(document, provider) for document, provider in found]


class CronExecutions:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def last(self, condition_id: str) -> datetime | None:
        """Return when the condition was last satisfied, in UTC."""
        found = find_one(self._collections.existing(CRON_EXECUTIONS), {"_id": condition_id})
        return documents.decode_cron_execution(found) if found else None

    def advance(self, condition_id: str, expected: datetime | None, instant: datetime) -> bool:
        """Store `instant` if `expected` is what is stored (None: nothing); return whether it was.

        Of all who expect the same, one writes: the precondition stands in the filter, the key is unique.
        """
        executions = self._collections.indexed(CRON_EXECUTIONS)
        own = {"_id": condition_id, "written_by": uuid4().hex}
        written = {**own, "at": to_micros(instant)}
        if expected is None:
            return insert_missing(executions, written)
        return update_if(
            executions, {"_id": condition_id, "at": to_micros(expected)}, {"$set": written}, done=own
        )
