"""Signs of life of runners."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pynenc.orchestrator.atomic_service import ActiveRunnerInfo

from pynenc_mongo.orchestrator.documents import HEARTBEATS, decode_heartbeat, encode_heartbeat
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import insert_all_missing


class Heartbeats:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def beat(self, runner_ids: Sequence[str], *, may_run_service: bool, queues: Sequence[str] | None) -> None:
        """Note that runners are alive: one command for known ones, two where some are new.

        `queues` that are None leave a known runner's as they are.
        """
        now = datetime.now(UTC)
        changes: dict[str, Any] = {"beat_at": to_micros(now), "may_run_service": may_run_service}
        if queues is not None:
            changes["queues"] = list(queues)
        known = self._collections.existing(HEARTBEATS).update_many(
            {"_id": {"$in": list(runner_ids)}}, {"$set": changes}
        )
        if known.matched_count < len(set(runner_ids)):
            self._add(runner_ids, now, may_run_service=may_run_service, queues=queues or ())

    def active(self, since: datetime, *, may_run_service: bool | None) -> list[ActiveRunnerInfo]:
        """Return the runners that gave a sign since an instant, oldest first, then by id."""
        wanted: dict[str, Any] = {"beat_at": {"$gte": to_micros(since)}}
        if may_run_service is not None:
            wanted["may_run_service"] = may_run_service
        found = map(decode_heartbeat, self._collections.existing(HEARTBEATS).find(wanted))
        return sorted(found, key=lambda runner: (runner.creation_time, runner.runner_id))

    def alive_among(self, runner_ids: Iterable[str], since: datetime) -> set[str]:
        """Return those among `runner_ids` that gave a sign since an instant."""
        wanted = {"_id": {"$in": sorted(set(runner_ids))}, "beat_at": {"$gte": to_micros(since)}}
        return {document["_id"] for document in self._collections.existing(HEARTBEATS).find(wanted, ["_id"])}

    def _add(
        self, runner_ids: Sequence[str], now: datetime, *, may_run_service: bool, queues: Sequence[str]
    ) -> None:
        documents = [
            encode_heartbeat(runner_id, now, may_run_service=may_run_service, queues=queues)
            for runner_id in dict.fromkeys(runner_ids)
        ]
        insert_all_missing(self._collections.indexed(HEARTBEATS), documents)
