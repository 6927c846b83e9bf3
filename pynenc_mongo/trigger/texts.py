"""Documents that hold a text of any size: read, and deleted together with the parts of it."""

from collections.abc import Iterable, Mapping
from itertools import batched
from typing import Any

from pymongo.collection import Collection

from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.verbs import PAGE_SIZE


def text_in(
    payloads: Payloads, collection: Collection[Any], document: Mapping[str, Any], field: str
) -> str | None:
    """Return the text in `field` of a document that was just read, or None if it was deleted meanwhile.

    The document is read again where a writer replaced the text and took away the parts of the old one.

    :raises MissingPartsError: if a part is not stored though the document names it
    """
    already_read = iter((document,))

    def find() -> Mapping[str, Any] | None:
        return next(already_read, None) or collection.find_one({"_id": document["_id"]})

    return payloads.read(find, field, document["_id"])


def delete_all(payloads: Payloads, collection: Collection[Any], keys: Iterable[str], field: str) -> None:
    """Delete documents by their keys, and the parts of the texts in `field`: two commands a thousand keys."""
    for batch in batched(keys, PAGE_SIZE):
        chosen = {"_id": {"$in": list(batch)}}
        parts_of_each = list(collection.find(chosen, [f"{field}.generation", f"{field}.parts"]))
        collection.delete_many(chosen)
        for document in parts_of_each:
            payloads.discard(document.get(field, {}))
