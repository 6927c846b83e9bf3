"""How many commands each operation costs."""

from typing import TYPE_CHECKING, Any

import pytest
from pynenc import Pynenc
from pynenc.invocation.status import InvocationStatus
from pynenc.trigger.arguments import create_argument_filter, create_result_filter
from pynenc.trigger.conditions import (
    CronCondition,
    EventCondition,
    ExceptionCondition,
    ResultCondition,
    StatusCondition,
)

from pynenc_mongo.trigger.mongo_trigger import MongoTrigger

if TYPE_CHECKING:
    from pynenc.task import Task

from tests.commands import CommandLog
from tests.trigger.helpers import SERVICE_RUN, TASK, event, pay, ship


@pytest.fixture
def app(place: tuple[str, str]) -> Pynenc:
    """An app of which the trigger alone is on MongoDB."""
    url, database = place
    return Pynenc(config_values={"app_id": "trigger-tests", "mongo_url": url, "mongo_db": database})


@pytest.fixture
def trigger(app: Pynenc, commands: CommandLog) -> MongoTrigger:
    return MongoTrigger(app)


@pytest.fixture
def tasks(app: Pynenc) -> tuple["Task[Any, Any]", "Task[Any, Any]"]:
    return app.task(pay), app.task(ship)


def test_a_status_change_where_no_task_is_watched_costs_one_command(
    trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], commands: CommandLog
) -> None:
    trigger.register_condition(CronCondition("* * * * *"))
    invocations = [tasks[0](amount) for amount in range(3)]
    commands.clear()

    trigger.report_tasks_status([each.invocation_id for each in invocations], InvocationStatus.SUCCESS)

    assert commands.lines() == ["distinct trigger_conditions"]


def test_a_batch_of_status_changes_costs_three_commands(
    trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], commands: CommandLog
) -> None:
    for task_id, arguments in [(tasks[0].task_id, {"amount": 1}), (tasks[0].task_id, None), (TASK, None)]:
        trigger.register_condition(
            StatusCondition(task_id, [InvocationStatus.SUCCESS], create_argument_filter(arguments))
        )
    invocations = [task(amount) for task in tasks for amount in range(3)]
    commands.clear()

    trigger.report_tasks_status([each.invocation_id for each in invocations], InvocationStatus.SUCCESS)

    assert commands.lines() == [
        "distinct trigger_conditions",
        "find trigger_conditions",
        "insert trigger_valid_conditions",
    ]
    assert len(trigger.get_valid_conditions()) == 4


def test_a_result_and_a_failure_that_nobody_listens_for_cost_one_command_each(
    trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], commands: CommandLog
) -> None:
    invocation: Any = tasks[0](1)
    commands.clear()
    trigger.report_invocation_result(invocation, 1)
    trigger.report_invocation_failure(invocation, ValueError("no"))
    assert commands.lines() == ["find trigger_conditions"] * 2


def test_a_result_and_a_failure_satisfy_the_conditions_that_listen_for_them(
    trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = create_argument_filter(None)
    result = ResultCondition(tasks[0].task_id, everything, create_result_filter(1))
    failure = ExceptionCondition(tasks[0].task_id, everything, ["ValueError"])
    for condition in (result, failure):
        trigger.register_condition(condition)
    invocation: Any = tasks[0](1)

    def is_now(status: InvocationStatus) -> None:
        monkeypatch.setattr(trigger.app.orchestrator, "get_invocation_status", lambda _: status)

    is_now(InvocationStatus.SUCCESS)
    trigger.report_invocation_result(invocation, 2)
    assert trigger.get_valid_conditions() == {}
    trigger.report_invocation_result(invocation, 1)
    is_now(InvocationStatus.FAILED)
    trigger.report_invocation_failure(invocation, ValueError("no"))

    satisfied = [valid.condition.condition_id for valid in trigger.get_valid_conditions().values()]
    assert satisfied == [result.condition_id, failure.condition_id]


def test_an_event_costs_two_commands_and_two_more_where_it_satisfies_a_condition(
    trigger: MongoTrigger, commands: CommandLog
) -> None:
    trigger.register_condition(EventCondition("order.paid", create_argument_filter(None)))
    trigger.store_event(event(0))
    trigger.get_valid_conditions()
    stored_and_looked = ["update trigger_events", "find trigger_conditions"]
    commands.clear()

    trigger.emit_event("nobody listens", {})
    assert commands.lines() == stored_and_looked
    commands.clear()

    trigger.emit_event("order.paid", {})
    assert commands.lines() == [
        *stored_and_looked,
        "insert trigger_valid_conditions",
        "update trigger_events",
    ]


def test_a_loop_iteration_with_nothing_to_do_costs_five_commands(
    trigger: MongoTrigger, commands: CommandLog
) -> None:
    trigger.register_condition(EventCondition("order.paid", create_argument_filter(None)))
    commands.clear()
    trigger.trigger_loop_iteration(SERVICE_RUN)
    assert commands.lines() == [
        "find trigger_conditions",
        "find trigger_valid_conditions",
        "find trigger_events",
        "delete trigger_claims",
        "find trigger_runs",
    ]


def test_batches_cost_one_command_each(trigger: MongoTrigger, commands: CommandLog) -> None:
    names = ["one", "two", "one"]
    trigger.get_events_batch(names)
    trigger.get_trigger_runs_batch(names)
    trigger.get_conditions_batch(names)
    trigger.get_triggers_batch(names)
    assert commands.names() == ["find"] * 4
    commands.clear()
    assert trigger.get_events_batch([]) == trigger.get_triggers_batch([]) == {}
    assert commands.lines() == []
