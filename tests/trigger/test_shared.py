"""What several processes do to one store."""

from datetime import timedelta
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus
from pynenc.trigger import TriggerBuilder
from pynenc.trigger.arguments import create_argument_filter
from pynenc.trigger.conditions import (
    CronCondition,
    CronContext,
    EventCondition,
    EventContext,
    StatusCondition,
    ValidCondition,
)

from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.trigger.helpers import NOW, TASK, event, ship


def test_storing_an_event_again_keeps_what_another_process_linked(trigger: MongoTrigger) -> None:
    trigger.store_event(event(0))
    trigger.link_trigger_run_to_events(["event-00", "unknown"], "inv-1", trigger_run_id="run")
    trigger.store_event(event(0, matched_condition_ids=["condition"], triggered_invocation_ids=["inv-2"] * 2))
    trigger.link_trigger_run_to_events(["event-00"], "inv-1", trigger_run_id="run")

    found = trigger.get_event("event-00")
    assert found
    assert (found.triggered_invocation_ids, found.matched) == (["inv-1", "inv-2"], True)
    assert trigger.count_events(matched=True, triggered=True) == 1
    assert trigger.get_event("unknown") is None


def test_registering_a_condition_again_keeps_its_sources_and_its_last_execution(
    trigger: MongoTrigger, mongo_app: Pynenc
) -> None:
    cron = CronCondition("* * * * *")
    status = StatusCondition(TASK, [InvocationStatus.SUCCESS], create_argument_filter(None))
    for condition in (cron, status):
        trigger.register_condition(condition)
    trigger.register_source_task_condition(TaskId("shop.orders", "pay"), status.condition_id)
    trigger.store_last_cron_execution(cron.condition_id, NOW)

    again = MongoTrigger(mongo_app)
    for condition in (cron, status):
        again.register_condition(condition)

    assert trigger.get_last_cron_execution(cron.condition_id) == NOW
    for task in (TASK, TaskId("shop.orders", "pay")):
        (found,) = again.get_conditions_sourced_from_task(task)
        assert found.condition_id == status.condition_id


def test_registering_the_triggers_of_a_task_again_leaves_no_moment_without_them(
    trigger: MongoTrigger, mongo_app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = mongo_app.task(ship)
    cron, paid = TriggerBuilder().on_cron("* * * * *"), TriggerBuilder().on_event("order.paid")
    condition_id = cron.conditions[0].condition_id
    trigger.register_task_triggers(task, [cron, paid])
    seen = []
    delete = trigger._triggers.delete_of

    def look_and_delete(task_id: TaskId, **options: Any) -> None:
        seen.append(len(trigger.get_triggers_for_condition(condition_id)))
        delete(task_id, **options)

    monkeypatch.setattr(trigger._triggers, "delete_of", look_and_delete)
    trigger.register_task_triggers(task, cron)

    assert seen == [1]
    assert len(trigger.get_triggers_for_condition(condition_id)) == 1
    assert trigger.get_triggers_for_condition(paid.conditions[0].condition_id) == []
    trigger.register_task_triggers(task)
    assert trigger.get_triggers_for_condition(condition_id) == []


def test_satisfied_conditions_come_in_the_order_in_which_they_were_satisfied(trigger: MongoTrigger) -> None:
    condition = EventCondition("order.paid", create_argument_filter(None))
    contexts = [EventContext(name, "order.paid", {}) for name in ("z", "a", "m")]
    trigger.record_valid_conditions([ValidCondition(condition, context) for context in reversed(contexts)])
    assert [valid.context for valid in trigger.get_valid_conditions().values()] == contexts


def test_of_two_contexts_under_one_id_the_later_one_counts(trigger: MongoTrigger) -> None:
    condition = CronCondition("* * * * *")
    early, late = (
        ValidCondition(condition, CronContext(timestamp=NOW, last_execution=NOW - timedelta(minutes=minutes)))
        for minutes in (2, 1)
    )
    trigger.record_valid_conditions([late, early, late])
    (found,) = trigger.get_valid_conditions().values()
    assert isinstance(found.context, CronContext)
    assert found.context.last_execution == NOW - timedelta(minutes=1)
