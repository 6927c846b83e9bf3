"""mongomock for many threads and many processes.

mongomock by itself is neither atomic nor shared: two threads in `find_one_and_delete` receive the same
document, every client has a store of its own, and nothing crosses a process. Here a store has one owner
process and one lock; each command is atomic under it. `serving.py` takes commands of other processes.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pymongo.operations import IndexModel
from pymongo.results import DeleteResult, InsertManyResult, InsertOneResult, UpdateResult

from pynenc_mongo.errors import MongoStoreNotSharedError


class Command(NamedTuple):
    """One call on the client, or on a database, or on a collection of the store."""

    database: str | None
    collection: str | None
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Store(Protocol):
    """Runs commands, each one atomically."""

    def run(self, command: Command) -> Any: ...

    def close(self) -> None: ...


def _as_it_is(result: Any) -> Any:
    return result


# what mongomock returns of these is not read yet, or holds something that cannot be sent
_READ_TO_THE_END: Mapping[str, Callable[[Any], Any]] = {
    "find": list,
    "aggregate": list,
    "list_indexes": list,
    "index_information": lambda found: {
        name: {**index, "key": list(index["key"])} for name, index in found.items()
    },
}


# a command that only this store has
_IN_USE = "collections_in_use"


def _collections_in_use(database: Any) -> list[str]:
    return [name for name in database.list_collection_names() if database[name].find_one() is not None]


class LocalStore:
    """A store that this process owns."""

    def __init__(self) -> None:
        import mongomock  # a quarter of a second: only for those who use it

        self._client: Any = mongomock.MongoClient()
        self._lock = threading.Lock()
        self._owner_pid = os.getpid()

    def run(self, command: Command) -> Any:
        """Run `command` under the lock and return its result, cursors read to their end.

        :raises MongoStoreNotSharedError: in a process forked from the owner, which has only a copy
        """
        if os.getpid() != self._owner_pid:
            raise MongoStoreNotSharedError(
                f"the mongomock:// store of process {self._owner_pid} is used in its child {os.getpid()}, "
                f"which sees nothing of it: {REMEDY}"
            )
        if command.method.startswith("_"):
            raise AttributeError(command.method)
        with self._lock:
            target = self._target(command)
            if command.method == _IN_USE:
                return _collections_in_use(target)
            result = getattr(target, command.method)(*command.args, **command.kwargs)
            return _READ_TO_THE_END.get(command.method, _as_it_is)(result)

    def _target(self, command: Command) -> Any:
        if command.database is None:
            return self._client
        database = self._client[command.database]
        return database if command.collection is None else _with_key_lookup(database[command.collection])

    def close(self) -> None:
        """Nothing to let go of: the store lives as long as its process."""


def _with_key_lookup(collection: Any) -> Any:
    """Have a mongomock collection find documents that the filter names by `_id` without looking at all.

    mongomock tests every stored document, about 10 microseconds each, at every command; for the first one
    in an order it also sorts and copies all that match. Plain texts are compared here, and only the first
    one is handed to mongomock (docs/adr/0011).
    """
    if "_iter_documents" in vars(collection):
        return collection
    from mongomock.filtering import filter_applies

    scan, stored, plain_find_one = collection._iter_documents, collection._store, collection.find_one  # noqa: SLF001

    def iter_documents(wanted: Any) -> Iterator[Any]:
        keys = _named_keys(wanted)
        if keys is None:
            yield from _equal(stored.documents, wanted) if _is_plain(wanted) else scan(wanted)
            return
        for key in keys:
            if key in stored and filter_applies(wanted, stored[key]):
                yield stored[key]

    def find_one(wanted: Any = None, projection: Any = None, **options: Any) -> Any:
        # the first one, and no other option that would choose another
        if options.keys() == {"sort"} and options["sort"]:
            first = _first_key(list(iter_documents(wanted or {})), options["sort"])
            wanted = wanted if first is None else {"_id": first}
        return plain_find_one(wanted, projection, **options)

    collection._iter_documents = iter_documents  # noqa: SLF001
    collection.find_one = find_one
    return collection


def _is_plain(wanted: Any) -> bool:
    """Whether a filter only asks fields of the document itself to equal a text."""
    return bool(wanted) and all(
        type(value) is str and not field.startswith("$") and "." not in field
        for field, value in wanted.items()
    )


def _equal(documents: Iterable[Any], wanted: Mapping[str, str]) -> Iterator[Any]:
    """Return what meets a plain filter; mongomock judges documents that hold something else than texts."""
    from mongomock.filtering import filter_applies

    pairs = tuple(wanted.items())
    for document in list(documents):
        found = [document.get(field) for field, _ in pairs]
        if all(type(value) is str for value in found):
            if all(value == text for value, (_, text) in zip(found, pairs, strict=True)):
                yield document
        elif filter_applies(wanted, document):
            yield document


def _first_key(documents: Sequence[Any], sort: Sequence[tuple[str, int]]) -> Any:
    """Return the key of the first document in an order; None where mongomock should say what that is.

    It knows how values of several types compare; here all values of a field are of one.
    """
    for name, direction in sort:
        values = [document.get(name) for document in documents]
        if {type(value) for value in values} not in _COMPARABLE:
            return None
        best = min(values) if direction > 0 else max(values)
        documents = [document for document, value in zip(documents, values, strict=True) if value == best]
    return documents[0]["_id"] if documents else None


_COMPARABLE = ({str}, {float}, {int})


def _named_keys(wanted: Any) -> Sequence[str] | None:
    """Return the only keys that can meet a filter, or None where it does not name them."""
    condition = wanted.get("_id") if isinstance(wanted, Mapping) else None
    if isinstance(condition, str):
        return [condition]
    if isinstance(condition, Mapping) and condition.keys() == {"$in"}:
        keys = list(dict.fromkeys(condition["$in"]))
        return keys if all(isinstance(key, str) for key in keys) else None
    return None


REMEDY = (
    "serve the store (pynenc_mongo.storage.serving.serve() returns a URL for every process), "
    "use a MongoDB server, or a runner that stays in one process, like ThreadRunner"
)


@dataclass(frozen=True)
class MockCollection[Doc]:
    """The collection methods that the backends use, each one command of the store."""

    store: Store
    database: str
    name: str

    def _run(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.store.run(Command(self.database, self.name, method, args, kwargs))

    def find(self, *args: Any, **kwargs: Any) -> Iterable[Doc]:
        documents: list[Doc] = self._run("find", *args, **kwargs)
        return documents

    def find_one(self, filter: Any = None, *args: Any, **kwargs: Any) -> Doc | None:  # noqa: A002
        document: Doc | None = self._run("find_one", filter, *args, **kwargs)
        return document

    def find_one_and_delete(self, filter: Mapping[str, Any], **kwargs: Any) -> Doc | None:  # noqa: A002
        document: Doc | None = self._run("find_one_and_delete", filter, **kwargs)
        return document

    def find_one_and_replace(
        self,
        filter: Mapping[str, Any],  # noqa: A002
        replacement: Mapping[str, Any],
        *,
        upsert: bool = False,
    ) -> Doc | None:
        document: Doc | None = self._run("find_one_and_replace", filter, replacement, upsert=upsert)
        return document

    def insert_one(self, document: Any) -> InsertOneResult:
        result: InsertOneResult = self._run("insert_one", document)
        return result

    def insert_many(self, documents: Iterable[Any], ordered: bool = True) -> InsertManyResult:
        result: InsertManyResult = self._run("insert_many", list(documents), ordered=ordered)
        return result

    def replace_one(
        self,
        filter: Mapping[str, Any],  # noqa: A002
        replacement: Mapping[str, Any],
        upsert: bool = False,
    ) -> UpdateResult:
        result: UpdateResult = self._run("replace_one", filter, replacement, upsert=upsert)
        return result

    def update_one(
        self,
        filter: Mapping[str, Any],  # noqa: A002
        update: Mapping[str, Any],
        upsert: bool = False,
    ) -> UpdateResult:
        result: UpdateResult = self._run("update_one", filter, update, upsert=upsert)
        return result

    def update_many(self, filter: Mapping[str, Any], update: Mapping[str, Any]) -> UpdateResult:  # noqa: A002
        result: UpdateResult = self._run("update_many", filter, update)
        return result

    def delete_many(self, filter: Mapping[str, Any]) -> DeleteResult:  # noqa: A002
        result: DeleteResult = self._run("delete_many", filter)
        return result

    def count_documents(self, filter: Mapping[str, Any]) -> int:  # noqa: A002
        count: int = self._run("count_documents", filter)
        return count

    def distinct(self, key: str, filter: Mapping[str, Any] | None = None) -> list[Any]:  # noqa: A002
        values: list[Any] = self._run("distinct", key, filter)
        return values

    def create_indexes(self, indexes: Sequence[IndexModel]) -> list[str]:
        names: list[str] = self._run("create_indexes", list(indexes))
        return names

    def index_information(self) -> Mapping[str, Any]:
        information: Mapping[str, Any] = self._run("index_information")
        return information


@dataclass(frozen=True)
class MockDatabase:
    store: Store
    name: str

    def __getitem__(self, name: str) -> MockCollection[Any]:
        return MockCollection(self.store, self.name, name)

    def list_collection_names(self) -> list[str]:
        names: list[str] = self.store.run(Command(self.name, None, "list_collection_names", (), {}))
        return names

    def collections_in_use(self) -> list[str]:
        """Return the names of the collections that hold documents; a server is asked by an aggregation."""
        names: list[str] = self.store.run(Command(self.name, None, _IN_USE, (), {}))
        return names


@dataclass(frozen=True)
class MockClient:
    """Looks like a `pymongo.MongoClient` as far as the backends use one."""

    store: Store = field(repr=False)

    def __getitem__(self, name: str) -> MockDatabase:
        return MockDatabase(self.store, name)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("'MockClient' object is not iterable")

    def list_database_names(self) -> list[str]:
        names: list[str] = self.store.run(Command(None, None, "list_database_names", (), {}))
        return names

    def drop_database(self, name_or_database: str) -> None:
        self.store.run(Command(None, None, "drop_database", (name_or_database,), {}))

    def close(self) -> None:
        self.store.close()
