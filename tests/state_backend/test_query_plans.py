"""Every query that runs per task or per page has an index: the plans of the real filters."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.state_backend.documents import INVOCATIONS
from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from pynenc_mongo.storage import client
from tests.commands import CommandLog, logged_commands
from tests.plans import assert_indexed, plan_of, stages_of
from tests.state_backend.helpers import (
    BAKE,
    MICROSECOND,
    NOON,
    SELL,
    Backend,
    entry,
    history,
    noise,
    workflow,
)
from tests.storage.helpers import address_of, app_on, new_name

COUNT = 300
SOME = InvocationId("150")
LARGE = noise(500)

OPERATIONS: dict[str, Callable[[Backend], object]] = {
    "get an invocation": lambda backend: backend._get_invocation(SOME),
    "store an invocation": lambda backend: backend._upsert_invocations([entry("new"), entry(SOME)]),
    "children": lambda backend: list(backend.get_child_invocations(InvocationId("parent 3"))),
    "caused by an event": lambda backend: list(backend.get_invocations_by_parent_event("event 3")),
    "in a workflow": lambda backend: list(backend.get_invocation_ids_by_workflow("run 3")),
    "in workflows of a type": lambda backend: list(
        backend.get_invocation_ids_by_workflow(workflow_type_key=SELL.key)
    ),
    "in a workflow of a type": lambda backend: list(
        backend.get_invocation_ids_by_workflow("run 3", BAKE.key)
    ),
    "add a record": lambda backend: backend._add_histories([SOME], history(SOME, NOON)),
    "history": lambda backend: backend.get_history(SOME),
    "history in a range": lambda backend: list(
        backend.iter_history_in_timerange(NOON, NOON + 20 * MICROSECOND, 5)
    ),
    "invocations in a range": lambda backend: list(
        backend.iter_invocations_in_timerange(NOON, NOON + 20 * MICROSECOND, 5)
    ),
    "get a result": lambda backend: backend._get_result(SOME),
    "get a large result": lambda backend: backend._get_result(InvocationId("large")),
    "set a result": lambda backend: backend._set_result(SOME, "result"),
    "replace a large result": lambda backend: backend._set_result(InvocationId("large"), LARGE),
    "get an exception": lambda backend: backend._get_exception(SOME),
    "set an exception": lambda backend: backend._set_exception(SOME, "exception"),
    "workflow runs of a type": lambda backend: list(backend.get_workflow_runs(SELL)),
    "store a workflow run": lambda backend: backend.store_workflow_run(workflow("run 3")),
    "get a workflow's value": lambda backend: backend.get_workflow_data(workflow("run 3"), "key"),
    "set a workflow's value": lambda backend: backend.set_workflow_data(workflow("run 3"), "key", 3),
    "sub-invocations": lambda backend: list(backend.get_workflow_sub_invocations(InvocationId("run 3"))),
    "runner contexts": lambda backend: backend._get_runner_contexts(["runner 1", "runner 2"]),
    "store a runner context": lambda backend: backend._store_runner_context(runner(1)),
    "app info": lambda backend: backend.get_app_info(),
}


def runner(number: int) -> RunnerContext:
    return RunnerContext("ThreadRunner", f"runner {number}")


def fill(backend: Backend) -> None:
    numbers = range(COUNT)
    runs = [workflow(f"run {number}", SELL if number == 3 else BAKE) for number in range(50)]
    backend._upsert_invocations(
        [
            entry(
                str(number),
                parent=f"parent {number % 50}",
                event=f"event {number % 50}",
                workflow=runs[number % 50],
            )
            for number in numbers
        ]
    )
    for micro in range(50):
        together = [InvocationId(str(number)) for number in numbers if number % 50 == micro]
        backend._add_histories(together, history("any", NOON + micro * MICROSECOND))
    backend._add_histories([SOME], history("any", NOON + timedelta(days=1)))
    for run in runs:
        backend.store_workflow_run(run)
        backend.set_workflow_data(run, "key", 1)
        for number in range(4):
            backend.store_workflow_sub_invocation(
                run.workflow_id, InvocationId(f"{run.workflow_id} {number}")
            )
    for number in range(0, COUNT, 3):
        backend._set_result(InvocationId(str(number)), "result")
        backend._set_exception(InvocationId(str(number)), "exception")
        backend._store_runner_context(runner(number))
    backend._set_result(InvocationId("large"), LARGE)


@pytest.fixture(scope="module")
def logged(indexed_url: str) -> Iterator[tuple[Backend, CommandLog, Database[Any]]]:
    """A full state backend, a log of its commands, and its database."""
    address = address_of(indexed_url, new_name())
    with pytest.MonkeyPatch.context() as patch, logged_commands(indexed_url) as log:
        patch.delenv("PYNENC__MONGO_URL", raising=False)
        backend = app_on(indexed_url, address.database, chunk_threshold=100).state_backend
        assert isinstance(backend, MongoStateBackend)
        fill(backend)
        database = client.database_at(address)
        assert isinstance(database, Database)
        yield backend, log, database
        client.client_at(address).drop_database(address.database)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_reads_by_an_index(
    logged: tuple[Backend, CommandLog, Database[Any]], operation: str
) -> None:
    backend, log, database = logged
    log.clear()
    OPERATIONS[operation](backend)
    assert_indexed(database, log)


def test_a_query_without_an_index_would_be_seen(logged: tuple[Backend, CommandLog, Database[Any]]) -> None:
    """The control."""
    backend, _, database = logged
    collection = backend._collections.existing(INVOCATIONS).name
    for filter_ in ({"call_id": "none"}, {"call_id": "none", "_id": {"$gt": ""}}, {"_id": {"$gt": ""}}):
        assert "COLLSCAN" in stages_of(plan_of(database, {"find": collection, "filter": filter_}))
