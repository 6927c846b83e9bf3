"""Cursors: what a command found, in batches that a message can hold, until it is read or forgotten."""

import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bson.raw_bson import RawBSONDocument

from pynenc_mongo.mongomock_server.replies import CURSOR_NOT_FOUND, CommandError

_FIRST_BATCH_DOCUMENTS = 101
_BATCH_BYTES = 16 * 1024 * 1024
# as cursorTimeoutMillis of a server
_IDLE_SECONDS = 600.0


@dataclass
class _Cursor:
    namespace: str
    documents: deque[bytes]
    looks_on: bool
    has_time_limit: bool
    used_at: float = field(default_factory=time.monotonic)


class Cursors:
    """The open cursors of a server; the caller holds its lock."""

    def __init__(self) -> None:
        self._open: dict[int, _Cursor] = {}

    def first_batch(
        self,
        namespace: str,
        documents: Iterable[bytes],
        size: int | None,
        *,
        single: bool = False,
        looks_on: bool = False,
        has_time_limit: bool = False,
    ) -> dict[str, Any]:
        """Return the reply that opens a cursor over encoded documents.

        :param size: documents of a batch; None for a server's default
        :param single: whether the cursor ends with this batch
        :param looks_on: whether a full batch leaves it open: a server does not look for one more document
        :param has_time_limit: what `has_time_limit` returns for it
        """
        left = deque(documents)
        size = _FIRST_BATCH_DOCUMENTS if size is None else size
        batch = list(_batch(left, size))
        number = 0
        if (left or (looks_on and len(batch) == size)) and not single:
            self._forget_idle_ones()
            number = secrets.randbits(62) | 1
            self._open[number] = _Cursor(namespace, left, looks_on, has_time_limit)
        return {"cursor": {"firstBatch": batch, "id": _int64(number), "ns": namespace}, "ok": 1.0}

    def next_batch(self, number: int, namespace: str, size: int | None) -> dict[str, Any]:
        """Return the reply to a getMore; the last batch closes the cursor.

        :raises CommandError: CursorNotFound
        """
        cursor = self._open.get(number)
        if cursor is None or cursor.namespace != namespace:
            raise CommandError(CURSOR_NOT_FOUND, f"cursor id {number} not found")
        batch = list(_batch(cursor.documents, size or len(cursor.documents)))
        cursor.used_at = time.monotonic()
        if not cursor.documents and not (cursor.looks_on and len(batch) == size):
            del self._open[number]
            number = 0
        return {"cursor": {"nextBatch": batch, "id": _int64(number), "ns": namespace}, "ok": 1.0}

    def has_time_limit(self, number: int) -> bool:
        """Whether the command that opened a cursor had a limit of time, which holds for each getMore, too."""
        return number in self._open and self._open[number].has_time_limit

    def kill(self, numbers: Iterable[int]) -> dict[str, Any]:
        """Forget cursors; return the reply to a killCursors."""
        killed: list[Any] = []
        unknown: list[Any] = []
        for number in numbers:
            (killed if self._open.pop(number, None) else unknown).append(_int64(number))
        return {
            "cursorsKilled": killed,
            "cursorsNotFound": unknown,
            "cursorsAlive": [],
            "cursorsUnknown": [],
            "ok": 1.0,
        }

    def _forget_idle_ones(self) -> None:
        oldest = time.monotonic() - _IDLE_SECONDS
        for number in [number for number, cursor in self._open.items() if cursor.used_at < oldest]:
            del self._open[number]


def _batch(documents: deque[bytes], count: int) -> Iterator[RawBSONDocument]:
    """Take at most `count` documents off the front, and no more than a message holds, but one at least."""
    room = _BATCH_BYTES
    for _ in range(min(count, len(documents))):
        if len(documents[0]) > room and room < _BATCH_BYTES:
            return
        document = documents.popleft()
        room -= len(document)
        yield RawBSONDocument(document)


def _int64(number: int) -> Any:
    from bson.int64 import Int64

    return Int64(number)
