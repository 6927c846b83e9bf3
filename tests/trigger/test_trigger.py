"""What MongoTrigger promises beyond pynenc's own suite."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pynenc import Pynenc
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceRun
from pynenc.trigger import TriggerBuilder
from pynenc.trigger.arguments import StaticArgumentProvider, create_argument_filter, create_result_filter
from pynenc.trigger.conditions import (
    CronCondition,
    CronContext,
    EventCondition,
    EventContext,
    ExceptionCondition,
    ResultCondition,
    StatusCondition,
    ValidCondition,
)
from pynenc.trigger.monitoring import EventMarkerPage, EventRecord, TriggerRunParticipant, TriggerRunRecord
from pynenc.trigger.trigger_definitions import TriggerDefinition

from pynenc_mongo.errors import MongoStoreNotSharedError
from pynenc_mongo.storage.payloads import PARTS
from pynenc_mongo.trigger import runs
from pynenc_mongo.trigger.documents import CLAIMS, EVENTS
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.trigger.conftest import Queries, Query

if TYPE_CHECKING:
    from pynenc.task import Task

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TASK = TaskId("shop.orders", "ship")
SERVICE_RUN = AtomicServiceRun(runner_id="runner", atomic_service_run_id="service-run")
HOSTILE = {"$set": 1, "a.b": {"$c.d": [2, {"": "\0"}]}, "ключ": "$where"}


def pay(amount: int) -> int:
    return amount


def ship(amount: int) -> int:
    return amount


def event(number: int, at: datetime = NOW, code: str = "order.paid", **more: Any) -> EventRecord:
    return EventRecord(event_id=f"event-{number:02}", event_code=code, timestamp=at, **more)


def run(number: int, at: datetime | None = NOW, **more: Any) -> TriggerRunRecord:
    return TriggerRunRecord(
        trigger_run_id=f"run-{number:02}",
        trigger_id="trigger",
        task_id_key=more.pop("task_id_key", TASK.key),
        logic_value="or",
        executed_at=at,
        **more,
    )


def ids_of(found: list[TriggerRunRecord]) -> list[str]:
    return [each.trigger_run_id for each in found]


# pages


def in_pages(read: Callable[[int], list[str]], size: int) -> list[str]:
    """Read pages by offset until one is not full."""
    found: list[str] = []
    while len(page := read(len(found))) == size:
        found += page
    return found + page


def test_pages_of_events_at_one_instant_neither_lose_nor_repeat_one(trigger: MongoTrigger) -> None:
    stored = [event(number) for number in range(23)]
    for each in stored[::2] + stored[1::2]:
        trigger.store_event(each)

    def latest(offset: int) -> list[str]:
        return [each.event_id for each in trigger.get_events(limit=5, offset=offset)]

    def markers(offset: int) -> list[str]:
        page = trigger.get_event_markers_in_timerange(NOW, NOW, limit=5, offset=offset)
        assert page.total == len(stored)
        assert page.truncated == (offset + len(page.markers) < len(stored))
        return [marker.event_id for marker in page.markers]

    ids = [each.event_id for each in stored]
    assert in_pages(latest, 5) == ids[::-1]
    assert in_pages(markers, 5) == ids
    assert trigger.get_events(limit=0) == []
    assert trigger.get_event_markers_in_timerange(NOW, NOW, limit=0) == EventMarkerPage(
        [], 23, truncated=True
    )


def test_runs_at_one_instant_are_read_in_pages_that_neither_lose_nor_repeat_one(
    trigger: MongoTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [run(number) for number in range(23)]
    for each in stored[::2] + stored[1::2]:
        trigger.store_trigger_run(each)
    monkeypatch.setattr(runs, "PAGE_SIZE", 5)

    assert ids_of(trigger.get_trigger_runs_in_timerange(NOW, NOW)) == ids_of(stored)
    assert ids_of(trigger.get_trigger_runs_in_timerange(NOW, NOW, limit=7)) == ids_of(stored[:7])
    assert trigger.get_trigger_runs_in_timerange(NOW, NOW, limit=0) == []


def test_runs_of_a_code_are_found_beyond_the_first_page(
    trigger: MongoTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger.store_event(event(0, code="rare"))
    for number in range(23):
        trigger.store_trigger_run(run(number, event_ids=["event-00"] if number % 9 == 8 else ["event-01"]))
    monkeypatch.setattr(runs, "PAGE_SIZE", 5)

    found = trigger.get_trigger_runs_in_timerange(FIRST, LAST, event_code="rare")
    assert ids_of(found) == ["run-08", "run-17"]
    assert ids_of(trigger.get_trigger_runs_in_timerange(FIRST, LAST, event_code="rare", limit=1)) == [
        "run-08"
    ]
    assert trigger.get_trigger_runs_in_timerange(FIRST, LAST, event_code="other") == []


def test_both_ends_of_a_range_of_time_are_part_of_it_to_the_microsecond(trigger: MongoTrigger) -> None:
    for number, at in enumerate([NOW - MICROSECOND, NOW, NOW + MICROSECOND, NOW + 2 * MICROSECOND]):
        trigger.store_event(event(number, at))
        trigger.store_trigger_run(run(number, at))
    span = NOW, NOW + MICROSECOND

    assert ids_of(trigger.get_trigger_runs_in_timerange(*span)) == ["run-01", "run-02"]
    assert trigger.count_events(start_time=span[0], end_time=span[1]) == 2
    markers = trigger.get_event_markers_in_timerange(*span).markers
    assert [marker.timestamp for marker in markers] == list(span)
    assert all(marker.timestamp.tzinfo is UTC for marker in markers)


def test_a_run_counts_by_its_claim_where_it_was_not_executed(trigger: MongoTrigger) -> None:
    trigger.store_trigger_run(run(1, at=None, claimed_at=NOW))
    trigger.store_trigger_run(run(2, at=NOW - MICROSECOND, claimed_at=NOW))
    trigger.store_trigger_run(run(3, at=None))
    assert ids_of(trigger.get_trigger_runs_in_timerange(NOW, LAST)) == ["run-01"]
    assert ids_of(trigger.get_trigger_runs_in_timerange(FIRST, LAST)) == ["run-02", "run-01"]
    assert trigger.get_trigger_run("run-03") == run(3, at=None)


# what is kept, and for how long


def test_retention_deletes_by_age_and_what_depends_on_it(trigger: MongoTrigger) -> None:
    trigger.conf.event_retention_days = 2
    old, new = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    trigger.store_event(event(0, old, triggered_invocation_ids=["inv"]))
    trigger.store_event(event(1, new))
    trigger.store_trigger_run(run(0, new, event_ids=["event-00", "event-01"]))
    trigger.store_trigger_run(run(1, new, event_ids=["event-01"]))
    trigger.store_trigger_run(run(2, old))
    trigger.store_trigger_run(run(3, at=None))

    assert trigger.auto_purge_events() == 3
    assert [each.event_id for each in trigger.get_events()] == ["event-01"]
    assert trigger.get_invocations_triggered_by_event("event-00") == []
    kept = trigger.get_trigger_runs_batch([f"run-{number:02}" for number in range(4)])
    assert [name for name, each in kept.items() if each] == ["run-01", "run-03"]
    assert trigger.auto_purge_events() == 0


def test_retention_keeps_the_latest_of_too_many(trigger: MongoTrigger) -> None:
    trigger.conf.event_max_records, trigger.conf.trigger_run_max_records = 2, 3
    for number in range(5):
        trigger.store_event(event(number, datetime.now(UTC)))
        trigger.store_trigger_run(run(number, datetime.now(UTC)))
    trigger.store_trigger_run(run(5, at=None))

    # three events, and of six runs those that are not the latest three: one has no instant at all
    assert trigger.auto_purge_events() == 6
    assert [each.event_id for each in trigger.get_events()] == ["event-04", "event-03"]
    assert trigger.get_trigger_run("run-05") is None
    assert ids_of(trigger.get_trigger_runs_in_timerange(FIRST, LAST)) == ["run-02", "run-03", "run-04"]


def test_retention_of_one_record_among_equal_instants_keeps_one(trigger: MongoTrigger) -> None:
    trigger.conf.event_retention_days = 10_000
    trigger.conf.event_max_records = trigger.conf.trigger_run_max_records = 1
    for number in range(5):
        trigger.store_event(event(number))
        trigger.store_trigger_run(run(number))
    assert trigger.auto_purge_events() == 8
    assert (trigger.count_events(), len(trigger.get_trigger_runs_in_timerange(FIRST, LAST))) == (1, 1)


def test_retention_deletes_claims_that_expired_long_ago_and_no_other(trigger: MongoTrigger) -> None:
    days = 24 * 3600
    trigger.conf.event_retention_days = 2
    for name, seconds in [("held", 60), ("expired", -60), ("forgotten", -3 * days)]:
        assert trigger.claim_trigger_run(name, expiration_seconds=seconds)

    trigger.auto_purge_events()

    claims = trigger._collections.existing(CLAIMS)
    assert len(list(claims.find({}))) == 2
    assert not trigger.claim_trigger_run("held")
    assert trigger.claim_trigger_run("expired")
    assert trigger.claim_trigger_run("forgotten")


def test_purge_empties_the_store_of_this_app_alone(trigger: MongoTrigger, mongo_app: Pynenc) -> None:
    other = MongoTrigger(Pynenc(config_values={**(mongo_app.config_values or {}), "app_id": "another"}))
    for each in (trigger, other):
        each.register_condition(CronCondition("* * * * *"))
        each.emit_event("order.paid", {})
        each.store_trigger_run(run(0))
        each.store_last_cron_execution("cron", NOW)
        each.claim_trigger_run("run")

    trigger.purge()

    assert (trigger._get_all_conditions(), trigger.get_events()) == ([], [])
    assert (trigger.get_trigger_run("run-00"), trigger.get_last_cron_execution("cron")) == (None, None)
    assert trigger.claim_trigger_run("run")
    assert (len(other._get_all_conditions()), other.count_events()) == (1, 1)
    assert not other.claim_trigger_run("run")


# what users write


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
    assert list(parts.find({})) == []

    small_parts.store_event(event(0, payload=payload))
    assert small_parts.auto_purge_events() == 1
    assert list(parts.find({})) == []


# what several processes do


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


# how much it costs


def test_a_store_of_one_process_is_refused_to_a_runner_with_several() -> None:
    settings = {"app_id": "refused", "mongo_url": "mongomock://", "runner_cls": "ProcessRunner"}
    with pytest.raises(MongoStoreNotSharedError, match="ProcessRunner"):
        MongoTrigger(Pynenc(config_values=settings))


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
        "trigger_runs.delete_many",
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


def test_every_query_has_an_index(queries: Queries, embedded_url: str) -> None:
    settings = {"app_id": "indexed", "mongo_url": embedded_url, "mongo_db": "indexed"}
    trigger = MongoTrigger(Pynenc(config_values=settings))
    trigger.conf.event_max_records = trigger.conf.trigger_run_max_records = 1
    use_everything(trigger)
    seen = [query for query in queries.seen if "payload_parts" not in query.collection]
    scanning = [query for query in seen if not uses_an_index(trigger._collections.database, query)]
    assert len(seen) > 40
    assert scanning == []
    trigger.purge()


def uses_an_index(database: Any, query: Query) -> bool:
    """Whether an index leads with what the query asks for, and the engine's plan for that shows it.

    The embedded engine plans a scan as soon as a query asks for more than its index holds, and for a range of
    `_id`; MongoDB does not.
    """
    if "_id" in query.wanted:
        return True
    collection = database[query.collection]
    for index in collection.index_information().values():
        fields = [field for field, _ in index["key"]]
        held = {field: query.wanted[field] for field in fields if field in query.wanted}
        sort = [(field, direction) for field, direction in query.sort.items() if field in fields]
        if fields[0] in held or fields[0] in query.sort:
            return "COLLSCAN" not in str(collection.find(held, sort=sort or None).explain())
    return False


def use_everything(trigger: MongoTrigger) -> None:
    """Call what runs per task, per loop iteration and per page."""
    event_condition = EventCondition("order.paid", create_argument_filter(None))
    condition = StatusCondition(TASK, [InvocationStatus.SUCCESS], create_argument_filter(None))
    definition = TriggerDefinition(TASK, [condition.condition_id])
    trigger.register_condition(event_condition)
    trigger.register_condition(condition)
    trigger.register_trigger(definition.to_dto(trigger.app))
    trigger.report_tasks_status([], InvocationStatus.SUCCESS)
    event_id = trigger.emit_event("order.paid", {})
    trigger.store_trigger_run(
        run(
            0,
            event_ids=[event_id],
            source_invocation_ids=["inv"],
            triggered_invocation_id="inv",
            participants=[TriggerRunParticipant("EventContext", valid_condition_id="vc")],
            atomic_service_run_id="service-run",
        )
    )
    trigger.claim_trigger_run("run")
    trigger.store_last_cron_execution("cron", NOW)
    trigger.store_last_cron_execution("cron", NOW, NOW)
    for reads in (
        partial(trigger.get_conditions_sourced_from_task, TASK),
        partial(trigger.get_triggers_for_condition, condition.condition_id),
        partial(trigger.get_last_cron_execution, "cron"),
        partial(trigger.get_events),
        partial(trigger.get_events, event_code="order.paid", matched=True, triggered=False),
        partial(trigger.get_events_emitted_by_invocation, "inv"),
        partial(trigger.count_events),
        partial(trigger.count_events, matched=True, emitted_by_task_id=TASK.key),
        partial(trigger.get_event_markers_in_timerange, FIRST, LAST, state="triggered"),
        partial(trigger.get_event_markers_in_timerange, FIRST, LAST, event_code="order.paid"),
        partial(trigger.link_trigger_run_to_events, [event_id], "inv", trigger_run_id="run-00"),
        partial(trigger.get_invocations_triggered_by_event, event_id),
        partial(trigger.list_event_codes),
        partial(trigger.get_event, event_id),
        partial(trigger.get_trigger_run, "run-00"),
        partial(trigger.get_trigger_runs_for_event, event_id),
        partial(trigger.get_trigger_runs_for_invocation, "inv"),
        partial(trigger.get_trigger_runs_sourced_by_invocation, "inv"),
        partial(trigger.get_trigger_runs_for_valid_condition, "vc"),
        partial(trigger.get_trigger_runs_in_timerange, FIRST, LAST),
        partial(trigger.get_trigger_runs_in_timerange, FIRST, LAST, task_id_key=TASK.key),
        partial(trigger.get_trigger_runs_in_timerange, FIRST, LAST, event_code="order.paid"),
        partial(trigger.get_referenced_atomic_service_run_ids),
        partial(trigger.clear_valid_conditions, list(trigger.get_valid_conditions().values())),
        partial(trigger.clean_task_trigger_definitions, TASK),
        partial(trigger.trigger_loop_iteration, SERVICE_RUN),
        partial(trigger._cascade_delete_runs_for_events, [event_id]),
    ):
        reads()
