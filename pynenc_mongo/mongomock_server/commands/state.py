"""What the commands of a server share."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import encode

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.mongomock_server.cursors import Cursors
from pynenc_mongo.mongomock_server.failpoints import FailPoints
from pynenc_mongo.mongomock_server.messages import CODEC
from pynenc_mongo.mongomock_server.replies import BAD_VALUE, INVALID_NAMESPACE, NOT_IMPLEMENTED, CommandError

type Command = Mapping[str, Any]
type Reply = dict[str, Any]


@dataclass
class State:
    """One mongomock with its cursors; a command runs while it holds `lock`, and so is atomic."""

    client: Any = field(default_factory=lookup.open_client)
    cursors: Cursors = field(default_factory=Cursors)
    fail_points: FailPoints = field(default_factory=FailPoints)
    lock: threading.Lock = field(default_factory=threading.Lock)
    started_at: float = field(default_factory=time.monotonic)
    connections: int = 0

    def collection(self, command: Command) -> Any:
        """Return the collection that the first field of a command names.

        :raises CommandError: InvalidNamespace
        """
        name = next(iter(command.values()))
        if not isinstance(name, str) or not name:
            raise CommandError(INVALID_NAMESPACE, f"collection name has invalid type or is empty: {name!r}")
        return self.named(command["$db"], name)

    def named(self, database: str, name: str) -> Any:
        return lookup.collection_in(self.client, database, name)


def namespace(command: Command) -> str:
    return f"{command['$db']}.{next(iter(command.values()))}"


def encoded(documents: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Encode documents while the lock is held; what they are made of may change after it."""
    return [encode(document, codec_options=CODEC) for document in documents]


def order_in(command: Command) -> Sequence[tuple[str, int]]:
    """Return the sort order that a command asks for.

    :raises CommandError: BadValue
    """
    order = command.get("sort") or {}
    if not all(direction in (1, -1) for direction in order.values()):
        raise CommandError(
            BAD_VALUE, f"$sort key ordering must be 1 (for ascending) or -1 (for descending): {order}"
        )
    return [(field, int(direction)) for field, direction in order.items()]


def count_in(command: Command, name: str) -> int:
    """Return a number that a command gives, 0 where it does not.

    :raises CommandError: BadValue
    """
    number = command.get(name) or 0
    if not isinstance(number, int | float) or number < 0:
        raise CommandError(BAD_VALUE, f"BSON field '{name}' value must be >= 0, actual value '{number}'")
    return int(number)


def refuse(statement: Command, *options: str) -> None:
    """Refuse what mongomock would ignore.

    :raises CommandError: NotImplemented, naming the option
    """
    for option in options:
        value = statement.get(option)
        if value and value != {"locale": "simple"}:
            raise CommandError(NOT_IMPLEMENTED, f"mongomock has no {option}")


def check_hint(collection: Any, command: Command) -> Sequence[tuple[str, int]]:
    """Return the order in which the hinted index has the documents, nothing without a hint.

    :raises CommandError: BadValue, as a server does
    """
    hint = command.get("hint")
    if not hint or not lookup.exists(collection):
        return ()
    if hint in ({"$natural": 1}, {"$natural": -1}):
        return tuple(hint.items())
    for index in lookup.indexes_of(collection):
        if hint == index["name"] or (isinstance(hint, dict) and [*hint.items()] == [*index["key"].items()]):
            return [(field, order) for field, order in index["key"].items() if order in (1, -1)]
    raise CommandError(
        BAD_VALUE,
        "error processing query: planner returned error: hint provided does not correspond to an "
        "existing index",
    )
