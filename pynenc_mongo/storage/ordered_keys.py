"""Keys in the order in which they were asked for."""

import secrets
import threading
from datetime import UTC, datetime, timedelta

from pynenc_mongo.storage.instants import sortable

_MICROSECOND = timedelta(microseconds=1)


class OrderedKeys:
    """Makes keys that sort by time, and within one process strictly in the order of the calls.

    Keys of two processes sort by their clocks, and never collide.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = datetime.min.replace(tzinfo=UTC)

    def take(self, count: int) -> list[str]:
        """Return `count` new keys, in order."""
        with self._lock:
            # a clock may stand still between two calls, and may be set back
            first = max(datetime.now(UTC), self._last + _MICROSECOND)
            self._last = first + count * _MICROSECOND
        maker = secrets.token_hex(4)
        return [f"{sortable(first + place * _MICROSECOND)}:{maker}" for place in range(count)]
