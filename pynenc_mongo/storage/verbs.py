"""The few atomic shapes that the components need."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

type Filter = Mapping[str, Any]
type Update = Mapping[str, Any]
type Document = Mapping[str, Any]

PAGE_SIZE = 1000

_DUPLICATE_KEY = 11000


def insert_missing(collection: Collection[Any], document: Document) -> bool:
    """Insert `document` unless its key is taken; return whether it was inserted."""
    try:
        collection.insert_one(document)
    except DuplicateKeyError:
        return False
    return True


def insert_all_missing(collection: Collection[Any], documents: Sequence[Document]) -> list[Document]:
    """Insert in one command every document whose key is free; return those whose key is taken.

    :raises pymongo.errors.BulkWriteError: if a document fails for any other reason
    """
    if not documents:
        return []
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failures = error.details["writeErrors"]
        if any(failure["code"] != _DUPLICATE_KEY for failure in failures):
            raise
        return [documents[failure["index"]] for failure in failures]
    return []


def put(collection: Collection[Any], document: Document) -> None:
    """Store `document` under its `_id`, in place of what was there."""
    collection.replace_one({"_id": document["_id"]}, document, upsert=True)


def put_many[Doc: Document](collection: Collection[Doc], documents: Sequence[Document]) -> list[Doc]:
    """Store each document under its `_id`, the last one of each; return those that had to make way.

    New documents take one command together, unchanged ones one more; only a changed one takes a command
    of its own: a bulk write would not say which document made way, and who discards its parts must know.
    """
    by_key = {_key(document): document for document in documents}
    overtaken = [cast("Doc", document) for document in documents if by_key[_key(document)] is not document]
    taken = insert_all_missing(collection, list(by_key.values()))
    return overtaken + _replace_changed(collection, taken) if taken else overtaken


def _replace_changed[Doc: Document](collection: Collection[Doc], documents: Sequence[Document]) -> list[Doc]:
    keys = [_key(document) for document in documents]
    stored = {_key(found): found for found in collection.find({"_id": {"$in": keys}})}
    changed = [document for document in documents if stored.get(_key(document)) != document]
    replaced = [
        collection.find_one_and_replace({"_id": _key(document)}, document, upsert=True)
        for document in changed
    ]
    return [document for document in replaced if document is not None]


def update_if(collection: Collection[Any], precondition: Filter, update: Update) -> bool:
    """Update the one document that meets `precondition`; return whether there was one."""
    return collection.update_one(precondition, update).matched_count == 1


def pop[Doc: Document](collection: Collection[Doc], wanted: Filter, **options: Any) -> Doc | None:
    """Take one document out for good: no two callers receive the same one.

    Never repeat it after an error: whether the document was taken is not known.
    """
    return collection.find_one_and_delete(wanted, **options)


def find_page[Doc: Document](
    collection: Collection[Doc], wanted: Filter, *, size: int, **options: Any
) -> list[Doc]:
    """Return the first `size` documents that meet `wanted`, in one command.

    Without `batch_size` a server sends 101 documents at first, and the rest of a page is a command more.
    """
    return list(collection.find(wanted, limit=size, batch_size=size, **options))


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

    What others write meanwhile neither shifts a page nor repeats a document, and the driver may retry
    every page, which it cannot do with an open cursor.

    :param after: only keys greater than this one
    :param until: only keys less than or equal to this one
    """
    while True:
        keys = {"$gt": after} if until is None else {"$gt": after, "$lte": until}
        chosen = {**wanted, "_id": keys}
        page = find_page(collection, chosen, size=size, projection=fields, sort=[("_id", 1)])
        if page:
            yield page
        if len(page) < size:
            return
        after = _key(page[-1])


def _key(document: Any) -> str:
    return cast("str", document["_id"])
