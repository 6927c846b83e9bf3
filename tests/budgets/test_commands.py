"""How many commands each phase of a task's life may cost: numbers that are the same on every machine."""

from collections import Counter as Counts
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from pynenc import Pynenc
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.trigger.monitoring import EventRecord

from benchmarks import life
from benchmarks.shop import app as shop
from pytest_pynenc_mongo import apps, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.budgets.phases import Phases, live
from tests.commands import CommandLog, Sent
from tests.storage.helpers import address_of

READS = ("find", "distinct", "aggregate")


def at(url: str, name: str) -> TestDatabase:
    return TestDatabase(TestServer(url), name)


@pytest.mark.usefixtures("used_app")
def test_one_task(app: Pynenc, commands: CommandLog) -> None:
    task = live(app, commands)
    # the names, so that a change of one command for another is seen too; docs/performance.md says why each
    assert task == Phases(
        enqueue=[
            "insert state_backend_invocations",
            "insert orchestrator_invocations",
            "insert state_backend_history",
            "distinct trigger_conditions",
            "insert broker_messages",
        ],
        dequeue=[
            "find orchestrator_blocking_edges",
            "findAndModify broker_messages",
            "find orchestrator_invocations",
            "find state_backend_invocations",
            "update orchestrator_invocations",
            "insert state_backend_history",
            "distinct trigger_conditions",
        ],
        run=[
            "update orchestrator_invocations",
            "insert state_backend_history",
            "distinct trigger_conditions",
            "update state_backend_results",
            "update orchestrator_invocations",
            "insert state_backend_history",
            "find trigger_conditions",
        ],
        read=["find orchestrator_invocations", "find state_backend_results"],
    )
    assert (len(task.enqueue), len(task.dequeue), len(task.run), len(task.read)) <= (5, 7, 7, 2)
    assert len(task.whole) <= 21


@pytest.mark.thorough("embedded")
@pytest.mark.usefixtures("used_app")
def test_a_batch_of_100(app: Pynenc, commands: CommandLog) -> None:
    commands.take()
    invocations = life.enqueue_batch(100)
    enqueue = commands.take_texts()
    for _ in invocations:
        (taken,) = life.dequeue(app)
        life.run(taken)
    assert [life.read(each) for each in invocations] == [number + 2 for number in range(100)]
    assert len(enqueue) <= 5
    assert len(enqueue) + len(commands.take_texts()) <= 1605


@pytest.mark.usefixtures("used_app")
def test_a_poll_costs_the_same_whether_the_queue_is_empty_or_full(app: Pynenc, commands: CommandLog) -> None:
    commands.take()
    assert life.dequeue(app) == []
    empty = commands.take_texts()
    life.enqueue_batch(50)
    commands.take()
    assert len(life.dequeue(app)) == 1
    assert len(empty) <= 2
    assert commands.take_texts()[: len(empty)] == empty


@pytest.mark.thorough("embedded")
@pytest.mark.slow
@pytest.mark.usefixtures("used_app")
def test_a_task_costs_the_same_however_many_invocations_are_stored(app: Pynenc, commands: CommandLog) -> None:
    costs = []
    for more in (0, 100, 1900):
        store(more)
        costs.append(live_beside_others(app, commands))
    assert costs[0] == costs[1] == costs[2]


def store(count: int) -> None:
    """Have `count` more invocations stored and registered; none is queued any more."""
    while count > 0:
        life.enqueue_batch(min(count, 500))
        count -= 500
    shop.broker.purge()


def live_beside_others(app: Pynenc, commands: CommandLog) -> Phases:
    # after a purge the next insert makes sure of the indexes
    life.enqueue()
    assert len(life.dequeue(app)) == 1
    return live(app, commands)


def test_first_use(app: Pynenc, commands: CommandLog) -> None:
    """Both the process that enqueues and the one that runs tell the store who they are, here in one."""
    first = live(app, commands)
    made = [each for each in first.whole if each.startswith("createIndexes")]
    assert all(count == 1 for count in Counts(made).values())
    assert {each.partition(" ")[2] for each in made} == {
        "state_backend_invocations",
        "state_backend_history",
        "orchestrator_invocations",
        "broker_messages",
    }
    # four createIndexes, two runner contexts and the app info, each once
    assert len(first.enqueue) <= 11
    assert len([*first.enqueue, *first.dequeue]) <= 19
    assert len(first.whole) <= 21 + 7


def test_building_an_app_and_its_components_stores_its_app_info(app: Pynenc, commands: CommandLog) -> None:
    """pynenc does that, as soon as somebody asks for the state backend."""
    components(app)
    assert commands.take_texts() == ["update state_backend_app_info"]


def components(app: Pynenc) -> list[Any]:
    return [app.orchestrator, app.broker, app.state_backend, app.client_data_store, app.trigger]


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_heartbeat_of_any_number_of_runners(app: Pynenc, commands: CommandLog, count: int) -> None:
    app.orchestrator.register_runner_heartbeats(["somebody else"])
    runners = [f"runner {number}" for number in range(count)]
    commands.take()
    app.orchestrator.register_runner_heartbeats(runners)
    assert len(commands.take()) <= 2
    app.orchestrator.register_runner_heartbeats(runners, consumed_queues=("other",))
    assert len(commands.take()) == 1
    app.orchestrator.register_runner_heartbeats(runners)
    assert commands.take() == []


@pytest.mark.parametrize("component", ["orchestrator", "broker", "state_backend", "client_data_store"])
@pytest.mark.usefixtures("used_app")
def test_a_purge_lists_the_collections_and_empties_those_in_use(
    app: Pynenc, commands: CommandLog, component: str
) -> None:
    before = in_use(app, commands, component)
    getattr(app, component).purge()
    assert Counts(commands.take_texts()) == Counts(
        ["listCollections", *(f"delete {name}" for name in before)]
    )


def in_use(app: Pynenc, commands: CommandLog, component: str) -> list[str]:
    from pynenc_mongo.storage import client

    url, name = app.config_values["mongo_url"], app.config_values["mongo_db"]  # type: ignore[index]
    stored = client.database_at(address_of(url, name)).list_collection_names()
    commands.take()
    return [each.rpartition(".")[2] for each in stored if each.rpartition(".")[2].startswith(component)]


def test_a_purge_of_an_app_that_stored_nothing(app: Pynenc, commands: CommandLog) -> None:
    app.purge()
    # the app info, five listings, and pynenc's own wish that its tasks' triggers be registered anew
    assert Counts(commands.take_texts()) == {
        "update state_backend_app_info": 1,
        "listCollections": 5,
        "delete state_backend_app_info": 1,
        "find trigger_triggers": 1,
    }


def test_what_a_test_pays_that_stores_nothing(url: str, database: str, commands: CommandLog) -> None:
    with wiring.rewired(shop, wiring.settings(at(url, database))) as app:
        components(app)
    at(url, database).purge()
    assert len(commands.take()) <= 10


def test_what_a_test_pays_that_stores_nothing_after_many_that_did(
    url: str, database: str, commands: CommandLog
) -> None:
    """Each with an app of its own, which leaves its collections."""
    for number in range(3):
        with wiring.rewired(apps.new(f"app-{number}"), wiring.settings(at(url, database))) as app:
            app.broker.route_invocation(InvocationId("1"), "default", 0.0)
            app.trigger.store_event(EventRecord(event_id="1", event_code="1"))
            components(app)
            at(url, database).purge()
    left = in_use_by(at(url, database).handle)
    assert left == {}
    commands.take()
    with wiring.rewired(shop, wiring.settings(at(url, database))) as app:
        components(app)
    at(url, database).purge()
    # the app info is stored and deleted; the rest finds out what there is to delete
    assert len(commands.take()) <= 4


def in_use_by(database: Database[Any]) -> dict[str, int]:
    counts = {name: database[name].count_documents({}) for name in database.list_collection_names()}
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("work", [life.enqueue, lambda: life.enqueue_batch(3)], ids=["one", "batch"])
@pytest.mark.usefixtures("used_app")
def test_the_counter_sees_commands(commands: CommandLog, work: Callable[[], object]) -> None:
    """The control: reads and writes, by their names."""
    commands.take()
    work()
    sent = commands.take()
    assert Counts(each.name for each in sent) == {"insert": 4, "distinct": 1}
    assert all(isinstance(each, Sent) for each in sent)


def test_the_purge_after_the_last_of_many_new_apps_costs_as_much_as_after_the_first(
    url: str, database: str, commands: CommandLog
) -> None:
    """Each test with a new app of its own, as the fixture pynenc_app makes one."""
    test_database, costs = at(url, database), list[int]()
    for _ in range(12):
        with wiring.rewired(apps.new(), wiring.settings(test_database)) as app:
            app.broker.route_invocation(InvocationId("1"), "default", 0.0)
            app.trigger.store_event(EventRecord(event_id="1", event_code="1"))
        commands.take()
        test_database.purge()
        costs.append(len(commands.take()))
    # the listing, and a drop for each of the two collections that it made
    assert costs == [1 + 2] * 12
