"""A MongoTrigger on each engine in turn, and what it sends."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
from pymongo import MongoClient, monitoring
from pynenc import Pynenc

from pynenc_mongo.storage import client
from pynenc_mongo.storage.mock import Command, LocalStore
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger


@pytest.fixture
def trigger(mongo_app: Pynenc) -> MongoTrigger:
    """A trigger beside the app's own one, on each engine in turn."""
    return MongoTrigger(mongo_app)


@pytest.fixture
def local_app() -> Iterator[Pynenc]:
    """An app of this process alone."""
    app = Pynenc(
        config_values={"app_id": "trigger-tests", "mongo_url": "mongomock://", "mongo_db": "trigger"}
    )
    yield app
    MongoTrigger(app).purge()


@pytest.fixture
def local_trigger(local_app: Pynenc) -> MongoTrigger:
    """A trigger on the store of this process."""
    return MongoTrigger(local_app)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that reach the store of this process, as `collection.method`."""
    sent: list[str] = []
    run = LocalStore.run

    def recorded(store: LocalStore, command: Command) -> Any:
        if command.collection:
            sent.append(f"{command.collection.rpartition('.')[2]}.{command.method}")
        return run(store, command)

    monkeypatch.setattr(LocalStore, "run", recorded)
    return sent


class Query(NamedTuple):
    """What a server was asked for."""

    collection: str
    wanted: dict[str, Any]
    sort: dict[str, Any]


class Queries(monitoring.CommandListener):
    """The queries, updates and deletions that a server was sent."""

    def __init__(self) -> None:
        self.seen: list[Query] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        command = dict(event.command)
        collection = command[event.command_name]
        match event.command_name:
            case "find":
                self.seen.append(Query(collection, command["filter"], command.get("sort", {})))
            case "distinct":
                self.seen.append(Query(collection, command["query"], {}))
            case "aggregate":
                self.seen.append(Query(collection, command["pipeline"][0]["$match"], {}))
            case "update" | "delete":
                self.seen += [Query(collection, each["q"], {}) for each in command[f"{event.command_name}s"]]

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: that it was sent is enough."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: that it was sent is enough."""


@pytest.fixture
def queries(embedded_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queries]:
    """What clients that are opened meanwhile ask the embedded server for."""
    listener = Queries()
    client.close_server(embedded_url)
    monkeypatch.setattr(client, "MongoClient", partial(MongoClient, event_listeners=[listener]))
    yield listener
    client.close_server(embedded_url)
