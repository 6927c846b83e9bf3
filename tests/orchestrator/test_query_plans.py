"""Every query of the orchestrator and the broker that runs per task or per page has an index."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database
from pynenc import Pynenc
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.atomic_service import AtomicServiceRun

from pynenc_mongo.orchestrator.documents import INVOCATIONS
from pynenc_mongo.storage import client
from pytest_pynenc_mongo import expected_warnings
from tests.commands import CommandLog, logged_commands
from tests.orchestrator.helpers import app_at, bake, invocation_of, sell
from tests.plans import assert_indexed, stages_of, winning_plan
from tests.storage.helpers import address_of, new_name

expected_warnings.ignore()  # calls are made as this module is collected
COUNT = 300
SOME = [invocation_of(bake, cake=f"{number % 20}") for number in range(COUNT)]
ONE, OTHER = SOME[3], SOME[4]
NEW = invocation_of(sell)
PENDING = [InvocationStatus.PENDING]
RUNNERS = [f"runner {number}" for number in range(50)]

OPERATIONS: dict[str, Callable[[Pynenc], object]] = {
    "register": lambda app: app.orchestrator._register_new_invocations([NEW]),
    "move": lambda app: app.orchestrator._atomic_status_transition(
        OTHER.invocation_id, InvocationStatus.PENDING, "me"
    ),
    "status": lambda app: app.orchestrator.get_invocation_status(ONE.invocation_id),
    "statuses": lambda app: app.orchestrator.filter_final([each.invocation_id for each in SOME[:9]]),
    "retry": lambda app: app.orchestrator.increment_invocation_retries(ONE.invocation_id),
    "retries": lambda app: app.orchestrator.get_invocation_retries(ONE.invocation_id),
    "of a task": lambda app: list(app.orchestrator.get_task_invocation_ids(bake.task_id)),
    "of a call": lambda app: list(app.orchestrator.get_call_invocation_ids(ONE.call.call_id)),
    "running ones of a task": lambda app: list(
        app.orchestrator.get_existing_invocations(bake, None, PENDING)
    ),
    "running ones with arguments": lambda app: list(
        app.orchestrator.get_existing_invocations(bake, ONE.call.serialized_arguments, PENDING)
    ),
    "a page": lambda app: app.orchestrator.get_invocation_ids_paginated(limit=10, offset=20),
    "a page of a task": lambda app: app.orchestrator.get_invocation_ids_paginated(bake.task_id, limit=10),
    "a page of a status": lambda app: app.orchestrator.get_invocation_ids_paginated(None, PENDING, 10),
    "a page of both": lambda app: app.orchestrator.get_invocation_ids_paginated(bake.task_id, PENDING, 10),
    "wait": lambda app: app.orchestrator.blocking_control.waiting_for_results(
        ONE.invocation_id, [OTHER.invocation_id]
    ),
    "release": lambda app: app.orchestrator.release_waiters(ONE.invocation_id),
    "auto-purge": lambda app: app.orchestrator.auto_purge(),
    "heartbeats": lambda app: app.orchestrator.register_runner_heartbeats([*RUNNERS, "new"]),
    "active runners": lambda app: app.orchestrator.get_active_runners(),
    "stuck pending": lambda app: list(app.orchestrator.get_pending_invocations_for_recovery()),
    "stuck running": lambda app: list(app.orchestrator.get_running_invocations_for_recovery()),
    "running service": lambda app: app.orchestrator.get_active_atomic_service_executions(),
    "pop": lambda app: app.broker.retrieve_invocation("default"),
    "pop of an empty queue": lambda app: app.broker.retrieve_invocation("empty"),
}


def fill(app: Pynenc) -> None:
    app.orchestrator._register_new_invocations(SOME)
    for place, invocation in enumerate(SOME):
        app.orchestrator.index_arguments_for_concurrency_control(invocation)
        if place % 10 == 0:
            app.orchestrator._atomic_status_transition(invocation.invocation_id, PENDING[0], "runner 1")
    ids = [invocation.invocation_id for invocation in SOME]
    app.orchestrator.blocking_control.waiting_for_results(ids[0], ids[1:100])
    app.orchestrator.register_runner_heartbeats(RUNNERS)
    app.orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id="runner 1"), None)
    app.broker.route_invocations(ids, "default", 0.0)


@pytest.fixture(scope="module")
def filled(indexed_url: str) -> Iterator[tuple[Pynenc, CommandLog, Database[Any]]]:
    """An app with a past, a log of its commands, and its database."""
    address = address_of(indexed_url, new_name())
    with logged_commands(indexed_url) as log:
        app = app_at(indexed_url, address.database)
        fill(app)
        database = client.database_at(address)
        assert isinstance(database, Database)
        yield app, log, database
        client.client_at(address).drop_database(address.database)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_reads_by_an_index(
    filled: tuple[Pynenc, CommandLog, Database[Any]], operation: str
) -> None:
    app, log, database = filled
    log.clear()
    OPERATIONS[operation](app)
    assert_indexed(database, log)


def test_blocking_invocations_are_read_by_an_index(filled: tuple[Pynenc, CommandLog, Database[Any]]) -> None:
    """But for the page of edges itself: it is all there is to read, in order, up to its limit."""
    app, log, database = filled
    log.clear()
    assert len(list(app.orchestrator.get_blocking_invocations(5))) == 5
    log.sent = [seen for seen in log.sent if seen.document.get("filter") != {}]
    assert_indexed(database, log)


def test_a_query_without_an_index_would_be_seen(filled: tuple[Pynenc, CommandLog, Database[Any]]) -> None:
    """The control."""
    app, _, database = filled
    orchestrator: Any = app.orchestrator
    name = orchestrator._collections.existing(INVOCATIONS).name
    assert "COLLSCAN" in stages_of(winning_plan(database, {"find": name, "filter": {"retries": 3}}))
