"""Histories: every status change of every invocation, exact to the microsecond."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pynenc.identifiers.invocation_id import InvocationId
from pynenc.state_backend.base_state_backend import InvocationHistory

from pynenc_mongo.state_backend import documents
from pynenc_mongo.state_backend.documents import HISTORY, HistoryDoc
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among
from pynenc_mongo.storage.instants import sortable
from pynenc_mongo.storage.verbs import BY_KEY, Filter, find_all, pages, put_many

# sorts after every key that begins with the same instant
_AFTER_ALL_KEYS = "\U0010ffff"


class Histories:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def add(self, invocation_ids: Sequence[str], history: InvocationHistory) -> None:
        """Add one record to several invocations, in one command."""
        self._put([documents.encode_history(invocation_id, history) for invocation_id in invocation_ids])

    def add_each(self, histories: Sequence[InvocationHistory]) -> None:
        """Add records, each to its own invocation, in one command."""
        self._put([documents.encode_history(history.invocation_id, history) for history in histories])

    def of(self, invocation_id: str) -> list[InvocationHistory]:
        """Return the records of an invocation, oldest first."""
        return self._in_order({"invocation_id": invocation_id})

    def of_each(self, invocation_ids: Sequence[str]) -> dict[str, list[InvocationHistory]]:
        """Return the records of each of some invocations, oldest first, in one command."""
        found = self._in_order({"invocation_id": among(invocation_ids)})
        histories: dict[str, list[InvocationHistory]] = {key: [] for key in invocation_ids}
        for history in found:
            histories[history.invocation_id].append(history)
        return histories

    def _in_order(self, wanted: Filter) -> list[InvocationHistory]:
        found = find_all(self._collections.existing(HISTORY), wanted, sort=list(BY_KEY))
        return sorted(map(documents.decode_history, found), key=_instants)

    def between(self, start: datetime, end: datetime, batch_size: int) -> Iterator[list[InvocationHistory]]:
        """Return the records from `start` to `end`, both included, in time order."""
        for page in self._pages(start, end, batch_size):
            yield [documents.decode_history(document) for document in page]

    def invocations_between(
        self, start: datetime, end: datetime, batch_size: int
    ) -> Iterator[list[InvocationId]]:
        """Return the invocations with a record from `start` to `end`, each once, by their first one there."""
        seen: set[str] = set()
        batch: list[InvocationId] = []
        for page in self._pages(start, end, batch_size, fields=["invocation_id"]):
            fresh = dict.fromkeys(
                document["invocation_id"] for document in page if document["invocation_id"] not in seen
            )
            seen.update(fresh)
            batch.extend(map(InvocationId, fresh))
            while len(batch) >= batch_size:
                yield batch[:batch_size]
                del batch[:batch_size]
        if batch:
            yield batch

    def _pages(
        self, start: datetime, end: datetime, size: int, fields: Sequence[str] | None = None
    ) -> Iterator[list[HistoryDoc]]:
        if size < 1:
            raise ValueError(f"batch_size is {size}: a batch holds at least one")
        collection = self._collections.existing(HISTORY)
        until = sortable(end) + _AFTER_ALL_KEYS
        return pages(collection, {}, after=sortable(start), until=until, size=size, fields=fields)

    def _put(self, encoded: Sequence[HistoryDoc]) -> None:
        put_many(self._collections.indexed(HISTORY), encoded)


def _instants(history: InvocationHistory) -> tuple[datetime, datetime]:
    """When the status changed comes first: who changed it next may have been quicker to tell of that."""
    return history.status_record.timestamp, history.timestamp
