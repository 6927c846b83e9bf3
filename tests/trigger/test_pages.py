"""Pages and ranges of events and runs."""

from collections.abc import Callable
from datetime import UTC

import pytest
from pynenc.trigger.monitoring import EventMarkerPage

from pynenc_mongo.trigger import runs
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.trigger.helpers import FIRST, LAST, MICROSECOND, NOW, event, ids_of, run


def in_pages(read: Callable[[int], list[str]], size: int) -> list[str]:
    """Read pages by offset until one is not full."""
    found: list[str] = []
    while len(page := read(len(found))) == size:
        found += page
    return found + page


def test_pages_of_events_at_one_instant_neither_lose_nor_repeat_one(trigger: MongoTrigger) -> None:
    stored = [event(number) for number in range(23)]
    for each in stored[::2] + stored[1::2]:
        trigger.store_event(each)

    def latest(offset: int) -> list[str]:
        return [each.event_id for each in trigger.get_events(limit=5, offset=offset)]

    def markers(offset: int) -> list[str]:
        page = trigger.get_event_markers_in_timerange(NOW, NOW, limit=5, offset=offset)
        assert page.total == len(stored)
        assert page.truncated == (offset + len(page.markers) < len(stored))
        return [marker.event_id for marker in page.markers]

    ids = [each.event_id for each in stored]
    assert in_pages(latest, 5) == ids[::-1]
    assert in_pages(markers, 5) == ids
    assert trigger.get_events(limit=0) == []
    assert trigger.get_event_markers_in_timerange(NOW, NOW, limit=0) == EventMarkerPage(
        [], 23, truncated=True
    )


def test_runs_at_one_instant_are_read_in_pages_that_neither_lose_nor_repeat_one(
    trigger: MongoTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [run(number) for number in range(23)]
    for each in stored[::2] + stored[1::2]:
        trigger.store_trigger_run(each)
    monkeypatch.setattr(runs, "PAGE_SIZE", 5)

    assert ids_of(trigger.get_trigger_runs_in_timerange(NOW, NOW)) == ids_of(stored)
    assert ids_of(trigger.get_trigger_runs_in_timerange(NOW, NOW, limit=7)) == ids_of(stored[:7])
    assert trigger.get_trigger_runs_in_timerange(NOW, NOW, limit=0) == []


def test_runs_of_a_code_are_found_beyond_the_first_page(
    trigger: MongoTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger.store_event(event(0, code="rare"))
    for number in range(23):
        trigger.store_trigger_run(run(number, event_ids=["event-00"] if number % 9 == 8 else ["event-01"]))
    monkeypatch.setattr(runs, "PAGE_SIZE", 5)

    found = trigger.get_trigger_runs_in_timerange(FIRST, LAST, event_code="rare")
    assert ids_of(found) == ["run-08", "run-17"]
    assert ids_of(trigger.get_trigger_runs_in_timerange(FIRST, LAST, event_code="rare", limit=1)) == [
        "run-08"
    ]
    assert trigger.get_trigger_runs_in_timerange(FIRST, LAST, event_code="other") == []


def test_both_ends_of_a_range_of_time_are_part_of_it_to_the_microsecond(trigger: MongoTrigger) -> None:
    for number, at in enumerate([NOW - MICROSECOND, NOW, NOW + MICROSECOND, NOW + 2 * MICROSECOND]):
        trigger.store_event(event(number, at))
        trigger.store_trigger_run(run(number, at))
    span = NOW, NOW + MICROSECOND

    assert ids_of(trigger.get_trigger_runs_in_timerange(*span)) == ["run-01", "run-02"]
    assert trigger.count_events(start_time=span[0], end_time=span[1]) == 2
    markers = trigger.get_event_markers_in_timerange(*span).markers
    assert [marker.timestamp for marker in markers] == list(span)
    assert all(marker.timestamp.tzinfo is UTC for marker in markers)


def test_a_run_counts_by_its_claim_where_it_was_not_executed(trigger: MongoTrigger) -> None:
    trigger.store_trigger_run(run(1, at=None, claimed_at=NOW))
    trigger.store_trigger_run(run(2, at=NOW - MICROSECOND, claimed_at=NOW))
    trigger.store_trigger_run(run(3, at=None))
    assert ids_of(trigger.get_trigger_runs_in_timerange(NOW, LAST)) == ["run-01"]
    assert ids_of(trigger.get_trigger_runs_in_timerange(FIRST, LAST)) == ["run-02", "run-01"]
    assert trigger.get_trigger_run("run-03") == run(3, at=None)
