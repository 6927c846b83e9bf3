"""Every query of the trigger has an index."""

from functools import partial
from typing import Any, NamedTuple

from pynenc import Pynenc
from pynenc.invocation.status import InvocationStatus
from pynenc.trigger.arguments import create_argument_filter
from pynenc.trigger.conditions import (
    EventCondition,
    StatusCondition,
)
from pynenc.trigger.monitoring import TriggerRunParticipant
from pynenc.trigger.trigger_definitions import TriggerDefinition

from pynenc_mongo.storage import client
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.commands import Sent, logged_commands
from tests.storage.helpers import address_of, new_name
from tests.trigger.helpers import FIRST, LAST, NOW, SERVICE_RUN, TASK, run


class Query(NamedTuple):
    """What a server was asked for."""

    collection: str
    wanted: dict[str, Any]
    sort: dict[str, Any]


def queries_in(sent: Sent) -> list[Query]:
    command = sent.document
    match sent.name:
        case "find":
            return [Query(sent.collection, command["filter"], command.get("sort", {}))]
        case "distinct":
            return [Query(sent.collection, command["query"], {})]
        case "aggregate":
            return [Query(sent.collection, command["pipeline"][0]["$match"], {})]
        case "update" | "delete":
            return [Query(sent.collection, each["q"], {}) for each in command[f"{sent.name}s"]]
    return []


def test_every_query_has_an_index(indexed_url: str) -> None:
    name = new_name()
    settings = {"app_id": "indexed", "mongo_url": indexed_url, "mongo_db": name}
    with logged_commands(indexed_url) as log:
        trigger = MongoTrigger(Pynenc(config_values=settings))
        trigger.conf.event_max_records = trigger.conf.trigger_run_max_records = 1
        use_everything(trigger)
        asked = [query for sent in log.take() for query in queries_in(sent)]
        seen = [query for query in asked if "payload_parts" not in query.collection]
        scanning = [query for query in seen if not uses_an_index(trigger._collections.database, query)]
        assert len(seen) > 40
        assert scanning == []
        client.client_at(address_of(indexed_url, name)).drop_database(name)


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
