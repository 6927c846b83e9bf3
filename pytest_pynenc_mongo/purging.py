"""What a test leaves in its database, and which of it is taken away: see ADR 27.

The product's own collections of the apps that were used last stay, empty and with their indexes: the next
test finds them made. All else goes, whoever made it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.operations import IndexModel

# the ids of apps that no later test uses: apps.new() makes them
PASSING_APP_ID = "test-{}"  # with eight hexadecimal digits
_PASSING_APP = re.compile(r"test-[0-9a-f]{8}")
# of how many apps the collections stay; a test of one more makes its own again
_KEPT_APPS = 4
# the first part of a collection's name, as pynenc_mongo.storage.naming makes it
_APP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(~[0-9a-f]+)?")
# what listIndexes says of every index, and of no index that is unlike the others
_OF_EVERY_INDEX = ("v", "ns", "background")

# of a pipeline's 1,000 stages, that no server is asked for more than it likes
_UNION_LENGTH = 200
# what a server without $unionWith says: an unknown stage (MongoDB before 4.4), not supported, not implemented
_NO_UNION_CODES = (40324, 304, 238)


@dataclass(frozen=True)
class Found:
    """The collections of a test database: the product's own, by app, and what else there is, views too."""

    own: Mapping[str, str]  # a collection's name -> its app's part of it
    foreign: tuple[str, ...]

    @property
    def lasting(self) -> list[str]:
        """The product's collections of apps that later tests may use."""
        return [name for name, app in self.own.items() if not _PASSING_APP.fullmatch(app)]

    def passing(self, recent: Iterable[str]) -> set[str]:
        """Return the product's collections that go: no test will use them again, or no test did lately.

        :param recent: the apps, the one that was used last at the end
        """
        kept = list(recent)[-_KEPT_APPS:]
        return {name for name, app in self.own.items() if app not in kept}


def sorted_out(listed: Iterable[Mapping[str, Any]], prefix: str) -> Found:
    """Tell the product's own collections from others.

    One that a test gave a validator, a collation or a size is not the product's any more.

    :param listed: what `listCollections` says
    :param prefix: what the names of all of them begin with
    """
    own: dict[str, str] = {}
    foreign: list[str] = []
    for each in listed:
        app, _, kind = each["name"].removeprefix(prefix).rpartition(".")
        is_plain = each.get("type", "collection") == "collection" and not each.get("options")
        if is_plain and _APP.fullmatch(app) and kind in _indexes_by_kind():
            own[each["name"]] = app
        else:
            foreign.append(each["name"])
    return Found(own, tuple(foreign))


def used_last(recent: Iterable[str], found: Found, in_use: Iterable[str]) -> Iterator[str]:
    """Return the apps in the order of their last use, without those that no later test uses.

    :param recent: the order before
    :param in_use: the names of the collections that hold documents now
    """
    used = {found.own[name] for name in in_use if name in found.own}
    before = [app for app in recent if app not in used]
    there = {found.own[name] for name in found.lasting}
    yield from (app for app in before if app in there)
    yield from sorted(there - {*before})


def in_use(beside: "Collection[dict[str, Any]]", names: Iterable[str]) -> set[str]:
    """Return those collections that hold documents; one command for 200 of them where the server can.

    :param beside: a collection that is there, in the same database
    """
    from pymongo.errors import OperationFailure

    names = sorted(names)
    groups = (names[place : place + _UNION_LENGTH] for place in range(0, len(names), _UNION_LENGTH))
    try:
        return {found["_id"] for group in groups for found in _first_of_each(beside, group)}
    except OperationFailure as error:
        if error.code not in _NO_UNION_CODES:
            raise
    return {name for name in names if beside.database[name].find_one({}, ["_id"])}


def _first_of_each(beside: "Collection[dict[str, Any]]", names: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Return, for each collection that holds documents, one that has its name for an `_id`.

    See https://www.mongodb.com/docs/manual/reference/operator/aggregation/unionWith/ (MongoDB 4.4).
    """
    unions = [
        {"$unionWith": {"coll": name, "pipeline": [{"$limit": 1}, {"$project": {"_id": {"$literal": name}}}]}}
        for name in names
    ]
    return beside.aggregate([{"$match": {"_id": None}}, *unions])


def has_other_indexes(collection: "Collection[dict[str, Any]]") -> bool:
    """Whether a collection of the product has not exactly the indexes that the product makes."""
    kind = collection.name.rpartition(".")[2]
    wanted = [_described(index.document) for index in _indexes_by_kind()[kind]]
    there = [_described(index) for index in collection.list_indexes() if index["name"] != "_id_"]
    return sorted(there, key=repr) != sorted(wanted, key=repr)


def _described(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes an index what it is, in one spelling."""
    said = {name: value for name, value in sorted(index.items()) if name not in _OF_EVERY_INDEX and value}
    return {**said, "key": [(field, _order(value)) for field, value in index["key"].items()]}


def _order(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


@cache
def _indexes_by_kind() -> Mapping[str, "tuple[IndexModel, ...]"]:
    """Return the indexes of each collection of the product, by the last part of its name."""
    from pynenc_mongo.broker import documents as broker
    from pynenc_mongo.client_data_store import documents as client_data_store
    from pynenc_mongo.orchestrator import documents as orchestrator
    from pynenc_mongo.state_backend import documents as state_backend
    from pynenc_mongo.trigger import documents as trigger

    return {
        f"{component.COMPONENT}_{spec.name}": spec.indexes
        for component in (broker, client_data_store, orchestrator, state_backend, trigger)
        for spec in component.SPECS
    }
