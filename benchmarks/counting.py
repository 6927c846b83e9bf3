"""What reaches a store: every command, under MongoDB's name for it, on every engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

from pymongo import MongoClient, monitoring

from pynenc_mongo.storage import client, serving
from pynenc_mongo.storage.mock import Command, MockClient, Store

# mongomock's methods, by the command that MongoDB would see
_NAMES = {
    "find": "find",
    "find_one": "find",
    "find_one_and_delete": "findAndModify",
    "find_one_and_replace": "findAndModify",
    "insert_one": "insert",
    "insert_many": "insert",
    "replace_one": "update",
    "update_one": "update",
    "update_many": "update",
    "delete_many": "delete",
    "distinct": "distinct",
    "count_documents": "aggregate",
    "create_indexes": "createIndexes",
    "index_information": "listIndexes",
    "list_collection_names": "listCollections",
    "collections_in_use": "aggregate",
    "list_database_names": "listDatabases",
    "drop_database": "dropDatabase",
}


class Sent(NamedTuple):
    """One command: its name, the collection it names, and on a wire its document."""

    name: str
    collection: str
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name} {self.collection.rpartition('.')[2]}".strip()


@dataclass
class Counter(monitoring.CommandListener):
    """Every command that was sent, in order."""

    sent: list[Sent] = field(default_factory=list)

    def take(self) -> list[Sent]:
        """Return what was sent since the last call."""
        taken, self.sent = self.sent, []
        return taken

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        named = event.command[event.command_name]
        collection = named if isinstance(named, str) else ""
        self.sent.append(Sent(event.command_name, collection, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: that it was sent is enough."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: that it was sent is enough."""


@dataclass(frozen=True)
class _CountedStore:
    store: Store
    counter: Counter

    def run(self, command: Command) -> Any:
        self.counter.sent.append(Sent(_NAMES[command.method], command.collection or "", {}))
        return self.store.run(command)

    def close(self) -> None:
        self.store.close()


@contextmanager
def counted(url: str) -> Iterator[Counter]:
    """Count what the clients of this process that are opened meanwhile send to `url`."""
    counter = Counter()
    connect = serving.connect
    client.close_server(url)
    with (
        mock.patch.object(client, "MongoClient", partial(MongoClient, event_listeners=[counter])),
        mock.patch.object(
            serving, "connect", lambda at: MockClient(_CountedStore(connect(at).store, counter))
        ),
    ):
        yield counter
        client.close_server(url)
