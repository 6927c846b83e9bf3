"""All that is done with mongomock, and the only code that touches its privates.

mongomock tests every stored document, about 10 microseconds each, at every command, and copies what it finds
field by field. Here documents that a filter names by `_id` are found without looking at all, plain texts are
compared at once (docs/adr/0011), and what is found is not copied but encoded. A change that fails leaves a
document as it was. What this needs of mongomock is listed in `NEEDED`, which a test compares with the
installed one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import mongomock
from bson import ObjectId, encode
from mongomock import aggregate as mongomock_aggregate
from mongomock import filtering, helpers
from mongomock.filtering import filter_applies

from pynenc_mongo.mongomock_server import changes, projections, type_names
from pynenc_mongo.mongomock_server.documents import (
    identity,
    refuse_key,
    refuse_size,
    restore_key,
    values_at,
    with_key_first,
)
from pynenc_mongo.mongomock_server.filters import equal, is_plain, meets, named_keys
from pynenc_mongo.mongomock_server.messages import CODEC, decoded
from pynenc_mongo.mongomock_server.ordering import in_order
from pynenc_mongo.mongomock_server.replies import (
    DUPLICATE_KEY,
    IMMUTABLE_FIELD,
    INDEX_KEY_SPECS_CONFLICT,
    INDEX_OPTIONS_CONFLICT,
    CommandError,
)

type Document = dict[str, Any]
type Filter = Mapping[str, Any]

# by class: the privates that are used or replaced here
NEEDED: Final[Mapping[type, tuple[str, ...]]] = {
    mongomock.Collection: (
        "_store",
        "_iter_documents",
        "_copy_only_fields",
        "_apply_update_document",
        "_apply_update_pipeline",
        "_ensure_uniques",
        "_expand_dots",
        "_discard_operators",
    ),
}
NEEDED_OF_A_DATABASE: Final = ("_store", "_store._collections", "_collection_accesses")
NEEDED_OF_A_STORE: Final = ("_documents", "_ttl_indexes", "documents", "indexes", "is_created")


type_names.complete(filtering.TYPE_MAP)


class Updated(NamedTuple):
    """What an update did; `document` is the last one it changed or made."""

    matched: int
    modified: int
    upserted: bool
    document: Document


def open_client() -> Any:
    """Return a mongomock client with an empty store of its own."""
    return mongomock.MongoClient()


def collection_in(client: Any, database: str, name: str) -> Any:
    """Return a mongomock collection that finds documents by key."""
    collection = client[database][name]
    if "_iter_documents" not in vars(collection):
        _find_by_key(collection)
    return collection


def exists(collection: Any) -> bool:
    return bool(collection._store.is_created)


def find(
    collection: Any,
    wanted: Filter,
    sort: Sequence[tuple[str, int]] = (),
    *,
    skip: int = 0,
    limit: int = 0,
    projection: Mapping[str, Any] | None = None,
) -> Iterable[Document]:
    """Return stored documents, not copies: encode them before the next command."""
    found = in_order(list(collection._iter_documents(wanted)), sort, only_first=(skip, limit) == (0, 1))
    found = found[skip : skip + limit if limit else None]
    return projected(collection, found, projection)


def projected(
    collection: Any, documents: Iterable[Document], projection: Mapping[str, Any] | None
) -> Iterable[Document]:
    """Return of stored documents what a projection leaves; encode it before the next command."""
    if not projection:
        return documents
    fields = projections.flat(projection)
    wanted = {field for field, value in fields.items() if value is True}
    if len(wanted) == len(fields) and not any("." in field for field in wanted):
        wanted.add("_id")
        return ({name: value for name, value in document.items() if name in wanted} for document in documents)
    if projections.only_slices(fields) and not any("." in field for field in fields):
        return ({**each, **collection._copy_only_fields(each, dict(fields), dict)} for each in documents)
    return (collection._copy_only_fields(document, dict(fields), dict) for document in documents)


def insert(collection: Any, document: Document) -> None:
    """Store a document, under a new key where it has none.

    :raises CommandError: if its key or a unique value is taken, or it is too large
    """
    document = with_key_first(document)
    refuse_key(document["_id"])
    refuse_size(len(encode(document, codec_options=CODEC)))
    store, key = collection._store, _key(document)
    if key in store:
        raise _duplicate(collection, document, None)
    store[key] = document
    try:
        _refuse_taken(collection, document)
    except mongomock.DuplicateKeyError:
        del store[key]
        raise _duplicate(collection, document, _index_taken(collection, document)) from None
    store.create()  # it stays when its last document goes


def update(collection: Any, wanted: Filter, change: Any, *, multi: bool, upsert: bool) -> Updated:
    """Change the documents that meet a filter, or the first one; insert one where there is none.

    :raises CommandError: if a document may not be changed so; it is as it was then
    """
    matched = modified = 0
    document: Document = {}
    for document in collection._iter_documents(wanted):
        matched += 1
        # what is written into several documents must not be one object
        part = _copy({"": change})[""] if multi else change
        modified += _change(collection, document, wanted, part)
        if not multi:
            break
    if matched or not upsert:
        return Updated(matched, modified, upserted=False, document=document)
    return Updated(1, 0, upserted=True, document=_upsert(collection, wanted, change))


def delete(collection: Any, wanted: Filter, *, multi: bool) -> int:
    """Delete the documents that meet a filter, or the first one; return how many."""
    keys = []
    for document in collection._iter_documents(wanted):
        keys.append(_key(document))
        if not multi:
            break
    for key in keys:
        del collection._store[key]
    return len(keys)


def distinct(collection: Any, key: str, wanted: Filter) -> list[Any]:
    """Return the values of a field, those in its arrays one by one, in the order in which they are found."""
    values: dict[Any, Any] = {}
    for document in collection._iter_documents(wanted):
        for found in filtering.iter_key_candidates(key, document):
            if found is filtering.NOTHING:
                continue
            for value in found if isinstance(found, list) else [found]:
                values.setdefault(identity(value), value)
    return list(values.values())


def join(found: Iterable[Document], local: str, foreign: Any, field: str) -> Iterator[list[Document]]:
    """Return for each document copies of those whose field equals, or holds, what it has locally."""
    for document in found:
        values = list(values_at(document, local)) or [None]
        yield [_copy(each) for each in foreign._iter_documents({field: {"$in": values}})]


def aggregate(collection: Any, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
    """Run mongomock's stages, a leading `$match` by key where it can."""
    wanted: Filter = {}
    if pipeline and pipeline[0].keys() == {"$match"}:
        wanted, pipeline = pipeline[0]["$match"], pipeline[1:]
    return run_stages(collection.database, map(_copy, collection._iter_documents(wanted)), pipeline)


def run_stages(
    database: Any, documents: Iterable[Document], pipeline: Sequence[Mapping[str, Any]]
) -> list[Document]:
    """Send documents, which may be changed by that, through mongomock's stages."""
    return list(mongomock_aggregate.process_pipeline(list(documents), database, pipeline, None))


def matches(wanted: Filter, document: Mapping[str, Any]) -> bool:
    return bool(filter_applies(wanted, document))


def indexes_of(collection: Any) -> list[Document]:
    """Return the indexes of a collection as a server lists them."""
    found: list[Document] = list(collection.list_indexes())
    kept = _kept_options(collection)
    return [
        {"v": 2, "key": dict(each["key"]), "name": each["name"], **each, **kept.get(each["name"], {})}
        for each in found
    ]


def create_index(collection: Any, index: Mapping[str, Any]) -> None:
    """Make an index as createIndexes describes it, unless there is one just like it."""
    options = {name: value for name, value in index.items() if name not in ("key", "v", "ns")}
    if dict(index["key"]) == {"_id": 1}:
        return
    for existing in indexes_of(collection):
        same_key, same_name = existing["key"] == index["key"], existing["name"] == index.get("name")
        if same_key and not same_name:
            raise CommandError(
                INDEX_OPTIONS_CONFLICT, f"Index already exists with a different name: {existing['name']}"
            )
        if same_name and not same_key:
            raise CommandError(
                INDEX_KEY_SPECS_CONFLICT,
                f"An existing index has the same name as the requested index: {existing['name']}",
            )
    name = collection.create_index(list(index["key"].items()), **options)
    known = collection._store.indexes[name].keys() | {"name", "unique", "sparse"}
    kept = {option: value for option, value in options.items() if option not in known}
    if "text" in index["key"].values():
        kept.setdefault("weights", {field: 1 for field, kind in index["key"].items() if kind == "text"})
    _kept_options(collection)[name] = kept


def _kept_options(collection: Any) -> dict[str, Document]:
    """Return, by the name of an index, what listIndexes says and mongomock does not keep."""
    kept: dict[str, Document] = vars(collection._store).setdefault("kept_options", {})
    return kept


def rename(client: Any, database: str, name: str, new_name: str, *, drop_target: bool) -> None:
    collection_in(client, database, name).rename(new_name, dropTarget=drop_target)
    # what it had found by key is under the new name now
    client[database]._collection_accesses.clear()


def names_in(client: Any, database: str) -> list[str]:
    """Return the names of a database's collections, and forget those that were asked for, or are dropped.

    mongomock keeps a store for each name that it ever heard of, and looks at all of them here.
    """
    stores, handles = client[database]._store._collections, client[database]._collection_accesses
    for name in [name for name, store in stores.items() if not store.is_created]:
        del stores[name]
        handles.pop(name, None)
    return list(stores)


def _copy(document: Document) -> Document:
    return decoded(encode(document, codec_options=CODEC))


def _key(document: Document) -> Any:
    return helpers.hashdict(document["_id"]) if isinstance(document["_id"], dict) else document["_id"]


def _change(collection: Any, document: Document, wanted: Filter, change: Any) -> bool:
    """Change a stored document where it stands; return whether it is another now."""
    before = encode(document, codec_options=CODEC)
    key = document["_id"]
    try:
        if isinstance(change, list):
            collection._apply_update_pipeline(document, change, None)
            restore_key(document, key)
        else:
            changes.refuse_unreachable(document, change)
            # by its own key: a condition on `_id` would become the key of a replacement
            collection._apply_update_document(document, {**wanted, "_id": key}, change, False)
        after = encode(document, codec_options=CODEC)
        _refuse_impossible(document, key, len(after))
        if after != before:
            _refuse_taken(collection, document)
    except BaseException as error:
        changed = dict(document)
        document.clear()
        document.update(decoded(before))
        if isinstance(error, mongomock.DuplicateKeyError):
            raise _duplicate(collection, changed, _index_taken(collection, changed)) from None
        raise
    return after != before


def _refuse_impossible(document: Document, key: Any, size: int) -> None:
    if document.get("_id", _copy) != key:
        raise CommandError(
            IMMUTABLE_FIELD,
            "Performing an update on the path '_id' would modify the immutable field '_id'",
        )
    refuse_size(size)


def _upsert(collection: Any, wanted: Filter, change: Any) -> Document:
    """Insert what an update makes of the values that its filter names."""
    key = wanted.get("_id", _copy)
    if isinstance(key, Mapping) and any(name.startswith("$") for name in key):
        key = key.get("$eq", _copy)
    if key is _copy:
        key = change["_id"] if isinstance(change, Mapping) and "_id" in change else ObjectId()
    named = {name: value for name, value in wanted.items() if name != "_id"}
    document, _ = collection._discard_operators(collection._expand_dots({"_id": key, **named}))
    if isinstance(change, list):
        collection._apply_update_pipeline(document, change, None)
        restore_key(document, key)
    else:
        collection._apply_update_document(document, {**wanted, "_id": key}, change, True)
    document = with_key_first(document)
    insert(collection, document)
    return document


def _refuse_taken(collection: Any, document: Document) -> None:
    """Have mongomock look for the values of a document in unique indexes, where another one may have them.

    :raises mongomock.DuplicateKeyError: if another one has
    """
    unique = (index for index in collection._store.indexes.values() if index.get("unique"))
    if any(_may_be_taken(collection._store._documents.values(), document, index) for index in unique):
        collection._ensure_uniques(document)


def _may_be_taken(stored: Iterable[Document], document: Document, index: Mapping[str, Any]) -> bool:
    """Whether another document may have the value of one: of a text, and of none, that is known at once."""
    (field, _), *others = index["key"]
    if others or "." in field:
        return True
    if field not in document:
        return not index.get("sparse")
    value = document[field]
    if type(value) is not str:
        return True
    held = (each.get(field) for each in stored if each is not document)
    return any(found == value or isinstance(found, list) for found in held)


def _duplicate(collection: Any, document: Document, index: str | None) -> CommandError:
    """Return what a server says of a document whose key, or value in a unique index, is taken."""
    keys = collection._store.indexes[index]["key"] if index else [("_id", 1)]
    value = {field: _value_at(document, field) for field, _ in keys}
    shown = ", ".join(f"{field}: {each!r}" for field, each in value.items())
    return CommandError(
        DUPLICATE_KEY,
        f"E11000 duplicate key error collection: {collection.full_name} index: {index or '_id_'} "
        f"dup key: {{ {shown} }}",
        keyPattern=dict(keys),
        keyValue=value,
    )


def _index_taken(collection: Any, document: Document) -> str | None:
    """Return the unique index that has the values of a document for another one."""
    for name, index in collection._store.indexes.items():
        value = {field: _value_at(document, field) for field, _ in index["key"]}
        if index.get("unique") and any(
            other["_id"] != document["_id"] for other in collection._iter_documents(value)
        ):
            return str(name)
    return None


def _value_at(document: Document, path: str) -> Any:
    try:
        return helpers.get_value_by_dot(document, path)
    except KeyError:
        return None


def _find_by_key(collection: Any) -> None:
    """Have a mongomock collection find documents that a filter names by `_id` without looking at all."""
    scan = collection._iter_documents

    def iter_documents(wanted: Any) -> Iterator[Document]:
        store = collection._store
        if store._ttl_indexes:
            store._remove_expired_documents()
        keys = named_keys(wanted)
        if keys is None:
            return equal(store._documents.values(), wanted) if is_plain(wanted) else iter(scan(wanted))
        found = (store._documents.get(key) for key in keys)
        return (each for each in list(found) if each is not None and meets(wanted, each))

    collection._iter_documents = iter_documents
