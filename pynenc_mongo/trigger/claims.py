"""Claims: the satisfied conditions that wait to be processed, and the right to process one."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from pymongo.errors import DuplicateKeyError
from pynenc.trigger.conditions import ValidCondition

from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.naming import compound_key
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.verbs import pages, put_many
from pynenc_mongo.trigger import documents
from pynenc_mongo.trigger.documents import CLAIMS, VALID_CONDITIONS, ValidConditionDoc
from pynenc_mongo.trigger.texts import delete_all, text_in

if TYPE_CHECKING:
    from pynenc.app import Pynenc


class ValidConditions:
    def __init__(self, app: "Pynenc", collections: Collections, payloads: Payloads) -> None:
        self._app = app
        self._collections = collections
        self._payloads = payloads

    def put_all(self, valid_conditions: Sequence[ValidCondition]) -> None:
        """Store each one under its id, in place of what was there; of two with one id the later one."""
        by_id = {each.valid_condition_id: each for each in valid_conditions}
        encoded = [self._encode(valid_condition) for valid_condition in by_id.values()]
        for replaced in put_many(self._collections.indexed(VALID_CONDITIONS), encoded):
            self._payloads.discard(replaced["pair"])

    def all(self) -> dict[str, ValidCondition]:
        """Return those that are stored, by id, in the order in which they were satisfied."""
        found = chain.from_iterable(pages(self._collections.existing(VALID_CONDITIONS), {}))
        decoded = [(document["_id"], self._decode(document)) for document in found]
        waiting = [(key, valid_condition) for key, valid_condition in decoded if valid_condition]
        return dict(sorted(waiting, key=lambda item: to_micros(item[1].context.timestamp)))

    def delete(self, valid_conditions: Iterable[ValidCondition]) -> None:
        keys = (valid_condition.valid_condition_id for valid_condition in valid_conditions)
        delete_all(self._payloads, self._collections.existing(VALID_CONDITIONS), keys, "pair")

    def _encode(self, valid_condition: ValidCondition) -> ValidConditionDoc:
        pair = self._payloads.store(valid_condition.to_json(self._app))
        return documents.encode_valid_condition(valid_condition, pair)

    def _decode(self, document: ValidConditionDoc) -> ValidCondition | None:
        collection = self._collections.existing(VALID_CONDITIONS)
        pair = text_in(self._payloads, collection, document, "pair")
        return None if pair is None else ValidCondition.from_json(pair, self._app)


class Claims:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def take(self, *name: str, now: datetime, seconds: float) -> bool:
        """Claim what `name` names for `seconds`, unless a claim on it holds; return whether it was claimed.

        One write decides: it updates an expired claim, or inserts the first one; where a claim holds, its
        filter meets nothing and its insert meets the key.
        """
        free = {"_id": compound_key(*name), "until": {"$lte": to_micros(now)}}
        claim = {"$set": {"until": to_micros(now + timedelta(seconds=seconds))}}
        try:
            self._collections.indexed(CLAIMS).update_one(free, claim, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    def delete_expired(self, instant: datetime) -> None:
        """Delete the claims that expired before `instant` and that nobody took over."""
        self._collections.existing(CLAIMS).delete_many({"until": {"$lt": to_micros(instant)}})
