"""Signs of life of runners."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pynenc.orchestrator.atomic_service import ActiveRunnerInfo

from pynenc_mongo.orchestrator.documents import HEARTBEATS, decode_heartbeat, encode_heartbeat
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among, at_least
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import find_all, insert_all_missing, update_all

_LONGEST_PAUSE_SECONDS = 1.0
# of the silence after which a runner is taken for dead
_PAUSE_SHARE = 0.01


class _Told(NamedTuple):
    """What this process last told of a runner, and when."""

    may_run_service: bool
    queues: tuple[str, ...] | None
    at: float


def longest_pause(longest_silence: float) -> float:
    """Return for how many seconds what was told is not told again; of the silence after which one is dead."""
    return min(_LONGEST_PAUSE_SECONDS, longest_silence * _PAUSE_SHARE)


class Heartbeats:
    """Writes and reads signs of life; `longest_silence` returns the seconds after which a runner is dead.

    A runner's loop reports its children at each turn, up to a hundred times a second. What was told less
    than a second ago (of short silences a hundredth) is not told again (docs/adr/0012).
    """

    def __init__(self, collections: Collections, longest_silence: Callable[[], float]) -> None:
        self._collections = collections
        self._longest_silence = longest_silence
        self._told: dict[str, _Told] = {}

    def forget(self) -> None:
        """Write all signs of life again: they were deleted."""
        self._told = {}

    def beat(self, runner_ids: Sequence[str], *, may_run_service: bool, queues: Sequence[str] | None) -> None:
        """Note that runners are alive: one command for known ones, two where some are new, none if just told.

        `queues` that are None leave a known runner's as they are.
        """
        told = _Told(may_run_service, None if queues is None else tuple(queues), time.monotonic())
        since = told.at - longest_pause(self._longest_silence())
        if all(_says(self._told.get(runner_id), told, since) for runner_id in runner_ids):
            return
        self._write(runner_ids, may_run_service=may_run_service, queues=queues)
        # replaced as a whole: threads need no lock, which a forked child could inherit held
        recent = {runner_id: each for runner_id, each in list(self._told.items()) if each.at > since}
        self._told = recent | dict.fromkeys(runner_ids, told)

    def _write(
        self, runner_ids: Sequence[str], *, may_run_service: bool, queues: Sequence[str] | None
    ) -> None:
        now = datetime.now(UTC)
        changes: dict[str, Any] = {"beat_at": to_micros(now), "may_run_service": may_run_service}
        if queues is not None:
            changes["queues"] = list(queues)
        wanted = {"_id": among(runner_ids)}
        known = update_all(self._collections.existing(HEARTBEATS), wanted, {"$set": changes})
        if known < len(set(runner_ids)):
            self._add(runner_ids, now, may_run_service=may_run_service, queues=queues or ())

    def active(self, since: datetime, *, may_run_service: bool | None) -> list[ActiveRunnerInfo]:
        """Return the runners that gave a sign since an instant, oldest first, then by id."""
        wanted: dict[str, Any] = {"beat_at": at_least(to_micros(since))}
        if may_run_service is not None:
            wanted["may_run_service"] = may_run_service
        found = map(decode_heartbeat, find_all(self._collections.existing(HEARTBEATS), wanted))
        return sorted(found, key=lambda runner: (runner.creation_time, runner.runner_id))

    def silent_among(self, runner_ids: Iterable[str], since: datetime) -> set[str]:
        """Return those among `runner_ids` that gave no sign since an instant; nobody costs no command."""
        asked = set(runner_ids)
        if not asked:
            return asked
        wanted = {"_id": among(sorted(asked)), "beat_at": at_least(to_micros(since))}
        found = find_all(self._collections.existing(HEARTBEATS), wanted, ["_id"])
        return asked - {document["_id"] for document in found}

    def presumed_dead(self, runner_id: str, started_at: datetime) -> bool:
        """Whether a runner that worked at `started_at` has been silent for too long since."""
        since = datetime.now(UTC) - timedelta(seconds=self._longest_silence())
        return started_at < since and bool(self.silent_among([runner_id], since))

    def _add(
        self, runner_ids: Sequence[str], now: datetime, *, may_run_service: bool, queues: Sequence[str]
    ) -> None:
        documents = [
            encode_heartbeat(runner_id, now, may_run_service=may_run_service, queues=queues)
            for runner_id in dict.fromkeys(runner_ids)
        ]
        insert_all_missing(self._collections.indexed(HEARTBEATS), documents)


def _says(last: _Told | None, told: _Told, since: float) -> bool:
    return (
        last is not None
        and last.at > since
        and last.may_run_service == told.may_run_service
        and told.queues in (None, last.queues)
    )
