"""What MongoDB asks of a document that is stored; pure."""

from collections.abc import Iterator
from typing import Any

from bson import ObjectId, Regex, encode

from pynenc_mongo.mongomock_server.messages import CODEC, DOCUMENT_LIMIT_BYTES
from pynenc_mongo.mongomock_server.replies import (
    DOCUMENT_TOO_LARGE,
    DOLLAR_PREFIXED_FIELD,
    INVALID_ID_FIELD,
    CommandError,
)

type Document = dict[str, Any]


def with_key_first(document: Document) -> Document:
    if next(iter(document), None) == "_id":
        return document
    return {"_id": ObjectId(), **document} if "_id" not in document else {"_id": document["_id"], **document}


def refuse_size(size: int) -> None:
    if size > DOCUMENT_LIMIT_BYTES:
        raise CommandError(
            DOCUMENT_TOO_LARGE,
            f"document is too large: size in bytes: {size}, max size: {DOCUMENT_LIMIT_BYTES}",
        )


def refuse_key(key: Any) -> None:
    if isinstance(key, list | Regex):
        kind = "array" if isinstance(key, list) else "regex"
        raise CommandError(INVALID_ID_FIELD, f"The '_id' value cannot be of type {kind}")
    if isinstance(key, dict) and (name := next(iter(key), "")).startswith("$"):
        raise CommandError(
            DOLLAR_PREFIXED_FIELD,
            f"_id fields may not contain '$'-prefixed fields: {name} is not valid for storage.",
        )


def restore_key(document: Document, key: Any) -> None:
    """Give a document its key again, which a stage that makes a new document leaves out."""
    if "_id" not in document:
        rest = dict(document)
        document.clear()
        document.update(_id=key, **rest)


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Return what stands at a path, of arrays on the way and at its end each element."""
    if isinstance(value, list):
        for each in value:
            yield from values_at(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        name, _, rest = path.partition(".")
        if name in value:
            yield from values_at(value[name], rest)


def identity(value: Any) -> Any:
    """Return what is equal for values that are equal in MongoDB: there true is not 1."""
    if isinstance(value, dict | list | bool):
        return encode({"": value}, codec_options=CODEC)
    return value
