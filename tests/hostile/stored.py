"""A database with documents in every collection, and everything that reads them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pymongo.collection import Collection
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.trigger.conditions import CronCondition

from pynenc_mongo.broker import documents as broker
from pynenc_mongo.client_data_store import documents as client_data_store
from pynenc_mongo.orchestrator import documents as orchestrator
from pynenc_mongo.state_backend import documents as state_backend
from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.trigger import documents as trigger
from tests import whole_lives
from tests.state_backend.helpers import workflow
from tests.whole_lives import FIRST, LARGE, LAST, app, join

COMPONENTS = {
    each.COMPONENT: each for each in (broker, client_data_store, orchestrator, state_backend, trigger)
}
# of what one reads for a single thing, no more than this many
_MOST = 3


@dataclass(frozen=True)
class Reader:
    """One way to read: the collections (`component.name`) it reads, and the fields that it looks by."""

    name: str
    reads: tuple[str, ...]
    read: Callable[[], object]
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stored:
    """What is stored, and how it is read."""

    readers: tuple[Reader, ...]

    def specs(self) -> Iterator[tuple[str, CollectionSpec[Any]]]:
        """Return each collection's name, with its component, and what it is."""
        for name, documents in COMPONENTS.items():
            for spec in documents.SPECS:
                yield f"{name}.{spec.name}", spec

    def collection(self, name: str) -> Collection[Any]:
        """Return a collection as it is, which checks nothing."""
        component, _, collection = name.partition(".")
        collections: Any = getattr(app, component)._collections
        found: Collection[Any] = collections.database[f"{collections._prefix}{collection}"]
        return found


@contextmanager
def filled(url: str, database: str) -> Iterator[Stored]:
    """Have every collection of the app hold something."""
    with whole_lives.at(url, database):
        small, large, failing = whole_lives.fill()
        yield Stored(tuple(_all_that_reads(small.invocation_id, large, failing.invocation_id)))
        app.purge()


def _all_that_reads(small: InvocationId, large: Any, failing: InvocationId) -> Iterator[Reader]:
    waiting, cron = join("x", "y").invocation_id, CronCondition("0 0 1 1 *")
    app.orchestrator.waiting_for_results(small, [waiting])
    app.trigger.register_condition(cron)
    app.trigger.store_last_cron_execution(cron.condition_id, datetime.now(UTC))
    app.trigger.emit_event("paid", {"amount": LARGE})
    app.state_backend.set_workflow_data(_run(), "small", "a value")
    app.state_backend._set_result(InvocationId("in parts"), LARGE)
    yield from _of_the_state_backend(small, large.invocation_id, failing)
    yield from _of_the_orchestrator(small, waiting)
    yield from _of_the_trigger(cron.condition_id)
    queued: Any = app.broker
    yield Reader("get_queued", ("broker.messages",), lambda: queued.get_queued(_MOST))
    data, key = app.client_data_store, _only_key("client_data_store.data")
    yield Reader(
        "client data",
        ("client_data_store.data", "client_data_store.payload_parts"),
        lambda: data._retrieve(key),
    )


def _run() -> Any:
    return workflow("run")


def _of_the_state_backend(
    small: InvocationId, large: InvocationId, failing: InvocationId
) -> Iterator[Reader]:
    backend: Any = app.state_backend
    yield from (
        Reader(
            f"_get_invocation of {what}",
            ("state_backend.invocations", "state_backend.payload_parts"),
            partial(backend._get_invocation, key),
        )
        for what, key in {"a small one": small, "a large one": large}.items()
    )
    yield Reader(
        "get_child_invocations",
        ("state_backend.invocations",),
        lambda: list(backend.get_child_invocations(small)),
        ("parent_id",),
    )
    yield Reader(
        "get_history",
        ("state_backend.history",),
        lambda: [vars(each) for each in backend.get_history(small)],
        ("invocation_id",),
    )
    yield Reader(
        "iter_history_in_timerange",
        ("state_backend.history",),
        lambda: [vars(each) for page in backend.iter_history_in_timerange(FIRST, LAST) for each in page],
    )
    yield Reader(
        "iter_invocations_in_timerange",
        ("state_backend.history",),
        lambda: list(backend.iter_invocations_in_timerange(FIRST, LAST)),
    )
    parts = "state_backend.payload_parts"
    yield Reader("_get_result", ("state_backend.results",), lambda: backend._get_result(small))
    yield Reader("a large result", ("state_backend.results", parts), lambda: backend._get_result("in parts"))
    yield Reader("get_exception", ("state_backend.exceptions",), lambda: repr(backend.get_exception(failing)))
    for key in ("key", "small"):
        yield Reader(
            f"get_workflow_data of {key}",
            ("state_backend.workflow_data", parts),
            partial(backend.get_workflow_data, _run(), key),
        )
    yield Reader(
        "get_all_workflow_runs", ("state_backend.workflows",), lambda: list(backend.get_all_workflow_runs())
    )
    yield Reader(
        "get_all_workflow_types",
        ("state_backend.workflows",),
        lambda: list(backend.get_all_workflow_types()),
        ("type",),
    )
    yield Reader(
        "get_workflow_sub_invocations",
        ("state_backend.workflow_sub_invocations",),
        lambda: list(backend.get_workflow_sub_invocations(_run().workflow_id)),
        ("workflow_id",),
    )
    yield Reader(
        "get_matching_runner_contexts",
        ("state_backend.runner_contexts",),
        lambda: list(backend.get_matching_runner_contexts("")),
    )
    yield Reader("get_app_info", ("state_backend.app_info",), backend.get_app_info)


def _of_the_orchestrator(small: InvocationId, waiting: InvocationId) -> Iterator[Reader]:
    orchestrator: Any = app.orchestrator
    invocations = ("orchestrator.invocations",)
    yield Reader(
        "get_invocation_status", invocations, lambda: orchestrator.get_invocation_status_record(small)
    )
    yield Reader("get_invocation_retries", invocations, lambda: orchestrator.get_invocation_retries(small))
    yield Reader("get_registered", invocations, lambda: orchestrator.get_registered(50), ("registered_at",))
    yield Reader(
        "get_tasks_and_records", invocations, lambda: orchestrator.get_tasks_and_records([small, waiting])
    )
    yield Reader(
        "get_task_invocation_ids",
        invocations,
        lambda: list(orchestrator.get_task_invocation_ids(join.task_id)),
        ("task", "registered_at"),
    )
    edges = ("orchestrator.blocking_edges",)
    yield Reader("get_waited_for", edges, lambda: orchestrator.get_waited_for([small]), ("waiter",))
    yield Reader(
        "get_blocking_invocations",
        edges,
        lambda: list(orchestrator.get_blocking_invocations(_MOST)),
        ("waiter",),
    )
    yield Reader(
        "get_active_runners",
        ("orchestrator.runner_heartbeats",),
        orchestrator.get_active_runners,
        ("beat_at",),
    )
    yield Reader(
        "get_atomic_service_executions_in_timerange",
        ("orchestrator.atomic_service_executions",),
        lambda: orchestrator.get_atomic_service_executions_in_timerange(FIRST, LAST),
        ("started_at", "ended_at"),
    )


def _of_the_trigger(cron_id: str) -> Iterator[Reader]:
    store: Any = app.trigger
    parts = "trigger.payload_parts"
    yield Reader(
        "all conditions",
        ("trigger.conditions", parts),
        lambda: sorted(each.to_json(app) for each in store._get_all_conditions()),
    )
    yield Reader(
        "get_conditions_sourced_from_task",
        ("trigger.conditions", parts),
        lambda: sorted(each.to_json(app) for each in store.get_conditions_sourced_from_task(join.task_id)),
        ("source_task_ids",),
    )
    yield Reader(
        "get_all_triggers", ("trigger.triggers", parts), lambda: list(map(vars, store.get_all_triggers()))
    )
    yield Reader(
        "get_last_cron_execution",
        ("trigger.cron_executions",),
        lambda: store.get_last_cron_execution(cron_id),
    )
    yield Reader(
        "get_valid_conditions",
        ("trigger.valid_conditions", parts),
        lambda: {key: each.to_json(app) for key, each in store.get_valid_conditions().items()},
    )
    yield Reader(
        "get_events", ("trigger.events", parts), lambda: list(map(vars, store.get_events())), ("when",)
    )
    yield Reader(
        "get_event_markers_in_timerange",
        ("trigger.events",),
        lambda: store.get_event_markers_in_timerange(FIRST, LAST),
        ("when",),
    )
    yield Reader("list_event_codes", ("trigger.events",), store.list_event_codes, ("code",))
    yield Reader(
        "get_trigger_runs_in_timerange",
        ("trigger.runs", parts),
        lambda: store.get_trigger_runs_in_timerange(FIRST, LAST),
        ("when",),
    )
    yield Reader(
        "get_referenced_atomic_service_run_ids",
        ("trigger.runs",),
        lambda: sorted(store.get_referenced_atomic_service_run_ids()),
        ("service_run_id",),
    )


def _only_key(name: str) -> str:
    found = Stored(()).collection(name).find_one({})
    assert found is not None, f"{name} is empty"
    return str(found["_id"])
