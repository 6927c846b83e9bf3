"""What stands for a text in a document of at most 16 MiB: the text itself, compressed, or parts beside it.

Parts are written under a fresh generation, then the document that names it, and only then the old
generation goes: a reader sees the old value or the new one, never a mix. Who dies in between leaves parts
that nobody names; whoever stores parts later sweeps them (docs/adr/0004).
"""

import logging
import math
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NotRequired, TypedDict

from pymongo.collection import Collection
from pymongo.operations import IndexModel

from pynenc_mongo.errors import MissingPartsError, MongoDocumentError, MongoValueError, PynencMongoError
from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.conditions import Condition, among, below
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import delete_all, find_by_key, glance, insert_all_missing, ordered_pages

logger = logging.getLogger(__name__)

_FASTEST = 1  # zlib level: on 20 MiB of JSON three times faster than the default, and nearly as small
_MOST_PARTS = 100_000
# whoever stores parts and then waits through an outage still names them
_ORPHANED_AFTER = timedelta(hours=24)
_SWEEPS_SECONDS = 3600.0


class Payload(TypedDict):
    """How a text is stored inside a document: as `text`, `zlib`, or so many `parts` of a `generation`."""

    text: NotRequired[str]
    zlib: NotRequired[bytes]
    generation: NotRequired[str]
    parts: NotRequired[int]


class PartDoc(TypedDict):
    """One slice of a compressed text, and what shall name it; `_id` is its generation and its place."""

    _id: str
    data: bytes
    stored_at: int
    collection: str
    field: str
    key: str


PARTS = CollectionSpec(
    "payload_parts",
    PartDoc,
    # what is old enough to be an orphan
    (IndexModel([("stored_at", 1), ("_id", 1)], name="stored_at"),),
)
_OLDEST_FIRST = (("stored_at", 1), ("_id", 1))
_NAMED_BY = ["stored_at", "collection", "field", "key"]


class Texts:
    """Stores texts, their parts in one collection; `part_bytes` is the most that one document takes."""

    def __init__(self, parts: Callable[[], Collection[PartDoc]], part_bytes: int) -> None:
        self._parts = parts
        self._part_bytes = part_bytes
        self._swept_at = -math.inf

    def store(self, text: str, heads: Collection[Any], key: str, field: str) -> Payload:
        """Return what stands for `text` in a document; parts, where it needs them, are stored already.

        :param heads: where the document will be, under `key`, with the payload in `field`
        """
        # pickled or hand-written text may hold lone surrogates, which BSON strings refuse
        data = text.encode("utf-8", "surrogatepass")
        if len(data) <= self._part_bytes and _is_valid_utf8(text):
            return {"text": text}
        packed = zlib.compress(data, _FASTEST)
        if len(packed) <= self._part_bytes:
            return {"zlib": packed}
        payload = self._store_parts(packed, heads.name, field, key)
        self._sweep_now_and_then()
        return payload

    def store_all(
        self, texts: Iterable[tuple[str, str]], heads: Collection[Any], field: str
    ) -> list[Payload]:
        """Return what stands for each text, given as key and text; if one fails, none leaves parts behind."""
        stored: list[Payload] = []
        try:
            for key, text in texts:
                stored.append(self.store(text, heads, key, field))
        except BaseException:
            for payload in stored:
                self.discard(payload)
            raise
        return stored

    def load(self, payload: Payload, owner: str) -> str:
        """Return the text that `payload` stands for.

        :raises MongoDocumentError: naming `owner`, if it is none of ours
        :raises MissingPartsError: the same, if a part is not stored
        """
        if payload.keys() == {"text"}:
            return payload["text"]
        if payload.keys() == {"zlib"}:
            packed = payload["zlib"]
        elif payload.keys() == {"generation", "parts"} and 0 < payload["parts"] <= _MOST_PARTS:
            packed = self._load_parts(payload, owner)
        else:
            raise _damaged(owner, f"it has {', '.join(payload) or 'nothing'}")
        try:
            return zlib.decompress(packed).decode("utf-8", "surrogatepass")
        except (zlib.error, UnicodeDecodeError) as error:
            raise _damaged(owner, str(error)) from error

    def discard(self, payload: Mapping[str, Any]) -> None:
        """Delete the parts of a payload that no document names any more, whatever the payload is."""
        generation, count = payload.get("generation"), payload.get("parts")
        if not isinstance(generation, str):
            return
        if isinstance(count, int) and 0 < count <= _MOST_PARTS:
            keys = among(_part_keys(generation, count))
        else:
            keys = _all_parts_of(generation)
        delete_all(self._parts(), {"_id": keys})

    def sweep(self, before: datetime) -> int:
        """Delete the parts stored before an instant that no document names; return of how many texts.

        One command where there are none so old, and two more for each thousand.
        """
        old = {"stored_at": below(to_micros(before))}
        pages = ordered_pages(self._parts(), old, _OLDEST_FIRST, fields=_NAMED_BY)
        orphans = {generation for page in pages for generation in self._unnamed(page)}
        for generation in orphans:
            delete_all(self._parts(), {"_id": _all_parts_of(generation)})
        return len(orphans)

    def needs_parts(self, text: str) -> bool:
        return len(text) > self._part_bytes

    def _store_parts(self, packed: bytes, collection: str, field: str, key: str) -> Payload:
        slices = [
            packed[start : start + self._part_bytes] for start in range(0, len(packed), self._part_bytes)
        ]
        if len(slices) > _MOST_PARTS:
            raise MongoValueError(
                f"a text of {len(packed):,} bytes for {field} of {key} would take {len(slices):,} parts, and "
                f"there are at most {_MOST_PARTS:,}: raise chunk_threshold"
            )
        generation, now = uuid.uuid4().hex, to_micros(datetime.now(UTC))
        payload: Payload = {"generation": generation, "parts": len(slices)}
        documents: list[PartDoc] = [
            {
                "_id": part_key,
                "data": data,
                "stored_at": now,
                "collection": collection,
                "field": field,
                "key": key,
            }
            for part_key, data in zip(_part_keys(generation, len(slices)), slices, strict=True)
        ]
        try:
            insert_all_missing(self._parts(), documents)
        except BaseException:
            self.discard(payload)
            raise
        return payload

    def _load_parts(self, payload: Payload, owner: str) -> bytes:
        keys = _part_keys(payload["generation"], payload["parts"])
        found = find_by_key(self._parts(), keys)
        missing = [key for key in keys if key not in found]
        if missing:
            raise MissingPartsError(
                f"{len(missing)} of {len(keys)} parts of the payload of {owner} are not stored "
                f"(generation {payload['generation']}): they were deleted by something other than these "
                "backends, store the value again"
            )
        return b"".join(found[key]["data"] for key in keys)

    def _sweep_now_and_then(self) -> None:
        """Sweep when this process stores its first parts, and from time to time afterwards."""
        now = time.monotonic()
        if now - self._swept_at < _SWEEPS_SECONDS:
            return
        self._swept_at = now
        try:
            self.sweep(datetime.now(UTC) - _ORPHANED_AFTER)
        except PynencMongoError as error:  # the next one does it
            logger.warning("Parts that nobody names were not looked for: %s", error)

    def _unnamed(self, page: Sequence[PartDoc]) -> set[str]:
        """Return the generations of some parts that the documents which should name them do not name."""
        unnamed: set[str] = set()
        for (collection, field), parts in groupby(sorted(page, key=_heads), _heads):
            generations = {_generation(part): part["key"] for part in parts}
            heads = self._parts().database[collection]
            wanted = {"_id": among(set(generations.values()))}
            found = glance(heads, wanted, [f"{field}.generation"], size=len(generations))
            named = {generation_in(document, field) for document in found}
            unnamed |= generations.keys() - named
        return unnamed


def generation_in(document: Mapping[str, Any], field: str) -> str | None:
    """Return which generation of parts a document names in a field, whatever the document is."""
    payload = document.get(field)
    generation = payload.get("generation") if isinstance(payload, Mapping) else None
    return generation if isinstance(generation, str) else None


def _heads(part: PartDoc) -> tuple[str, str]:
    return part["collection"], part["field"]


def _generation(part: PartDoc) -> str:
    return part["_id"].partition(":")[0]


def _part_keys(generation: str, count: int) -> list[str]:
    return [f"{generation}:{place:06d}" for place in range(count)]


def _all_parts_of(generation: str) -> Condition:
    return Condition({"$gte": f"{generation}:", "$lt": f"{generation};"})


def _damaged(owner: str, what: str) -> MongoDocumentError:
    return MongoDocumentError(
        f"the payload of {owner} is none of ours: {what}; something other than these backends wrote it, or "
        "it is damaged: store the value again"
    )


def _is_valid_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
