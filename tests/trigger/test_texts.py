"""What users write comes back as it was."""

from pynenc import Pynenc
from pynenc.trigger.arguments import StaticArgumentProvider, create_argument_filter
from pynenc.trigger.conditions import (
    EventCondition,
    EventContext,
)
from pynenc.trigger.trigger_definitions import TriggerDefinition

from pynenc_mongo.storage.payloads import PARTS
from pynenc_mongo.trigger.documents import EVENTS
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.trigger.helpers import HOSTILE, TASK, event, run


def test_keys_and_values_of_users_come_back_as_they_were(trigger: MongoTrigger) -> None:
    code = "$order.{}\0"
    condition = EventCondition(code, create_argument_filter(HOSTILE))
    definition = TriggerDefinition(
        TASK, [condition.condition_id], argument_provider=StaticArgumentProvider(HOSTILE)
    )
    trigger.register_condition(condition)
    trigger.register_trigger(definition.to_dto(trigger.app))

    event_id = trigger.emit_event(code, HOSTILE)
    trigger.store_trigger_run(run(0, arguments_preview=HOSTILE, event_ids=["$gt", event_id]))

    found = trigger.get_event(event_id)
    assert found
    assert (found.payload, found.event_code) == (HOSTILE, code)
    assert found.matched_condition_ids == [condition.condition_id]
    (valid,) = trigger.get_valid_conditions().values()
    assert isinstance(valid.context, EventContext)
    assert valid.context.payload == HOSTILE
    assert trigger.get_trigger(definition.trigger_id) == definition
    assert trigger.get_trigger_run("run-00") == run(0, arguments_preview=HOSTILE, event_ids=["$gt", event_id])
    assert trigger.list_event_codes() == [code]
    assert trigger.count_events(event_code=code) == 1
    assert trigger.get_triggers_for_condition(condition.condition_id) == [definition.to_dto(trigger.app)]


def test_large_texts_are_read_replaced_and_deleted_with_all_their_parts(
    trigger: MongoTrigger, mongo_app: Pynenc
) -> None:
    mongo_app.config_values = {**(mongo_app.config_values or {}), "chunk_threshold": 64}
    small_parts = MongoTrigger(mongo_app)
    parts = trigger._collections.existing(PARTS)
    payload = {f"key {number}": f"value {number * number}" for number in range(200)}
    condition = EventCondition("order.paid", create_argument_filter(None))
    small_parts.register_condition(condition)

    event_id = small_parts.emit_event("order.paid", payload)
    assert (
        len(list(trigger._collections.existing(EVENTS).find({"record.generation": {"$exists": True}}))) == 1
    )
    for reader in (trigger, small_parts):
        found = reader.get_event(event_id)
        assert found
        assert (found.payload, found.matched) == (payload, True)
        (valid,) = reader.get_valid_conditions().values()
        assert isinstance(valid.context, EventContext)
        assert valid.context.payload == payload

    after_one_event = len(list(parts.find({})))
    assert found
    small_parts.store_event(found)
    small_parts.record_valid_condition(valid)
    assert len(list(parts.find({}))) == after_one_event
    small_parts.clear_valid_conditions([valid])
    trigger.store_event(found)
    trigger.register_condition(condition)
    assert list(parts.find({})) == []

    small_parts.store_event(event(0, payload=payload))
    assert small_parts.auto_purge_events() == 1
    assert list(parts.find({})) == []


def test_large_definitions_and_runs_are_read_replaced_and_deleted_with_all_their_parts(
    trigger: MongoTrigger, mongo_app: Pynenc
) -> None:
    mongo_app.config_values = {**(mongo_app.config_values or {}), "chunk_threshold": 64}
    small_parts = MongoTrigger(mongo_app)
    parts = trigger._collections.existing(PARTS)
    large = {f"key {number}": f"\ud800 value {number * number}" for number in range(200)}
    condition = EventCondition("order.paid", create_argument_filter(large))
    definition = TriggerDefinition(
        TASK, [condition.condition_id], argument_provider=StaticArgumentProvider(large)
    )

    for _ in range(2):
        small_parts.register_condition(condition)
        small_parts.register_trigger(definition.to_dto(trigger.app))
        small_parts.store_trigger_run(run(0, arguments_preview=large, event_ids=["event"]))
        generations = {part["_id"].partition(":")[0] for part in parts.find({})}
        assert len(generations) == 3
    (found,) = trigger.get_conditions_batch([condition.condition_id]).values()
    assert found
    assert found.to_json(mongo_app) == condition.to_json(mongo_app)
    assert trigger.get_trigger(definition.trigger_id) == definition
    assert trigger.get_trigger_runs_for_event("event") == [
        run(0, arguments_preview=large, event_ids=["event"])
    ]

    trigger.clean_task_trigger_definitions(TASK)
    assert trigger._cascade_delete_runs_for_events(["event"]) == 1
    trigger.register_condition(condition)
    assert list(parts.find({})) == []
    assert trigger.get_trigger(definition.trigger_id) is None
