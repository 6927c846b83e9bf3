"""Instants as int64 microseconds since 1970 (UTC): exact, sortable, the same in every engine."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# `sortable` counts from year 1, so that instants before 1970 sort as text too
_FIRST = datetime.min.replace(tzinfo=UTC)
_SORTABLE_DIGITS = 18


def to_micros(instant: datetime) -> int:
    """Return microseconds since 1970; a naive datetime is local time, as in `datetime.timestamp()`."""
    return _since(_EPOCH, instant)


def from_micros(micros: int) -> datetime:
    """Return the instant, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def sortable(instant: datetime) -> str:
    """Return text of one width that sorts as the instants do, to the microsecond."""
    return f"{max(_since(_FIRST, instant), 0):0{_SORTABLE_DIGITS}d}"


def _since(first: datetime, instant: datetime) -> int:
    """Return microseconds, also of instants that in UTC lie before year 1 or after year 9999."""
    try:
        return (instant.astimezone(UTC) - first) // _MICROSECOND
    except OverflowError:
        shift = instant.utcoffset() or timedelta()
        return (instant.replace(tzinfo=UTC) - first - shift) // _MICROSECOND
