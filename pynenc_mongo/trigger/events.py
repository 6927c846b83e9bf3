"""Events: every one that was emitted, what it triggered, and for how long it is kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from pynenc.trigger.monitoring import EventMarkerPage, EventRecord

from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import Condition, among, at_least, present
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.shapes import encoding
from pynenc_mongo.storage.verbs import (
    Filter,
    count,
    distinct,
    find_all,
    find_by_key,
    find_one,
    find_page,
    update_all,
)
from pynenc_mongo.trigger import documents
from pynenc_mongo.trigger.documents import EVENTS, MARKER_FIELDS, EventDoc

if TYPE_CHECKING:
    from pynenc.app import Pynenc

# a marker's state: what `matched` and `triggered` are for it
_STATES = {
    "matched": (True, None),
    "unmatched": (False, None),
    "triggered": (None, True),
    "untriggered": (None, False),
}


class EventCriteria(TypedDict, total=False):
    """What events have to be, by pynenc's names; None is anything. Both times are included."""

    event_code: str | None
    start_time: datetime | None
    end_time: datetime | None
    matched: bool | None
    triggered: bool | None
    emitted_by_invocation_id: str | None
    emitted_by_task_id: str | None


class EventFilter(NamedTuple):
    """The same criteria, those that are not given being None."""

    event_code: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    matched: bool | None = None
    triggered: bool | None = None
    emitted_by_invocation_id: str | None = None
    emitted_by_task_id: str | None = None

    def in_state(self, state: str) -> "EventFilter":
        """Return this filter for a marker's state; any other state than the four is anything."""
        matched, triggered = _STATES.get(state, (None, None))
        return self._replace(matched=matched, triggered=triggered)

    def wanted(self) -> Filter:
        """Return the filter of the query; its range of time keeps it on an index."""
        criteria = {
            "code": self.event_code,
            "matched": self.matched,
            "triggered_invocation_ids": None if self.triggered is None else present(there=self.triggered),
            "emitted_by_invocation_id": self.emitted_by_invocation_id,
            "emitted_by_task_id": self.emitted_by_task_id,
        }
        given = {field: value for field, value in criteria.items() if value is not None}
        return {**given, "when": documents.between(self.start_time, self.end_time)}


class Events:
    def __init__(self, app: "Pynenc", collections: Collections, payloads: Payloads) -> None:
        self._app = app
        self._collections = collections
        self._payloads = payloads

    @encoding(EVENTS.name)
    def put(self, event: EventRecord) -> None:
        """Store an event in place of an earlier version of it; what it triggered stays linked."""
        events = self._collections.indexed(EVENTS)
        record = self._payloads.store(event.to_json(self._app), events, event.event_id, "record")
        document = documents.encode_event(event, record)
        triggered = list(dict.fromkeys(event.triggered_invocation_ids))  # mongomock adds a twin twice
        also = (
            {"$addToSet": {"triggered_invocation_ids": Condition({"$each": triggered})}} if triggered else {}
        )
        self._payloads.merge(events, document, "record", also)

    def get_all(self, event_ids: Sequence[str]) -> dict[str, EventRecord | None]:
        """Return the event of each id, or None, in one command."""
        wanted = {"_id": among(event_ids)}
        found = find_all(self._collections.existing(EVENTS), wanted) if event_ids else []
        stored = {event.event_id: event for event in self._decoded(found)}
        return {event_id: stored.get(event_id) for event_id in event_ids}

    def latest(self, chosen: EventFilter, limit: int, offset: int) -> list[EventRecord]:
        """Return the events that meet `chosen`, latest first, from place `offset` on."""
        return self._decoded(self._page(chosen, limit, offset, sort=[("when", -1)]))

    def count(self, chosen: EventFilter) -> int:
        return count(self._collections.existing(EVENTS), chosen.wanted())

    def markers(self, chosen: EventFilter, limit: int, offset: int) -> EventMarkerPage:
        """Return markers of the events that meet `chosen`, oldest first, and how many there are in all."""
        page = self._page(chosen, limit, offset, sort=[("when", 1)], fields=MARKER_FIELDS)
        markers = list(map(documents.decode_marker, page))
        # a page that is not full is the last one and needs no counting, unless it lies behind the last one
        is_last = len(markers) < limit and (markers or not offset)
        total = offset + len(markers) if is_last else self.count(chosen)
        return EventMarkerPage(markers, total, truncated=offset + len(markers) < total)

    def link(self, event_ids: Sequence[str], invocation_id: str) -> None:
        """Add an invocation to what the stored ones among `event_ids` triggered, once, in one command."""
        wanted = {"_id": among(event_ids)}
        linked = {"$addToSet": {"triggered_invocation_ids": invocation_id}}
        update_all(self._collections.existing(EVENTS), wanted, linked)

    def triggered_by(self, event_id: str) -> list[str]:
        """Return the invocations that an event triggered, in the order in which they were linked."""
        events = self._collections.existing(EVENTS)
        found = find_one(events, {"_id": event_id}, ["triggered_invocation_ids"])
        return found.get("triggered_invocation_ids", []) if found else []

    def codes(self) -> list[str]:
        # the condition is met by every code, and puts the query on its index
        return sorted(distinct(self._collections.existing(EVENTS), "code", {"code": at_least("")}))

    def with_code(self, event_ids: Iterable[str], code: str) -> set[str]:
        """Return the ids, among `event_ids`, of the stored events that have the code."""
        found = find_by_key(self._collections.existing(EVENTS), list(event_ids), ["code"])
        return {event_id for event_id, document in found.items() if document["code"] == code}

    def delete_before(self, instant: datetime) -> list[str]:
        """Delete the events before `instant`; return their ids."""
        return self._delete_latest({"when": documents.before(instant)}, skip=0)

    def delete_beyond(self, count: int) -> list[str]:
        """Delete all but the latest `count` events, none if that is 0; return their ids."""
        return self._delete_latest({}, skip=count) if count > 0 else []

    def _delete_latest(self, wanted: Filter, *, skip: int) -> list[str]:
        events = self._collections.existing(EVENTS)
        return self._payloads.delete(events, wanted, "record", sort=[("when", -1)], skip=skip)

    def _page(self, chosen: EventFilter, limit: int, offset: int, **options: Any) -> list[EventDoc]:
        if limit <= 0:  # which MongoDB would take for all
            return []
        events = self._collections.existing(EVENTS)
        return find_page(events, chosen.wanted(), size=limit, skip=offset, **options)

    def _decoded(self, found: Iterable[EventDoc]) -> list[EventRecord]:
        read = self._payloads.read_each(self._collections.existing(EVENTS), found, "record")
        return [documents.decode_event(document, record, self._app) for document, record in read]
