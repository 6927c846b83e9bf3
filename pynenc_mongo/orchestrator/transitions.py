"""Status transitions, each one command: the rule stands in its filter.

The rules are pynenc's: the table below is asked of `status_record_transition` at import, never copied.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pynenc.exceptions import (
    InvocationStatusError,
    InvocationStatusOwnershipError,
    InvocationStatusRaceConditionError,
)
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord, status_record_transition

from pynenc_mongo.orchestrator.documents import (
    INVOCATIONS,
    RECORD_FIELDS,
    decode_record,
    encode_record,
    one_of,
)
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import below
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import find_one, update_if

_ATTEMPTS = 5
_TICK = timedelta(microseconds=1)
# what the runner itself ends a run with; others take it away by the rest
ENDS_OF_A_RUN = frozenset({InvocationStatus.SUCCESS, InvocationStatus.FAILED, InvocationStatus.RETRY})

_CALLER, _STRANGER = "caller", "stranger"


@dataclass(frozen=True)
class Rule:
    """What leads to a status: from where for everybody, from where for the owner, and who owns it next."""

    free: frozenset[InvocationStatus]
    owned: frozenset[InvocationStatus]
    caller_owns_next: bool

    def precondition(self, invocation_id: str, runner_id: str | None) -> dict[str, Any]:
        """Return the filter that a document meets exactly where the transition is allowed."""
        by_all = {"status": one_of(self.free)}
        by_owner = {"status": one_of(self.owned), "owner": runner_id}
        # most statuses are entered in one way, and need no `$or`, which not every engine does by key
        if not self.owned:
            return {"_id": invocation_id, **by_all}
        if not self.free:
            return {"_id": invocation_id, **by_owner}
        return {"_id": invocation_id, "$or": [by_all, by_owner]}


@cache
def rule_for(target: InvocationStatus, *, has_runner: bool) -> Rule:
    """Return the rule for a caller with or without a runner id, as pynenc's own function answers it."""
    caller = _CALLER if has_runner else None
    for_owner = {source: _outcome(source, caller, target, caller) for source in InvocationStatus}
    for_others = {source: _outcome(source, _STRANGER, target, caller) for source in InvocationStatus}
    free = frozenset(source for source, record in for_others.items() if record)
    owned = frozenset(source for source, record in for_owner.items() if record) - free
    next_owners = {record.runner_id for record in for_owner.values() if record}
    return Rule(free, owned, caller_owns_next=next_owners == {_CALLER})


def _outcome(
    source: InvocationStatus, owner: str | None, target: InvocationStatus, caller: str | None
) -> InvocationStatusRecord | None:
    try:
        return status_record_transition(InvocationStatusRecord(source, owner), target, caller)
    except InvocationStatusError:
        return None


class Transitions:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def record_of(self, invocation_id: str) -> InvocationStatusRecord:
        """Return the current status record.

        :raises KeyError: naming the invocation, if it is not registered
        """
        found = find_one(self._collections.existing(INVOCATIONS), {"_id": invocation_id}, RECORD_FIELDS)
        if found is None:
            raise KeyError(f"invocation {invocation_id} is not registered")
        return decode_record(found)

    def to(
        self,
        target: InvocationStatus,
        invocation_id: str,
        runner_id: str | None,
        run: datetime | None = None,
    ) -> InvocationStatusRecord:
        """Move an invocation to `target`; exactly one of several callers at once succeeds.

        A final status begins the auto-purge period in the same command. The instants of an invocation only
        grow, whatever the clocks of the machines say: each status is later than the one before.

        :param run: leave only the run that began at this instant, and no later one of the same runner
        :raises KeyError: if the invocation is not registered
        :raises InvocationStatusTransitionError: if its status does not lead to `target`
        :raises InvocationStatusOwnershipError: if its status may be left by its owner only
        :raises InvocationStatusRaceConditionError: if it moved at each of several attempts
        """
        rule = rule_for(target, has_runner=bool(runner_id))
        precondition = rule.precondition(invocation_id, runner_id)
        current: InvocationStatusRecord | None = None
        for _ in range(_ATTEMPTS):
            new = _record_after(current, target, runner_id if rule.caller_owns_next else None)
            since = below(to_micros(new.timestamp)) if run is None else to_micros(run)
            found = {**precondition, "status_at": since}
            done = {"_id": invocation_id, **encode_record(new)}
            if update_if(self._collections.existing(INVOCATIONS), found, _update(new), done):
                return new
            current = self.record_of(invocation_id)
            if current == new:  # by an attempt of the driver's own, whose answer was lost
                return new
            # pynenc's own words for what forbids it; none mean that it moved since, or that a clock is late
            status_record_transition(current, target, runner_id)
            _check_run(current, target, run)
        assert current is not None
        raise InvocationStatusRaceConditionError(invocation_id, current, new, self.record_of(invocation_id))


def _record_after(
    current: InvocationStatusRecord | None, target: InvocationStatus, owner: str | None
) -> InvocationStatusRecord:
    """Return the next record: of now, or of a microsecond after the current one, where that is later."""
    now = datetime.now(UTC)
    return InvocationStatusRecord(target, owner, max(now, current.timestamp + _TICK) if current else now)


def _check_run(current: InvocationStatusRecord, target: InvocationStatus, run: datetime | None) -> None:
    if run is not None and current.timestamp != run:
        raise InvocationStatusOwnershipError(
            from_status=current.status,
            to_status=target,
            current_owner=current.runner_id,
            attempted_owner=current.runner_id,
            reason=f"it runs again since {current.timestamp}, and this run began at {run}",
        )


class Runs:
    """Which run of an invocation a thread is in: known by the instant of its RUNNING, which no other has.

    A runner's id does not tell: a runner that lost an invocation may have taken it again in another thread.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def note(self, invocation_id: str, runner_id: str | None, record: InvocationStatusRecord) -> None:
        """Note what became of an invocation: a run begins with RUNNING, and ends with any other status."""
        if record.status == InvocationStatus.RUNNING:
            self._began[invocation_id, runner_id] = record.timestamp
        else:
            self._began.pop((invocation_id, runner_id), None)

    def of(self, invocation_id: str, runner_id: str | None) -> datetime | None:
        """Return when the run began that this thread is in, if it began in this thread."""
        return self._began.get((invocation_id, runner_id))

    @property
    def _began(self) -> dict[tuple[str, str | None], datetime]:
        if not hasattr(self._local, "began"):
            self._local.began = {}
        began: dict[tuple[str, str | None], datetime] = self._local.began
        return began


def _update(record: InvocationStatusRecord) -> dict[str, Any]:
    changes = encode_record(record)
    if record.status.is_final():
        changes["finished_at"] = to_micros(record.timestamp)
    if record.status == InvocationStatus.RUNNING:
        return {"$set": changes}
    # who does not run holds no slot
    return {"$set": changes, "$unset": {"slot": ""}}
