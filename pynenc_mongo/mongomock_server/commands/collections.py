"""Commands on collections, databases and indexes."""

from collections.abc import Iterator
from typing import Any

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.mongomock_server.commands.state import Command, Reply, State, encoded, refuse
from pynenc_mongo.mongomock_server.replies import (
    CANNOT_CREATE_INDEX,
    INDEX_NOT_FOUND,
    INVALID_OPTIONS,
    NAMESPACE_EXISTS,
    NAMESPACE_NOT_FOUND,
    TYPE_MISMATCH,
    CommandError,
)

# what a collection can have on a server, and mongomock has not
_COLLECTION_OPTIONS = (
    "capped",
    "collation",
    "clusteredIndex",
    "encryptedFields",
    "timeseries",
    "validator",
    "viewOn",
)
_INDEX_OPTIONS = ("collation", "hidden", "wildcardProjection")
_PARTIAL_OPERATORS = ("$eq", "$exists", "$gt", "$gte", "$lt", "$lte", "$type", "$and", "$or", "$in")
_OF_EVERY_SERVER = ("admin", "config", "local")
_SIZES: dict[str, Any] = {"dataSize": 0.0, "storageSize": 0.0, "indexSize": 0.0, "totalSize": 0.0}


def list_databases(state: State, command: Command) -> Reply:
    wanted = command.get("filter") or {}
    names = sorted({*_OF_EVERY_SERVER, *state.client.list_database_names()})
    found = [{"name": name, "sizeOnDisk": 0, "empty": False} for name in names]
    found = [each for each in found if lookup.matches(wanted, each)]
    if command.get("nameOnly"):
        return {"databases": [{"name": each["name"]} for each in found], "ok": 1.0}
    return {"databases": found, "totalSize": 0, "totalSizeMb": 0, "ok": 1.0}


def drop_database(state: State, command: Command) -> Reply:
    state.client.drop_database(command["$db"])
    return {"dropped": command["$db"], "ok": 1.0}


def list_collections(state: State, command: Command) -> Reply:
    wanted = command.get("filter") or {}
    found = [each for each in _described(state, command["$db"]) if lookup.matches(wanted, each)]
    if command.get("nameOnly"):
        found = [{"name": each["name"], "type": each["type"]} for each in found]
    name = f"{command['$db']}.$cmd.listCollections"
    return state.cursors.first_batch(name, encoded(found), command.get("cursor", {}).get("batchSize"))


def create(state: State, command: Command) -> Reply:
    collection = state.collection(command)
    refuse(command, *_COLLECTION_OPTIONS)
    if lookup.exists(collection):
        raise CommandError(NAMESPACE_EXISTS, f"Collection {collection.full_name} already exists.")
    collection.database.create_collection(collection.name)
    return {"ok": 1.0}


def drop(state: State, command: Command) -> Reply:
    collection = _existing(state, command, "ns not found")
    indexes = len(lookup.indexes_of(collection))
    collection.drop()
    return {"nIndexesWas": indexes, "ns": collection.full_name, "ok": 1.0}


def rename_collection(state: State, command: Command) -> Reply:
    source, target = command["renameCollection"], command.get("to")
    if not isinstance(source, str) or not isinstance(target, str):
        raise CommandError(TYPE_MISMATCH, "renameCollection takes two namespaces")
    database, _, name = source.partition(".")
    new_database, _, new_name = target.partition(".")
    if not lookup.exists(state.named(database, name)):
        raise CommandError(NAMESPACE_NOT_FOUND, f"Source collection {source} does not exist")
    if new_database != database:
        raise CommandError(INVALID_OPTIONS, "mongomock renames a collection within its database only")
    if lookup.exists(state.named(database, new_name)) and not command.get("dropTarget"):
        raise CommandError(NAMESPACE_EXISTS, "target namespace exists")
    lookup.rename(state.client, database, name, new_name, drop_target=bool(command.get("dropTarget")))
    return {"ok": 1.0}


def list_indexes(state: State, command: Command) -> Reply:
    collection = state.collection(command)
    if not lookup.exists(collection):
        raise CommandError(NAMESPACE_NOT_FOUND, f"ns does not exist: {collection.full_name}")
    size = command.get("cursor", {}).get("batchSize")
    return state.cursors.first_batch(collection.full_name, encoded(lookup.indexes_of(collection)), size)


def create_indexes(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/createIndexes/."""
    collection = state.collection(command)
    existed = lookup.exists(collection)
    before = len(lookup.indexes_of(collection))
    for index in command.get("indexes", ()):
        refuse(index, *_INDEX_OPTIONS)
        if "partialFilterExpression" in index:
            _check_partial(index["partialFilterExpression"])
        lookup.create_index(collection, index)
    after = len(lookup.indexes_of(collection))
    reply: Reply = {"numIndexesBefore": before or 1, "numIndexesAfter": after, "ok": 1.0}
    if after == before:
        reply["note"] = "all indexes already exist"
    return {**reply, "createdCollectionAutomatically": not existed}


def drop_indexes(state: State, command: Command) -> Reply:
    collection = _existing(state, command, f"ns not found {command['$db']}.{next(iter(command.values()))}")
    indexes = lookup.indexes_of(collection)
    wish = command.get("index")
    if wish == "*":
        collection.drop_indexes()
    else:
        for each in wish if isinstance(wish, list) else [wish]:
            collection.drop_index(_name_of(indexes, each))
    return {"nIndexesWas": len(indexes), "ok": 1.0}


def validate(state: State, command: Command) -> Reply:
    collection = _existing(state, command, "Collection does not exist to validate.")
    records = collection.estimated_document_count()
    indexes = len(lookup.indexes_of(collection))
    return {
        "ns": collection.full_name,
        "nrecords": records,
        "nIndexes": indexes,
        "valid": True,
        "errors": [],
        "ok": 1.0,
    }


def collection_statistics(state: State, command: Command) -> Reply:
    collection = state.collection(command)
    count, indexes = collection.estimated_document_count(), len(lookup.indexes_of(collection))
    return {"ns": collection.full_name, "count": count, "size": 0, "nindexes": indexes, "ok": 1.0}


def database_statistics(state: State, command: Command) -> Reply:
    names = [each["name"] for each in _described(state, command["$db"])]
    documents = sum(state.named(command["$db"], name).estimated_document_count() for name in names)
    return {"db": command["$db"], "collections": len(names), "objects": documents, **_SIZES, "ok": 1.0}


def _described(state: State, database: str) -> Iterator[dict[str, Any]]:
    for name in lookup.names_in(state.client, database):
        id_index = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
        yield {
            "name": name,
            "type": "collection",
            "options": {},
            "info": {"readOnly": False},
            "idIndex": id_index,
        }


def _check_partial(expression: Any) -> None:
    """Refuse a filter that a partial index cannot have.

    :raises CommandError: CannotCreateIndex, naming what is wrong
    """
    if not isinstance(expression, dict):
        raise CommandError(
            TYPE_MISMATCH, "'partialFilterExpression' is the wrong type, it must be of type object"
        )
    for name, value in expression.items():
        if name.startswith("$") and name not in _PARTIAL_OPERATORS:
            raise CommandError(CANNOT_CREATE_INDEX, f"unsupported expression in partial index: {name}")
        if name in ("$and", "$or") and not isinstance(value, list):
            raise CommandError(CANNOT_CREATE_INDEX, f"{name} must be an array")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                _check_partial(each)


def _existing(state: State, command: Command, otherwise: str) -> Any:
    collection = state.collection(command)
    if not lookup.exists(collection):
        raise CommandError(NAMESPACE_NOT_FOUND, otherwise)
    return collection


def _name_of(indexes: list[dict[str, Any]], wish: Any) -> str:
    """Return the name of an index that is named, or described by its keys."""
    if wish in ("_id_", {"_id": 1}):
        raise CommandError(INVALID_OPTIONS, "cannot drop _id index")
    for index in indexes:
        if wish in (index["name"], index["key"]):
            return str(index["name"])
    raise CommandError(INDEX_NOT_FOUND, f"index not found with name [{wish}]")
