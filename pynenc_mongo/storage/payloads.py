"""Texts of any size, under keys and in fields of documents; `texts` says what stands for each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NotRequired, TypedDict

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from pynenc_mongo.errors import MissingPartsError, MongoRefusedError, MongoValueError
from pynenc_mongo.storage.conditions import Condition, among, present
from pynenc_mongo.storage.texts import PARTS, Payload, Texts, generation_in
from pynenc_mongo.storage.verbs import (
    PAGE_SIZE,
    Document,
    Filter,
    Update,
    delete_all,
    find_by_key,
    find_one,
    glance,
    insert_missing,
    put_many,
    put_returning,
    put_where,
    upsert_returning,
    upsert_where,
)

__all__ = ["PARTS", "HeadDoc", "Payload", "Payloads"]

_READS_OF_A_MOVING_VALUE = 5
_ATTEMPTS = 5


class HeadDoc(TypedDict):
    """A document that is nothing but a key and a payload, and what was to be noted of that."""

    _id: str
    payload: Payload
    version: NotRequired[int]
    note: NotRequired[str]


class Payloads(Texts):
    """Stores texts under keys, and in fields of documents."""

    # a text under a key

    def put(self, heads: Collection[HeadDoc], key: str, text: str, note: str = "") -> None:
        """Store `text` under `key` in place of what was there; one command unless either is large.

        :param note: what `get_noted` returns with it: a short text
        """
        self.replace(
            heads, {"_id": key, "payload": self._stored(heads, key, text), **_noted(note)}, "payload"
        )

    def put_newest(
        self, heads: Collection[HeadDoc], key: str, text: str, version: int, note: str = ""
    ) -> None:
        """Store `text` under `key` unless that of a higher version is stored there, or will be meanwhile.

        One command unless either is large; what has no version is older than all that have one.
        """
        newer = Condition({"$gt": version})
        not_newer = {"version": Condition({"$not": newer})}
        for attempts_left in reversed(range(_ATTEMPTS)):
            payload = self._stored(heads, key, text)
            document = {"_id": key, "version": version, "payload": payload, **_noted(note)}
            try:
                return self.replace(heads, document, "payload", only_if=not_newer)
            except DuplicateKeyError:
                # the key is taken by a newer one, or was by another first writer of this moment
                if find_one(heads, {"_id": key, "version": newer}, ["_id"]):
                    return None
                if not attempts_left:
                    raise
        return None

    def put_missing(self, heads: Collection[HeadDoc], key: str, text: str) -> None:
        """Store `text` under `key` unless something is stored there: for keys made of their content."""
        if self.needs_parts(text) and find_one(heads, {"_id": key}, ["_id"]):
            return
        payload = self._stored(heads, key, text)
        with self._discarded_if_refused(payload):
            stored = insert_missing(heads, {"_id": key, "payload": payload})
        if not stored:
            self._discard_unless_named(heads, key, payload)

    def get(self, heads: Collection[HeadDoc], key: str) -> str | None:
        """Return the text under `key`, or None.

        :raises MissingPartsError: if a part of it is not stored
        """
        found = self.get_noted(heads, key)
        return found[0] if found else None

    def get_noted(self, heads: Collection[HeadDoc], key: str) -> tuple[str, str] | None:
        """Return the text under `key` and what was noted of it, or None.

        :raises MissingPartsError: if a part of it is not stored
        """
        found = self.read(lambda: find_one(heads, {"_id": key}), "payload", key)
        return (found[1], found[0].get("note", "")) if found else None

    def get_all_noted(self, heads: Collection[HeadDoc], keys: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return what `get_noted` does for each key under which there is something; one command, as a rule.

        :raises MissingPartsError: if a part is not stored
        """
        found = find_by_key(heads, keys)
        read = self.read_each(heads, found.values(), "payload")
        return {document["_id"]: (text, document.get("note", "")) for document, text in read}

    # a text in a field of a document

    def replace(
        self, collection: Collection[Any], document: Document, field: str, only_if: Filter | None = None
    ) -> None:
        """Store a document whose `field` is a payload in place of what was there.

        One command, unless the text or the one before it is large.

        :param only_if: what the document that makes way has to meet
        :raises pymongo.errors.DuplicateKeyError: if it does not
        """
        key = {"_id": document["_id"], **(only_if or {})}
        self._write(
            document,
            field,
            plainly=lambda small: put_where(collection, key | small, document),
            returning=lambda: put_returning(collection, document, only_if),
        )

    def merge(
        self, collection: Collection[Any], document: Document, field: str, also: Update | None = None
    ) -> None:
        """Store the fields of a document, of which `field` is a payload; fields that it does not name stay.

        One command, unless the text or the one before it is large.

        :param also: further operators of the same update
        """
        key = {"_id": document["_id"]}
        update = {"$set": {name: value for name, value in document.items() if name != "_id"}, **(also or {})}
        self._write(
            document,
            field,
            plainly=lambda small: upsert_where(collection, key | small, update),
            returning=lambda: upsert_returning(collection, key, update),
        )

    def replace_many(self, collection: Collection[Any], documents: Sequence[Document], field: str) -> None:
        """Store documents whose `field` is a payload, as `verbs.put_many` does.

        After an error parts stay: which documents were written, and need theirs, is not known.
        """
        for replaced in put_many(collection, documents):
            self.discard(_payload_in(replaced, field))

    def read[Doc: Document](
        self, find: Callable[[], Doc | None], field: str, owner: str, *, found: Doc | None = None
    ) -> tuple[Doc, str] | None:
        """Return the document that `find` returns, and the text of its `field`, or None without a document.

        A writer may replace the payload between the read of the document and that of its parts; then the
        document is read again.

        :param found: the document, where it was read already
        :raises MissingPartsError: naming `owner`, if a part is not stored though the document names it
        """
        document = found or find()
        for _ in range(_READS_OF_A_MOVING_VALUE):
            if document is None:
                return None
            payload: Payload = document[field]
            try:
                return document, self.load(payload, owner)
            except MissingPartsError:
                document = find()
                if document is not None and document[field] == payload:
                    raise
        raise MissingPartsError(
            f"the payload of {owner} was replaced faster than it could be read: try again"
        )

    def read_each[Doc: Document](
        self, collection: Collection[Doc], found: Iterable[Doc], field: str
    ) -> Iterator[tuple[Doc, str]]:
        """Return documents that were just found, each with the text of its `field`, but for deleted ones.

        :raises MissingPartsError: if a part is not stored though the document names it
        """
        for document in found:
            key = document["_id"]
            again = partial(find_one, collection, {"_id": key})
            if read := self.read(again, field, key, found=document):
                yield read

    def delete(self, collection: Collection[Any], wanted: Filter, field: str, **options: Any) -> list[str]:
        """Delete the documents that meet `wanted`, and the parts of the texts in `field`; return their keys.

        Two commands for each thousand, and one where there is nothing to delete.

        :param options: of `find`, such as an order, and how many of the first in it stay (`skip`)
        """
        deleted: list[str] = []
        named = [f"{field}.generation", f"{field}.parts"]
        while True:
            page = glance(collection, wanted, named, size=PAGE_SIZE, **options)
            keys = [document["_id"] for document in page]
            if keys:
                delete_all(collection, {"_id": among(keys)})
            for document in page:
                self.discard(_payload_in(document, field))
            deleted += keys
            if len(keys) < PAGE_SIZE:
                return deleted

    def _write(
        self,
        document: Document,
        field: str,
        *,
        plainly: Callable[[dict[str, Any]], object],
        returning: Callable[[], Document | None],
    ) -> None:
        """Write a document by an upsert, and discard the parts of the text that made way.

        :param plainly: writes where a document meets the condition that it is given, or where there is none
        :param returning: writes, and returns the document that made way
        """
        payload: Payload = document[field]
        with self._discarded_if_refused(payload):
            if "generation" not in payload:
                # one plain write, unless the old text has parts: then the upsert meets its key and fails
                with suppress(DuplicateKeyError):
                    plainly({f"{field}.generation": present(there=False)})
                    return
            replaced = returning()
        # after a lost answer that may be this very text
        if replaced is not None and generation_in(replaced, field) != payload.get("generation"):
            self.discard(_payload_in(replaced, field))

    @contextmanager
    def _discarded_if_refused(self, payload: Payload) -> Iterator[None]:
        """Delete the parts if the server refuses the document that names them.

        Not after any other error: a write whose answer is lost, or that a majority has not confirmed, may be
        done, and then needs its parts. Parts that nobody names in the end are removed by a purge.
        """
        try:
            yield
        except (MongoRefusedError, MongoValueError, DuplicateKeyError):
            self.discard(payload)
            raise

    def _discard_unless_named(self, heads: Collection[HeadDoc], key: str, payload: Payload) -> None:
        """Delete parts that were stored for nothing: a write that was repeated may have met its own key."""
        if "generation" not in payload:
            return
        found = glance(heads, {"_id": key}, ["payload.generation"], size=1)
        if not any(generation_in(document, "payload") == payload["generation"] for document in found):
            self.discard(payload)

    def _stored(self, heads: Collection[HeadDoc], key: str, text: str) -> Payload:
        return self.store(text, heads, key, "payload")


def _noted(note: str) -> dict[str, str]:
    # without the lone surrogates that BSON refuses
    return {"note": note.encode("utf-8", "replace").decode()} if note else {}


def _payload_in(document: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return what stands for a text in a document, whatever that is."""
    payload = document.get(field)
    return payload if isinstance(payload, Mapping) else {}
