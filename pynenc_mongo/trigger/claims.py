"""Claims: the satisfied conditions that wait to be processed, and the right to process one."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import batched, chain
from typing import TYPE_CHECKING
from uuid import uuid4

from pynenc.trigger.conditions import ValidCondition

from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among, at_most, below
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.naming import compound_key
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.shapes import encoding
from pynenc_mongo.storage.verbs import PAGE_SIZE, delete_all, pages, upsert_if
from pynenc_mongo.trigger import documents
from pynenc_mongo.trigger.documents import CLAIMS, VALID_CONDITIONS

if TYPE_CHECKING:
    from pynenc.app import Pynenc


class ValidConditions:
    def __init__(self, app: "Pynenc", collections: Collections, payloads: Payloads) -> None:
        self._app = app
        self._collections = collections
        self._payloads = payloads

    @encoding(VALID_CONDITIONS.name)
    def put_all(self, valid_conditions: Sequence[ValidCondition]) -> None:
        """Store each one under its id, in place of what was there; of two with one id the later one."""
        by_id = {each.valid_condition_id: each for each in valid_conditions}
        collection = self._collections.indexed(VALID_CONDITIONS)
        texts = ((key, each.to_json(self._app)) for key, each in by_id.items())
        pairs = self._payloads.store_all(texts, collection, "pair")
        encoded = list(map(documents.encode_valid_condition, by_id.values(), pairs))
        self._payloads.replace_many(collection, encoded, "pair")

    def all(self) -> dict[str, ValidCondition]:
        """Return those that are stored, by id, in the order in which they were satisfied."""
        collection = self._collections.existing(VALID_CONDITIONS)
        found = self._payloads.read_each(collection, chain.from_iterable(pages(collection, {})), "pair")
        waiting = [
            (document["_id"], documents.decode_valid_condition(document, pair, self._app))
            for document, pair in found
        ]
        return dict(sorted(waiting, key=lambda item: to_micros(item[1].context.timestamp)))

    def delete(self, valid_conditions: Iterable[ValidCondition]) -> None:
        keys = (valid_condition.valid_condition_id for valid_condition in valid_conditions)
        for batch in batched(keys, PAGE_SIZE):
            wanted = {"_id": among(batch)}
            self._payloads.delete(self._collections.existing(VALID_CONDITIONS), wanted, "pair")


class Claims:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def take(self, *name: str, now: datetime, seconds: float) -> bool:
        """Claim what `name` names for `seconds`, unless a claim on it holds; return whether it was claimed.

        One write decides: it updates an expired claim, or inserts the first one; where a claim holds, its
        filter meets nothing and its insert meets the key.
        """
        free = {"_id": compound_key(*name), "until": at_most(to_micros(now))}
        token = uuid4().hex
        claim = {"$set": {"until": to_micros(now + timedelta(seconds=seconds)), "taken_by": token}}
        own = {"_id": free["_id"], "taken_by": token}
        return upsert_if(self._collections.indexed(CLAIMS), free, claim, own)

    def delete_expired(self, instant: datetime) -> None:
        """Delete the claims that expired before `instant` and that nobody took over."""
        delete_all(self._collections.existing(CLAIMS), {"until": below(to_micros(instant))})
