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

from tests.trigger.helpers import SERVICE_RUN, TASK, event, pay, ship


@pytest.fixture
def tasks(local_app: Pynenc) -> tuple["Task[Any, Any]", "Task[Any, Any]"]:
    return local_app.task(pay), local_app.task(ship)


def test_a_status_change_where_no_task_is_watched_costs_one_command(
    local_trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], commands: list[str]
) -> None:
    local_trigger.register_condition(CronCondition("* * * * *"))
    invocations = [tasks[0](amount) for amount in range(3)]
    commands.clear()

    local_trigger.report_tasks_status([each.invocation_id for each in invocations], InvocationStatus.SUCCESS)

    assert commands == ["trigger_conditions.distinct"]


def test_a_batch_of_status_changes_costs_three_commands(
    local_trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], commands: list[str]
) -> None:
    for task_id, arguments in [(tasks[0].task_id, {"amount": 1}), (tasks[0].task_id, None), (TASK, None)]:
        local_trigger.register_condition(
            StatusCondition(task_id, [InvocationStatus.SUCCESS], create_argument_filter(arguments))
        )
    invocations = [task(amount) for task in tasks for amount in range(3)]
    commands.clear()

    local_trigger.report_tasks_status([each.invocation_id for each in invocations], InvocationStatus.SUCCESS)

    assert commands == [
        "trigger_conditions.distinct",
        "trigger_conditions.find",
        "trigger_valid_conditions.insert_many",
    ]
    assert len(local_trigger.get_valid_conditions()) == 4


def test_a_result_and_a_failure_that_nobody_listens_for_cost_one_command_each(
    local_trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], commands: list[str]
) -> None:
    invocation: Any = tasks[0](1)
    commands.clear()
    local_trigger.report_invocation_result(invocation, 1)
    local_trigger.report_invocation_failure(invocation, ValueError("no"))
    assert commands == ["trigger_conditions.find"] * 2


def test_a_result_and_a_failure_satisfy_the_conditions_that_listen_for_them(
    local_trigger: MongoTrigger, tasks: tuple["Task[Any, Any]", ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = create_argument_filter(None)
    result = ResultCondition(tasks[0].task_id, everything, create_result_filter(1))
    failure = ExceptionCondition(tasks[0].task_id, everything, ["ValueError"])
    for condition in (result, failure):
        local_trigger.register_condition(condition)
    invocation: Any = tasks[0](1)

    def is_now(status: InvocationStatus) -> None:
        monkeypatch.setattr(local_trigger.app.orchestrator, "get_invocation_status", lambda _: status)

    is_now(InvocationStatus.SUCCESS)
    local_trigger.report_invocation_result(invocation, 2)
    assert local_trigger.get_valid_conditions() == {}
    local_trigger.report_invocation_result(invocation, 1)
    is_now(InvocationStatus.FAILED)
    local_trigger.report_invocation_failure(invocation, ValueError("no"))

    satisfied = [valid.condition.condition_id for valid in local_trigger.get_valid_conditions().values()]
    assert satisfied == [result.condition_id, failure.condition_id]


def test_an_event_costs_two_commands_and_two_more_where_it_satisfies_a_condition(
    local_trigger: MongoTrigger, commands: list[str]
) -> None:
    local_trigger.register_condition(EventCondition("order.paid", create_argument_filter(None)))
    local_trigger.store_event(event(0))
    local_trigger.get_valid_conditions()
    stored_and_looked = ["trigger_events.update_one", "trigger_conditions.find"]
    commands.clear()

    local_trigger.emit_event("nobody listens", {})
    assert commands == stored_and_looked
    commands.clear()

    local_trigger.emit_event("order.paid", {})
    assert commands == [
        *stored_and_looked,
        "trigger_valid_conditions.insert_many",
        "trigger_events.update_one",
    ]


def test_a_loop_iteration_with_nothing_to_do_costs_five_commands(
    local_trigger: MongoTrigger, commands: list[str]
) -> None:
    local_trigger.register_condition(EventCondition("order.paid", create_argument_filter(None)))
    commands.clear()
    local_trigger.trigger_loop_iteration(SERVICE_RUN)
    assert commands == [
        "trigger_conditions.find",
        "trigger_valid_conditions.find",
        "trigger_events.find",
        "trigger_claims.delete_many",
        "trigger_runs.find",
    ]


def test_batches_cost_one_command_each(local_trigger: MongoTrigger, commands: list[str]) -> None:
    names = ["one", "two", "one"]
    local_trigger.get_events_batch(names)
    local_trigger.get_trigger_runs_batch(names)
    local_trigger.get_conditions_batch(names)
    local_trigger.get_triggers_batch(names)
    assert [command.rpartition(".")[2] for command in commands] == ["find"] * 4
    commands.clear()
    assert local_trigger.get_events_batch([]) == local_trigger.get_triggers_batch([]) == {}
    assert commands == []
