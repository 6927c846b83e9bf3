"""Filters that need no look at all, or a short one: those that name keys, and those that name texts; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bson import Int64, ObjectId
from bson.binary import Binary
from mongomock.filtering import filter_applies

type Document = dict[str, Any]
type Filter = Mapping[str, Any]

# keys that are equal in MongoDB just when they are equal in Python
_PLAIN_KEYS: Final = (str, ObjectId, int, Int64, bytes, Binary)


def meets(wanted: Filter, document: Document) -> bool:
    """Whether a document that was found by its key meets the rest of a filter."""
    return len(wanted) == 1 or filter_applies(wanted, document)


def named_keys(wanted: Any) -> Sequence[Any] | None:
    """Return the only keys that can meet a filter, or None where it does not name them."""
    condition = wanted.get("_id", None) if isinstance(wanted, Mapping) else None
    if type(condition) in _PLAIN_KEYS:
        return [condition]
    if isinstance(condition, Mapping) and condition.keys() == {"$in"}:
        keys = condition["$in"]
        if isinstance(keys, list) and all(type(key) in _PLAIN_KEYS for key in keys):
            return list(dict.fromkeys(keys))
    return None


def is_plain(wanted: Filter) -> bool:
    """Whether a filter only asks fields of the document itself to equal a text, or one of several."""
    return bool(wanted) and all(
        _texts(value) is not None and not field.startswith("$") and "." not in field
        for field, value in wanted.items()
    )


def equal(documents: Iterable[Document], wanted: Filter) -> Iterator[Document]:
    """Return what meets a plain filter; mongomock judges documents that hold something else than texts."""
    pairs = tuple((field, _texts(value) or frozenset()) for field, value in wanted.items())
    for document in list(documents):
        found = [document.get(field) for field, _ in pairs]
        if all(type(value) is str for value in found):
            if all(value in texts for value, (_, texts) in zip(found, pairs, strict=True)):
                yield document
        elif filter_applies(wanted, document):
            yield document


def _texts(condition: Any) -> frozenset[str] | None:
    """Return the texts of which a condition asks for one, or None where it asks for something else."""
    if type(condition) is str:
        return frozenset((condition,))
    if isinstance(condition, Mapping) and condition.keys() == {"$in"}:
        texts = condition["$in"]
        if isinstance(texts, list) and all(type(text) is str for text in texts):
            return frozenset(texts)
    return None
