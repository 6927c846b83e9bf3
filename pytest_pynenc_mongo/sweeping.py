"""What dead runs left on a server is dropped; nothing without a record of its owner, whatever its name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import clock, owners
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.errors import UNAUTHORIZED, missing_right
from pytest_pynenc_mongo.owners import OWNER, OWNER_COLLECTION

if TYPE_CHECKING:
    from pymongo.errors import OperationFailure

_UNREADABLE = (
    f"its record of its owner ({OWNER_COLLECTION}) cannot be read; drop it by hand if it is nobody's"
)


@dataclass(frozen=True)
class Sweep:
    """What a sweep dropped, and what it left alone, each with the reason.

    What is none of its business, a living run's or a kept one, is in neither.
    """

    dropped: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


def sweep(server: TestServer, prefix: str, *, kept_too: bool, within: str = "") -> Sweep:
    """Drop what dead runs left; what cannot be read, or may not be, stops nothing.

    :param prefix: what the databases' names begin with
    :param within: the one database that is looked into, whose collections have that prefix
    :raises RefusedError: if the server refuses the user altogether
    :raises MongoUnreachableError: if it does not answer
    """
    server.ping()
    swept = Sweep()
    for database in _candidates(server, prefix, within, swept):
        _sweep(database, swept, kept_too=kept_too)
    return swept


def _candidates(server: TestServer, prefix: str, within: str, swept: Sweep) -> list[TestDatabase]:
    from pymongo.errors import OperationFailure

    try:
        return list(_parts(server, prefix, within) if within else _databases(server, prefix))
    except OperationFailure as error:
        _insist_on_a_right(error)
    what, action = (
        (f"the collections of {within}", "listCollections") if within else ("all databases", "listDatabases")
    )
    swept.left[what] = missing_right(action, within, named=bool(within))
    return []


def _databases(server: TestServer, prefix: str) -> Iterator[TestDatabase]:
    for name in server.client.list_database_names():
        if name.startswith(f"{prefix}_"):
            yield TestDatabase(server, name)


def _parts(server: TestServer, prefix: str, within: str) -> Iterator[TestDatabase]:
    owned = {"name": {"$regex": rf"^{re.escape(prefix)}_[^.]*\.{OWNER_COLLECTION}$"}}
    for name in server.client[within].list_collection_names(filter=owned):
        yield TestDatabase(server, within, name.removesuffix(OWNER_COLLECTION))


def _sweep(database: TestDatabase, swept: Sweep, *, kept_too: bool) -> None:
    from pymongo.errors import OperationFailure

    try:
        record = _record_in(database)
    except OperationFailure as error:
        _insist_on_a_right(error)
        swept.left[database.label] = missing_right(
            "find", database.name, named=bool(database.collection_prefix)
        )
        return
    if record is None:
        return
    owner = owners.owner_in(record)
    if owner is None:
        swept.left[database.label] = _UNREADABLE
    elif not owner.is_alive(clock.wall(), owners.here()) and (kept_too or not owner.kept):
        if refused := database.drop_if_allowed():
            swept.left[database.label] = f"its run has ended, but {refused}"
        else:
            swept.dropped.append(database.label)


def _record_in(database: TestDatabase) -> dict[str, Any] | None:
    """Return the record of the owner, empty where Python cannot hold what stands there."""
    from bson.errors import BSONError

    try:
        return database.owner_collection.find_one(OWNER)
    except BSONError:
        return {}


def _insist_on_a_right(error: "OperationFailure") -> None:
    """Let every refusal travel that is not for want of a right."""
    if error.code != UNAUTHORIZED:
        raise error
