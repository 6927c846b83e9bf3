"""The few shapes that the components send, and the only place where they are sent.

Each is one command, sent again where that does no harm (`repeating`). All but `pop` may raise
`MongoOutageError` and `MongoRefusedError` as `repeated` does, `pop` as `once`. What goes in and comes out is
what the documents of the collection are (`shapes`); if not, `MongoValueError` or `MongoDocumentError` is
raised.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.operations import IndexModel

from pynenc_mongo.storage.conditions import Condition, among
from pynenc_mongo.storage.repeating import once, repeated
from pynenc_mongo.storage.shapes import asked, changes, checked, checked_values, projected, stamped

type Filter = Mapping[str, Any]
type Update = Mapping[str, Any]
type Document = Mapping[str, Any]
type Order = Sequence[tuple[str, int]]

PAGE_SIZE = 1000
BY_KEY: Order = (("_id", 1),)

_DUPLICATE_KEY = 11000
# an index on many documents takes long, and ends nobody's start
_INDEX_SECONDS = 24 * 3600.0


# what there is


def ping(database: Database[Any]) -> None:
    """Have the server answer, now or not at all.

    :raises MongoOutageError: if it does not
    """
    once(database, lambda: database.command("ping"))


def collection_names(database: Database[Any]) -> list[str]:
    return repeated(database, database.list_collection_names)


def make_indexes(collection: Collection[Any], indexes: Sequence[IndexModel]) -> None:
    """Make what is missing of some indexes, and the collection with them, in one command.

    :raises pymongo.errors.DuplicateKeyError: if one shall be unique, and what is stored is not
    """
    repeated(collection, lambda: collection.create_indexes(list(indexes)), attempt_seconds=_INDEX_SECONDS)


# to read


def find_one[Doc: Document](
    collection: Collection[Doc], wanted: Filter, fields: Sequence[str] | None = None
) -> Doc | None:
    wanted, read = asked(collection, wanted), projected(collection, fields)
    found = repeated(collection, lambda: collection.find_one(wanted, read))
    return None if found is None else checked(collection, found, read)


def find_all[Doc: Document](
    collection: Collection[Doc], wanted: Filter, fields: Sequence[str] | None = None, **options: Any
) -> list[Doc]:
    """Return every document that meets `wanted`: for what is known to be few; a thousand take one command."""
    return _found(collection, wanted, fields, batch_size=PAGE_SIZE, **options)


def find_by_key[Doc: Document](
    collection: Collection[Doc], keys: Sequence[str], fields: Sequence[str] | None = None
) -> dict[str, Doc]:
    """Return the stored ones among some documents by their `_id`, in one command, or none for no key."""
    asked(collection, {"_id": among(keys)})  # before they are sorted, which not everything can be
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found = find_page(collection, {"_id": among(wanted)}, size=len(wanted), fields=fields)
    return {_key(document): document for document in found}


def find_page[Doc: Document](
    collection: Collection[Doc],
    wanted: Filter,
    *,
    size: int,
    fields: Sequence[str] | None = None,
    **options: Any,
) -> list[Doc]:
    """Return the first `size` documents that meet `wanted`, in one command.

    Without `batch_size` a server sends 101 documents at first, and the rest of a page is a command more.
    """
    return _found(collection, wanted, fields, limit=size, batch_size=size, **options)


def glance[Doc: Document](
    collection: Collection[Doc],
    wanted: Filter,
    fields: Sequence[str] | None = None,
    *,
    size: int,
    **options: Any,
) -> list[Doc]:
    """Do as `find_page`, and return whatever is stored: for what is to make way."""
    wanted = asked(collection, wanted)
    return repeated(
        collection, lambda: list(collection.find(wanted, fields, limit=size, batch_size=size, **options))
    )


def _found[Doc: Document](
    collection: Collection[Doc], wanted: Filter, fields: Sequence[str] | None, **options: Any
) -> list[Doc]:
    wanted, read = asked(collection, wanted), projected(collection, fields)
    found = repeated(collection, lambda: list(collection.find(wanted, read, **options)))
    return [checked(collection, document, read) for document in found]


def pages[Doc: Document](
    collection: Collection[Doc],
    wanted: Filter,
    *,
    after: str = "",
    until: str | None = None,
    size: int = PAGE_SIZE,
    fields: Sequence[str] | None = None,
) -> Iterator[list[Doc]]:
    """Read documents in order of their (string) `_id`, `size` at a time, each page one bounded command.

    What others write meanwhile neither shifts a page nor repeats a document, and every page may be sent
    again, which an open cursor may not.

    :param after: only keys greater than this one
    :param until: only keys less than or equal to this one
    """
    while True:
        keys = Condition({"$gt": after} if until is None else {"$gt": after, "$lte": until})
        chosen = {**wanted, "_id": keys}
        page = find_page(collection, chosen, size=size, fields=fields, sort=list(BY_KEY))
        if page:
            yield page
        if len(page) < size:
            return
        after = _key(page[-1])


def ordered_pages[Doc: Document](
    collection: Collection[Doc],
    wanted: Filter,
    order: Order,
    *,
    size: int = PAGE_SIZE,
    fields: Sequence[str] | None = None,
) -> Iterator[list[Doc]]:
    """Read documents in an order that tells each one's place, `size` at a time, as `pages` does.

    :param order: fields of the documents, and of `fields` if given, the last one unique
    """
    chosen = wanted
    while page := find_page(collection, chosen, size=size, fields=fields, sort=list(order)):
        yield page
        if len(page) < size:
            return
        chosen = {**wanted, "$or": _behind(page[-1], order)}


def _behind(last: Document, order: Order) -> list[dict[str, Any]]:
    """Return what documents behind `last` meet one of: equal first fields, and further in the next one."""
    return [
        {
            **{field: last[field] for field, _ in order[:place]},
            name: Condition({"$gt" if direction > 0 else "$lt": last[name]}),
        }
        for place, (name, direction) in enumerate(order)
    ]


def count(collection: Collection[Any], wanted: Filter) -> int:
    wanted = asked(collection, wanted)
    return repeated(collection, lambda: collection.count_documents(wanted))


def distinct(collection: Collection[Any], field: str, wanted: Filter | None = None) -> Sequence[Any]:
    wanted = asked(collection, wanted or {})
    return checked_values(collection, field, repeated(collection, lambda: collection.distinct(field, wanted)))


# to insert


def insert_missing(collection: Collection[Any], document: Document) -> bool:
    """Insert `document` unless its key is taken; return whether it was inserted.

    At a later attempt a key that is taken by the very document counts as inserted: let documents of two
    writers differ.
    """
    document = stamped(collection, document)

    def insert() -> bool:
        try:
            collection.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    def insert_again() -> bool:
        return insert() or collection.find_one({"_id": document["_id"]}) == document

    return repeated(collection, insert, again=insert_again)


def insert_all_missing(collection: Collection[Any], documents: Sequence[Document]) -> list[Document]:
    """Insert in one command every document whose key is free; return those whose key is taken.

    After a lost answer what was inserted by itself is among the taken ones.

    :raises MongoRefusedError: if a document fails for any other reason
    :raises MongoOutageError: if the server does not confirm them
    """
    if not documents:
        return []
    documents = [stamped(collection, document) for document in documents]

    def insert() -> list[Document]:
        try:
            collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return [documents[place] for place in _taken_places(error)]
        return []

    return repeated(collection, insert)


def _taken_places(error: BulkWriteError) -> list[int]:
    """Return the places of the documents whose key was taken, if nothing else went wrong."""
    details: Mapping[str, Any] = error.details or {}
    failures = details.get("writeErrors", [])
    # that is an error too which only says that a majority has not confirmed what was inserted
    if details.get("writeConcernErrors") or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
        raise error
    return [failure["index"] for failure in failures]


# to store by key


def put(collection: Collection[Any], document: Document) -> None:
    """Store `document` under its `_id`, in place of what was there."""
    document = stamped(collection, document)
    key = {"_id": document["_id"]}
    repeated(collection, _twice(lambda: collection.replace_one(key, document, upsert=True)))


def put_where(collection: Collection[Any], wanted: Filter, document: Document) -> None:
    """Store `document` in place of the one that meets `wanted`, which names its key, or as a new one.

    :raises pymongo.errors.DuplicateKeyError: if one has the key and does not meet `wanted`
    """
    wanted, document = asked(collection, wanted), stamped(collection, document)
    repeated(collection, lambda: collection.replace_one(wanted, document, upsert=True))


def put_returning[Doc: Document](
    collection: Collection[Doc], document: Doc, only_if: Filter | None = None
) -> Doc | None:
    """Store `document` under its `_id`; return what was there.

    After a lost answer that may be the document itself.

    :param only_if: what the document that makes way has to meet
    :raises pymongo.errors.DuplicateKeyError: if it does not
    """
    new = stamped(collection, document)
    key = {"_id": _key(document), **(only_if or {})}
    return repeated(collection, _twice(lambda: collection.find_one_and_replace(key, new, upsert=True)))


def put_many[Doc: Document](collection: Collection[Doc], documents: Sequence[Doc]) -> list[Doc]:
    """Store each document under its `_id`, the last one of each; return those that had to make way.

    New documents take one command together, unchanged ones one more; only a changed one takes a command
    of its own: a bulk write would not say which document made way, and who discards its parts must know.
    """
    stored = [cast("Doc", stamped(collection, document)) for document in documents]
    by_key = {_key(document): document for document in stored}
    overtaken = [document for document in stored if by_key[_key(document)] is not document]
    taken = cast("list[Doc]", insert_all_missing(collection, list(by_key.values())))
    return overtaken + _replace_changed(collection, taken) if taken else overtaken


def _replace_changed[Doc: Document](collection: Collection[Doc], documents: Sequence[Doc]) -> list[Doc]:
    keys = {"_id": among(list(map(_key, documents)))}
    stored = {_key(document): document for document in glance(collection, keys, size=len(documents))}
    changed = [document for document in documents if stored.get(_key(document)) != document]
    replaced = [(put_returning(collection, document), document) for document in changed]
    return [before for before, document in replaced if before is not None and before != document]


# to update


def update(collection: Collection[Any], wanted: Filter, new: Update) -> int:
    """Update one document, by changes that may be made twice; return how many met `wanted`."""
    wanted, new = asked(collection, wanted), changes(collection, new)
    return repeated(collection, lambda: collection.update_one(wanted, new).matched_count)


def update_all(collection: Collection[Any], wanted: Filter, new: Update) -> int:
    """Update all documents that meet `wanted`, by changes that may be made twice; return how many did."""
    wanted, new = asked(collection, wanted), changes(collection, new)
    return repeated(collection, lambda: collection.update_many(wanted, new).matched_count)


def update_if(collection: Collection[Any], precondition: Filter, new: Update, done: Filter) -> bool:
    """Update the one document that meets `precondition`; return whether there was one.

    :param done: what it meets once this update, and no other, was made; asked after a lost answer
    """
    precondition, new = asked(collection, precondition), changes(collection, new)

    def attempt() -> bool:
        return collection.update_one(precondition, new).matched_count == 1

    def attempt_again() -> bool:
        return attempt() or collection.find_one(done, ["_id"]) is not None

    return repeated(collection, attempt, again=attempt_again)


def upsert_if(collection: Collection[Any], precondition: Filter, new: Update, done: Filter) -> bool:
    """Update the document that meets `precondition`, or insert it if its key is free; return whether.

    :param done: as in `update_if`
    """
    precondition, new = asked(collection, precondition), changes(collection, new, upserts=True)

    def attempt() -> bool:
        try:
            collection.update_one(precondition, new, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    def attempt_again() -> bool:
        # first: by its own claim it would be refused, or make it anew
        return collection.find_one(done, ["_id"]) is not None or attempt()

    return repeated(collection, attempt, again=attempt_again)


def upsert_where(collection: Collection[Any], wanted: Filter, new: Update) -> None:
    """Change the document that meets `wanted`, which names its key, or make it of both.

    :raises pymongo.errors.DuplicateKeyError: if one has the key and does not meet `wanted`
    """
    wanted, new = asked(collection, wanted), changes(collection, new, upserts=True)
    repeated(collection, lambda: collection.update_one(wanted, new, upsert=True))


def upsert_returning[Doc: Document](collection: Collection[Doc], wanted: Filter, new: Update) -> Doc | None:
    """As `upsert_where`; return what was there before, which may be the same after a lost answer."""
    wanted, new = asked(collection, wanted), changes(collection, new, upserts=True)
    return repeated(collection, _twice(lambda: collection.find_one_and_update(wanted, new, upsert=True)))


# to take away


def delete_all(collection: Collection[Any], wanted: Filter) -> int:
    """Delete what meets `wanted`; return how many, fewer than there were after a lost answer."""
    wanted = asked(collection, wanted)
    return repeated(collection, lambda: collection.delete_many(wanted).deleted_count)


def pop[Doc: Document](collection: Collection[Doc], wanted: Filter, **options: Any) -> Doc | None:
    """Take one document out for good: no two callers receive the same one.

    Sent once: after an error it is not known whether the document was taken.
    """
    wanted = asked(collection, wanted)
    found = once(collection, lambda: collection.find_one_and_delete(wanted, **options))
    return None if found is None else checked(collection, found)


def _twice[T](upsert: Callable[[], T]) -> Callable[[], T]:
    """Do an upsert by key once more if it meets the key: one of two first writers may, on older servers."""

    def attempt() -> T:
        try:
            return upsert()
        except DuplicateKeyError:
            return upsert()

    return attempt


def _key(document: Any) -> str:
    return cast("str", document["_id"])
