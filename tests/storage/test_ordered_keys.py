import threading
from datetime import UTC, datetime, timedelta

import pytest

from pynenc_mongo.storage import ordered_keys
from pynenc_mongo.storage.instants import sortable
from pynenc_mongo.storage.ordered_keys import OrderedKeys
from tests.storage.helpers import in_threads

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


def set_clock(monkeypatch: pytest.MonkeyPatch, *readings: datetime) -> None:
    """Have the clock show each reading in turn, and the last one for ever."""
    left = list(readings)

    class Clock:
        min = datetime.min  # the code under test adds the zone

        @staticmethod
        def now(_zone: object) -> datetime:
            return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(ordered_keys, "datetime", Clock)


def test_keys_sort_in_the_order_in_which_they_were_taken() -> None:
    made = OrderedKeys()
    keys = [key for count in (1, 3, 1, 500, 1) for key in made.take(count)]
    assert keys == sorted(set(keys))
    assert len(keys) == 506


def test_no_keys_are_none() -> None:
    assert OrderedKeys().take(0) == []


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=-1), timedelta(microseconds=1)])
def test_a_clock_that_stands_still_or_is_set_back_keeps_the_order(
    monkeypatch: pytest.MonkeyPatch, later: timedelta
) -> None:
    set_clock(monkeypatch, NOON, NOON + later)
    made = OrderedKeys()
    keys = [key for count in (1, 100, 1, 1) for key in made.take(count)]
    assert keys == sorted(set(keys))


def test_a_key_begins_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, NOON)
    first, second = OrderedKeys().take(2)
    assert first.startswith(sortable(NOON) + ":")
    assert second.startswith(sortable(NOON + timedelta(microseconds=1)) + ":")


def test_keys_of_two_processes_never_collide_on_one_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_clock(monkeypatch, NOON)
    keys = [key for made in (OrderedKeys(), OrderedKeys()) for key in made.take(100)]
    assert len(set(keys)) == 200


def test_threads_share_a_sequence() -> None:
    made, order, lock = OrderedKeys(), [], threading.Lock()

    def take() -> None:
        for _ in range(50):
            with lock:
                order.extend(made.take(2))

    in_threads([take] * 8)
    assert order == sorted(set(order))
    assert len(order) == 800


def test_threads_that_take_at_the_same_time_get_different_keys() -> None:
    made = OrderedKeys()
    taken = in_threads([lambda: [key for _ in range(100) for key in made.take(3)]] * 8)
    assert all(keys == sorted(keys) for keys in taken)
    assert len({key for keys in taken for key in keys}) == 8 * 300
