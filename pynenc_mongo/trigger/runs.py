"""Trigger runs: what each one was triggered by, what it started, and for how long it is kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import batched, chain, islice
from operator import itemgetter
from typing import Any

from pynenc.trigger.monitoring import TriggerRunRecord

from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import Condition, among, at_least
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.shapes import encoding
from pynenc_mongo.storage.verbs import PAGE_SIZE, Filter, distinct, find_all, find_page
from pynenc_mongo.trigger import documents
from pynenc_mongo.trigger.documents import RUNS, TriggerRunDoc

type EventsWithCode = Callable[[Iterable[str], str], set[str]]


class TriggerRuns:
    """The trigger runs; `events_with_code` says which of some events have a code, in one command."""

    def __init__(
        self, collections: Collections, payloads: Payloads, events_with_code: EventsWithCode
    ) -> None:
        self._collections = collections
        self._payloads = payloads
        self._events_with_code = events_with_code

    @encoding(RUNS.name)
    def put(self, run: TriggerRunRecord) -> None:
        runs = self._collections.indexed(RUNS)
        record = self._payloads.store(run.to_json(), runs, run.trigger_run_id, "record")
        self._payloads.replace(runs, documents.encode_run(run, record), "record")

    def get_all(self, run_ids: Sequence[str]) -> dict[str, TriggerRunRecord | None]:
        """Return the run of each id, or None, in one command."""
        found = self._of({"_id": among(run_ids)}) if run_ids else []
        stored = {run.trigger_run_id: run for run in found}
        return {run_id: stored.get(run_id) for run_id in run_ids}

    def of_event(self, event_id: str) -> list[TriggerRunRecord]:
        return self._of({"event_ids": event_id})

    def that_started(self, invocation_id: str) -> list[TriggerRunRecord]:
        return self._of({"invocation_id": invocation_id})

    def sourced_by(self, invocation_id: str) -> list[TriggerRunRecord]:
        return self._of({"source_invocation_ids": invocation_id})

    def of_valid_condition(self, valid_condition_id: str) -> list[TriggerRunRecord]:
        return self._of({"valid_condition_ids": valid_condition_id})

    def between(
        self,
        start: datetime,
        end: datetime,
        *,
        event_code: str | None,
        task_id: str | None,
        limit: int | None,
    ) -> list[TriggerRunRecord]:
        """Return the runs from `start` to `end`, both included, oldest first, at most `limit`."""
        wanted = {} if task_id is None else {"task_id": task_id}
        # with a code nobody knows how many runs lead to `limit` of them
        size = PAGE_SIZE if limit is None or event_code is not None else min(limit, PAGE_SIZE)
        pages = self._pages(wanted, documents.between(start, end), size)
        found = chain.from_iterable(self._touched_by(event_code, page) for page in pages)
        return self._decoded(islice(found, limit))

    def service_run_ids(self) -> set[str]:
        """Return the atomic service runs in which stored trigger runs took place."""
        # the condition is met by every id, and puts the query on its index, which is sparse
        named = {"service_run_id": at_least("")}
        return set(distinct(self._collections.existing(RUNS), "service_run_id", named))

    def delete_before(self, instant: datetime) -> int:
        """Delete the runs before `instant`; return how many. A run without an instant stays."""
        return self._delete({"when": documents.before(instant)})

    def delete_beyond(self, count: int) -> int:
        """Delete all but the latest `count` runs, none if that is 0; return how many."""
        return self._delete({}, sort=[("when", -1)], skip=count) if count > 0 else 0

    def delete_of_events(self, event_ids: Iterable[str]) -> int:
        """Delete the runs that any of the events took part in; return how many."""
        return sum(self._delete({"event_ids": among(ids)}) for ids in batched(event_ids, PAGE_SIZE))

    def _delete(self, wanted: Filter, **options: Any) -> int:
        return len(self._payloads.delete(self._collections.existing(RUNS), wanted, "record", **options))

    def _of(self, wanted: Filter) -> list[TriggerRunRecord]:
        found = sorted(find_all(self._collections.existing(RUNS), wanted), key=itemgetter("when"))
        return self._decoded(found)

    def _decoded(self, found: Iterable[TriggerRunDoc]) -> list[TriggerRunRecord]:
        read = self._payloads.read_each(self._collections.existing(RUNS), found, "record")
        return [documents.decode_run(document, record) for document, record in read]

    def _pages(self, wanted: Filter, when: Filter, size: int) -> Iterator[list[TriggerRunDoc]]:
        """Read runs in order of `when`: what others write meanwhile shifts no page and repeats no run."""
        while True:
            chosen: dict[str, Any] = {**wanted, "when": when}
            page = find_page(self._collections.existing(RUNS), chosen, size=size, sort=[("when", 1)])
            yield page
            if len(page) < size:
                return
            when = Condition({"$gt": page[-1]["when"], "$lt": when["$lt"]})

    def _touched_by(self, event_code: str | None, page: Sequence[TriggerRunDoc]) -> Sequence[TriggerRunDoc]:
        if event_code is None:
            return page
        event_ids = {event_id for document in page for event_id in document.get("event_ids", ())}
        touching = self._events_with_code(event_ids, event_code)
        return [document for document in page if not touching.isdisjoint(document.get("event_ids", ()))]
