"""Runs of the atomic service: at most one at a time, enforced by the write that starts it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pymongo.errors import DuplicateKeyError
from pynenc.orchestrator.atomic_service import (
    AtomicServiceExecution,
    AtomicServiceExecutionStatus,
    AtomicServiceRun,
)

from pynenc_mongo.errors import MongoOutageError
from pynenc_mongo.orchestrator.documents import EXECUTIONS, decode_execution, encode_execution
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among, at_least, at_most, below, not_among, other_than
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import (
    delete_all,
    find_all,
    find_one,
    find_page,
    insert_missing,
    put,
    update,
    update_if,
)

_RUNNING = AtomicServiceExecutionStatus.RUNNING
_BLOCKED = AtomicServiceExecutionStatus.BLOCKED
_ABANDONED = AtomicServiceExecutionStatus.ABANDONED
_DEAD = "has died"
_SILENT = "gives no sign of life"
_UNTOLD = "its runner was not told that it might begin"

type PresumedDead = Callable[[str, datetime], bool]
type _End = tuple[AtomicServiceRun, datetime, AtomicServiceExecutionStatus, str]


class AtomicServices:
    """The runs; `presumed_dead` says whether a runner that began at an instant gives no sign of life."""

    def __init__(self, collections: Collections, presumed_dead: PresumedDead) -> None:
        self._collections = collections
        self._presumed_dead = presumed_dead
        # ends of this process's runs that MongoDB may not know, for an outage: the next attempt tells them
        self._unconfirmed: dict[str, _End] = {}

    def attempt(
        self,
        run: AtomicServiceRun,
        started_at: datetime | None,
        status: AtomicServiceExecutionStatus,
        reason: str,
    ) -> bool:
        """Record an attempt to run; return whether this run may work."""
        for end in list(self._unconfirmed.values()):
            self.finish(*end)
        if status != _RUNNING:
            self.record(run, started_at, status, reason)
            return status != _BLOCKED
        if self.start(run, started_at, reason):
            return True
        self.abandon_run_of(self._presumed_dead, _SILENT)
        return False

    def start(self, run: AtomicServiceRun, started_at: datetime | None, reason: str) -> bool:
        """Begin a run unless one is running; return whether this run may work.

        A run that may not is recorded as blocked, with the run that blocks it. Without `started_at` a run
        begins when it is admitted: another one may have ended while it asked.
        """
        run.started_at = started_at or datetime.now(UTC)
        if self._admit(_execution(run, None, _RUNNING, reason)):
            if started_at is None:
                self._begin_now(run)
            return True
        executions = self._collections.existing(EXECUTIONS)
        # taken: by another running one, or by this run itself, which a repeated start finds again
        own = find_one(executions, {"_id": run.atomic_service_id.atomic_service_run_id})
        if own is not None:
            return own["status"] == _RUNNING.value
        blocked = _execution(run, run.started_at, _BLOCKED, reason or self._who_runs())
        insert_missing(executions, encode_execution(blocked))
        return False

    def _admit(self, execution: AtomicServiceExecution) -> bool:
        try:
            return insert_missing(self._collections.ruled(EXECUTIONS), encode_execution(execution))
        except DuplicateKeyError:  # the index was dropped, and several run by now: no other one then
            return False
        except MongoOutageError:
            run = AtomicServiceRun(execution.atomic_service_id)
            self._unconfirmed[execution.atomic_service_run_id] = (
                run,
                execution.start_time,
                _ABANDONED,
                _UNTOLD,
            )
            raise

    def record(
        self,
        run: AtomicServiceRun,
        started_at: datetime | None,
        status: AtomicServiceExecutionStatus,
        reason: str,
    ) -> None:
        """Record an attempt that did not start by `start`."""
        run.started_at = started_at or datetime.now(UTC)
        ended_at = run.started_at if status == _BLOCKED else None
        put(
            self._collections.indexed(EXECUTIONS), encode_execution(_execution(run, ended_at, status, reason))
        )

    def finish(
        self, run: AtomicServiceRun, ended_at: datetime, status: AtomicServiceExecutionStatus, reason: str
    ) -> None:
        """End a run; the first end counts. A run whose start was not recorded gets a record all the same."""
        run_id = run.atomic_service_id.atomic_service_run_id
        self._unconfirmed[run_id] = (run, ended_at, status, reason)
        self._finish(run, ended_at, status, reason)
        self._unconfirmed.pop(run_id, None)  # another thread's attempt may have told it, too

    def _finish(
        self, run: AtomicServiceRun, ended_at: datetime, status: AtomicServiceExecutionStatus, reason: str
    ) -> None:
        executions = self._collections.indexed(EXECUTIONS)
        changes: dict[str, Any] = {"ended_at": to_micros(ended_at), "status": status.value}
        if reason:
            changes["reason"] = reason
        own_running = {"_id": run.atomic_service_id.atomic_service_run_id, "running": True}
        done = {"_id": own_running["_id"], **changes}
        if update_if(executions, own_running, {"$set": changes, "$unset": {"running": ""}}, done):
            return
        unseen = AtomicServiceExecution(run.atomic_service_id, ended_at, ended_at, status, reason)
        insert_missing(executions, encode_execution(unseen))

    def running(self) -> list[AtomicServiceExecution]:
        return [
            decode_execution(found)
            for found in find_all(self._collections.existing(EXECUTIONS), {"running": True})
        ]

    def between(
        self, start: datetime, end: datetime, limit: int, runner_id: str | None, min_seconds: float
    ) -> list[AtomicServiceExecution]:
        """Return the executions that overlap a time range, newest first; a running one is at its start."""
        since = to_micros(start)
        overlapping = [{"ended_at": at_least(since)}, {"ended_at": None, "started_at": at_least(since)}]
        wanted: dict[str, Any] = {"started_at": at_most(to_micros(end)), "$or": overlapping}
        if runner_id is not None:
            wanted["runner_id"] = runner_id
        if limit <= 0:  # MongoDB reads 0 as no limit
            return []
        executions, newest_first = self._collections.existing(EXECUTIONS), [("started_at", -1)]
        if min_seconds <= 0:
            return list(map(decode_execution, find_page(executions, wanted, size=limit, sort=newest_first)))
        found = map(decode_execution, find_all(executions, wanted, sort=newest_first))
        return list(islice((each for each in found if each.duration_seconds >= min_seconds), limit))

    def retain(self, ended_since: datetime | None, newest: int, protected: Iterable[str]) -> int:
        """Delete ended executions that are too old or too many; return how many.

        :param ended_since: delete what ended before it; None keeps every age
        :param newest: how many to keep; 0 keeps any number
        :param protected: run ids that are never deleted
        """
        executions = self._collections.existing(EXECUTIONS)
        unprotected = not_among(sorted(protected))
        deleted = 0
        if ended_since is not None:
            # a running execution has no end, and `None` is not less than a number
            too_old = {"ended_at": below(to_micros(ended_since)), "_id": unprotected}
            deleted += delete_all(executions, too_old)
        if newest > 0:
            ended = {"status": other_than(_RUNNING.value), "_id": unprotected}
            surplus = find_all(executions, ended, ["_id"], sort=[("started_at", -1)], skip=newest)
            keys = [document["_id"] for document in surplus]
            deleted += delete_all(executions, {"_id": among(keys)}) if keys else 0
        return deleted

    def abandon_run_of(self, is_dead: PresumedDead, why: str = _DEAD) -> None:
        """Let go of a run whose runner was killed in its middle; no other could ever start otherwise."""
        for execution in self.running():
            if is_dead(execution.runner_id, execution.start_time):
                run = AtomicServiceRun(execution.atomic_service_id)
                self.finish(run, datetime.now(UTC), _ABANDONED, f"runner:{execution.runner_id} {why}")

    def _begin_now(self, run: AtomicServiceRun) -> None:
        run.started_at = datetime.now(UTC)
        own = {"_id": run.atomic_service_id.atomic_service_run_id}
        started = {"$set": {"started_at": to_micros(run.started_at)}}
        update(self._collections.existing(EXECUTIONS), own, started)

    def _who_runs(self) -> str:
        prior = next(iter(self.running()), None)
        run_id, runner_id = (
            (prior.atomic_service_run_id, prior.runner_id) if prior else ("unknown", "unknown")
        )
        return f"prior_running:{run_id} runner:{runner_id}"


def _execution(
    run: AtomicServiceRun, ended_at: datetime | None, status: AtomicServiceExecutionStatus, reason: str
) -> AtomicServiceExecution:
    assert run.started_at is not None
    return AtomicServiceExecution(run.atomic_service_id, run.started_at, ended_at, status, reason)
