"""Instants as int64 microseconds since 1970 (UTC): exact, sortable, the same in every engine."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# `sortable` counts from year 1, so that instants before 1970 sort as text too
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_SORTABLE_DIGITS = 18


def to_micros(instant: datetime) -> int:
    """Return microseconds since 1970; a naive datetime is local time, as in `datetime.timestamp()`."""
    return _since(_EPOCH, instant)


def from_micros(micros: int) -> datetime:
    """Return the instant, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def sortable(instant: datetime) -> str:
    """Return text of one width that sorts as the instants do, to the microsecond."""
    return f"{_since(_FIRST, instant):0{_SORTABLE_DIGITS}d}"


def _since(first: datetime, instant: datetime) -> int:
    """Return microseconds; what in UTC lies before year 1 or after year 9999 is the first or the last one."""
    try:
        utc = instant.astimezone(UTC)
    except (OverflowError, ValueError):  # one of them of zones, the other of local time
        utc = _FIRST if instant.year == _FIRST.year else _LAST
    return (utc - first) // _MICROSECOND
