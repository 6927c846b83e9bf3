"""What reaches a server: every command that the driver sends, counted by its own monitoring."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

from pymongo import MongoClient, monitoring

from pynenc_mongo.storage import client

WRITES = ("insert", "update", "delete", "findAndModify")


class Sent(NamedTuple):
    """One command: its name, the collection that it is about, if any, and its document."""

    name: str
    collection: str
    document: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name} {self.collection.rpartition('.')[2]}".strip()


class CommandLog(monitoring.CommandListener):
    """The commands that were sent, in order."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def clear(self) -> None:
        self.sent = []

    def take(self) -> list[Sent]:
        """Return what was sent since the last call."""
        taken, self.sent = self.sent, []
        return taken

    def take_texts(self) -> list[str]:
        """Return what was sent since the last call as texts, such as `find broker_messages`."""
        return list(map(str, self.take()))

    def names(self, collection: str = "") -> list[str]:
        """Return the commands on the collections whose name ends with `collection`, in order."""
        return [sent.name for sent in self.sent if sent.collection and sent.collection.endswith(collection)]

    def writes(self) -> list[str]:
        return [name for name in self.names() if name in WRITES]

    def lines(self) -> list[str]:
        """Return the commands as texts, such as `find broker_messages`."""
        return list(map(str, self.sent))

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if not event.command:  # the driver hides what it gets in with
            return
        collection = _collection_of(event.command_name, event.command)
        self.sent.append(Sent(event.command_name, collection, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: that it was sent is enough."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: that it was sent is enough."""


@contextmanager
def logged_commands(url: str) -> Iterator[CommandLog]:
    """Log what the clients of this process that are opened meanwhile send to `url`."""
    log = CommandLog()
    client.close_server(url)
    with mock.patch.object(client, "_Client", partial(MongoClient, event_listeners=[log])):
        yield log
        client.close_server(url)


def _collection_of(name: str, command: Mapping[str, Any]) -> str:
    # `getMore` is about a cursor, and names its collection beside it
    found = command["collection"] if name == "getMore" else command[name]
    return found if isinstance(found, str) else ""
