from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc_mongo.storage.instants import from_micros, sortable, to_micros

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)

# years 1 to 9999 in UTC, seen from every time zone in which they have a year
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.one_of(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(
        min_value=datetime(1, 1, 2),  # hypothesis adds the zone
        max_value=datetime(9999, 12, 30),
        timezones=zones,
    ),
)


@given(instants)
def test_an_instant_comes_back_exactly_and_in_utc(instant: datetime) -> None:
    back = from_micros(to_micros(instant))
    assert back == instant
    assert back.tzinfo is UTC


@given(instants, instants)
def test_micros_and_text_sort_as_the_instants_do(one: datetime, other: datetime) -> None:
    assert (to_micros(one) < to_micros(other)) == (one < other)
    assert (sortable(one) < sortable(other)) == (one < other)
    assert (sortable(one) == sortable(other)) == (one == other)


@given(instants)
def test_text_of_every_instant_has_one_width_and_only_digits(instant: datetime) -> None:
    assert len(sortable(instant)) == 18
    assert sortable(instant).isdecimal()


@given(instants)
def test_micros_of_every_instant_fit_an_int64(instant: datetime) -> None:
    assert -(2**63) <= to_micros(instant) < 2**63


@pytest.mark.parametrize("instant", [FIRST, LAST])
def test_the_first_and_the_last_instant_come_back(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant


def test_neighbouring_microseconds_differ() -> None:
    instant = datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)
    following = instant + timedelta(microseconds=1)
    assert to_micros(following) - to_micros(instant) == 1
    assert sortable(instant) < sortable(following)


@given(instants, zones)
def test_one_instant_in_two_time_zones_is_one(instant: datetime, zone: timezone) -> None:
    try:
        elsewhere = instant.astimezone(zone)
    except OverflowError:  # before year 1 or after year 9999 over there
        return
    assert to_micros(elsewhere) == to_micros(instant)
    assert sortable(elsewhere) == sortable(instant)


@given(
    st.datetimes(
        min_value=datetime(1, 1, 3),  # naive on purpose
        max_value=datetime(9999, 12, 29),
    )
)
def test_a_naive_instant_is_local_time(naive: datetime) -> None:
    local = naive.astimezone()
    assert to_micros(naive) == to_micros(local)
    assert sortable(naive) == sortable(local)


def test_a_naive_instant_follows_the_time_zone_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
    time.tzset()
    try:
        winter, summer = datetime(2024, 1, 1), datetime(2024, 7, 1)  # naive on purpose
        assert from_micros(to_micros(winter)) == datetime(2024, 1, 1, 5, tzinfo=UTC)
        assert from_micros(to_micros(summer)) == datetime(2024, 7, 1, 4, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
