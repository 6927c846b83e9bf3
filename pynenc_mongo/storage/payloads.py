"""Text of any size in documents of at most 16 MiB: inline, compressed, or in parts.

A reader sees the old value or the new one, never a mix: parts are written under a fresh generation, then
the document that names them, and only then the old generation goes.
"""

import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NotRequired, TypedDict

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError, OperationFailure

from pynenc_mongo.errors import MissingPartsError
from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.verbs import insert_missing

_READS_OF_A_MOVING_VALUE = 5
_FASTEST = 1  # zlib level: on 20 MiB of JSON three times faster than the default, and nearly as small


class Payload(TypedDict):
    """How a text is stored inside a document: exactly one of `text`, `zlib` and `generation`."""

    text: NotRequired[str]
    zlib: NotRequired[bytes]
    generation: NotRequired[str]
    parts: NotRequired[int]


class PartDoc(TypedDict):
    """One slice of a compressed text; `_id` is its generation and its place."""

    _id: str
    data: bytes


class HeadDoc(TypedDict):
    """A document that is nothing but a key and a payload."""

    _id: str
    payload: Payload


PARTS: CollectionSpec[PartDoc] = CollectionSpec("payload_parts")


class Payloads:
    """Stores texts, their parts in one collection; `part_bytes` is the most that one document takes."""

    def __init__(self, parts: Callable[[], Collection[PartDoc]], part_bytes: int) -> None:
        self._parts = parts
        self._part_bytes = part_bytes

    def store(self, text: str) -> Payload:
        """Return what stands for `text` in a document; parts, where it needs them, are stored already."""
        # pickled or hand-written text may hold lone surrogates, which BSON strings refuse
        data = text.encode("utf-8", "surrogatepass")
        if len(data) <= self._part_bytes and _is_valid_utf8(text):
            return {"text": text}
        packed = zlib.compress(data, _FASTEST)
        if len(packed) <= self._part_bytes:
            return {"zlib": packed}
        return self._store_parts(packed)

    def load(self, payload: Payload, owner: str) -> str:
        """Return the text that `payload` stands for.

        :raises MissingPartsError: naming `owner`, if a part is not stored
        """
        if "text" in payload:
            return payload["text"]
        packed = payload["zlib"] if "zlib" in payload else self._load_parts(payload, owner)
        return zlib.decompress(packed).decode("utf-8", "surrogatepass")

    def discard(self, payload: Payload) -> None:
        """Delete the parts of a payload that no document names any more."""
        if "generation" in payload:
            self._parts().delete_many({"_id": {"$in": _part_keys(payload)}})

    def put(self, heads: Collection[HeadDoc], key: str, text: str) -> None:
        """Store `text` under `key` in place of what was there; one command unless either is large."""
        payload = self.store(text)
        with self._discarded_if_refused(payload):
            replaced = _put_head(heads, {"_id": key, "payload": payload})
        if replaced is not None:
            self.discard(replaced["payload"])

    def put_missing(self, heads: Collection[HeadDoc], key: str, text: str) -> None:
        """Store `text` under `key` unless something is stored there: for keys made of their content."""
        if self._needs_parts(text) and heads.find_one({"_id": key}, ["_id"]):
            return
        payload = self.store(text)
        with self._discarded_if_refused(payload):
            stored = insert_missing(heads, {"_id": key, "payload": payload})
        if not stored:
            self.discard(payload)

    def get(self, heads: Collection[HeadDoc], key: str) -> str | None:
        """Return the text under `key`, or None.

        :raises MissingPartsError: if a part of it is not stored
        """
        return self.read(lambda: heads.find_one({"_id": key}), "payload", key)

    def read(self, find: Callable[[], Mapping[str, Any] | None], field: str, owner: str) -> str | None:
        """Return the text of `field` in the document that `find` returns, or None without a document.

        A writer may replace the payload between the read of the document and that of its parts; then the
        document is read again.

        :raises MissingPartsError: naming `owner`, if a part is not stored though the document names it
        """
        document = find()
        for _ in range(_READS_OF_A_MOVING_VALUE):
            if document is None:
                return None
            payload: Payload = document[field]
            try:
                return self.load(payload, owner)
            except MissingPartsError:
                document = find()
                if document is not None and document[field] == payload:
                    raise
        raise MissingPartsError(
            f"the payload of {owner} was replaced faster than it could be read: try again"
        )

    @contextmanager
    def _discarded_if_refused(self, payload: Payload) -> Iterator[None]:
        """Delete the parts if the server refuses the document that names them.

        Not after any other error: a write whose answer is lost may still be done, now or a moment later,
        and then needs its parts. Parts that nobody names in the end are removed by a purge.
        """
        try:
            yield
        except OperationFailure:
            self.discard(payload)
            raise

    def _needs_parts(self, text: str) -> bool:
        return len(text) > self._part_bytes

    def _store_parts(self, packed: bytes) -> Payload:
        slices = [
            packed[start : start + self._part_bytes] for start in range(0, len(packed), self._part_bytes)
        ]
        payload: Payload = {"generation": uuid.uuid4().hex, "parts": len(slices)}
        documents: list[PartDoc] = [
            {"_id": key, "data": data} for key, data in zip(_part_keys(payload), slices, strict=True)
        ]
        try:
            self._parts().insert_many(documents)
        except BaseException:
            self.discard(payload)
            raise
        return payload

    def _load_parts(self, payload: Payload, owner: str) -> bytes:
        keys = _part_keys(payload)
        found = {part["_id"]: part["data"] for part in self._parts().find({"_id": {"$in": keys}})}
        missing = [key for key in keys if key not in found]
        if missing:
            raise MissingPartsError(
                f"{len(missing)} of {len(keys)} parts of the payload of {owner} are not stored "
                f"(generation {payload['generation']}): they were deleted by something other than these "
                "backends, store the value again"
            )
        return b"".join(found[key] for key in keys)


def _put_head(heads: Collection[HeadDoc], document: HeadDoc) -> HeadDoc | None:
    """Replace the head and return the one that made way, if it had parts."""
    if "generation" not in document["payload"]:
        # one plain update, unless the old value has parts: then the upsert meets its key and fails
        inline = {"_id": document["_id"], "payload.generation": {"$exists": False}}
        try:
            heads.update_one(inline, {"$set": {"payload": document["payload"]}}, upsert=True)
        except DuplicateKeyError:
            pass
        else:
            return None
    return heads.find_one_and_replace({"_id": document["_id"]}, document, upsert=True)


def _part_keys(payload: Payload) -> list[str]:
    return [f"{payload['generation']}:{place:06d}" for place in range(payload["parts"])]


def _is_valid_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
