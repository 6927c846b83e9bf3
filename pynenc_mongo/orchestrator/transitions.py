"""Status transitions, each one command: the rule stands in its filter.

The rules are pynenc's: the table below is asked of `status_record_transition` at import, never copied.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pynenc.exceptions import InvocationStatusError, InvocationStatusRaceConditionError
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord, status_record_transition

from pynenc_mongo.orchestrator.documents import (
    INVOCATIONS,
    RECORD_FIELDS,
    decode_record,
    encode_record,
    one_of,
)
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import find_one, update_if

_ATTEMPTS = 5
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
        self, target: InvocationStatus, invocation_id: str, runner_id: str | None
    ) -> InvocationStatusRecord:
        """Move an invocation to `target`; exactly one of several callers at once succeeds.

        A final status begins the auto-purge period in the same command.

        :raises KeyError: if the invocation is not registered
        :raises InvocationStatusTransitionError: if its status does not lead to `target`
        :raises InvocationStatusOwnershipError: if its status may be left by its owner only
        :raises InvocationStatusRaceConditionError: if it moved at each of several attempts
        """
        rule = rule_for(target, has_runner=bool(runner_id))
        precondition = rule.precondition(invocation_id, runner_id)
        current: InvocationStatusRecord | None = None
        for new in _new_records(target, runner_id if rule.caller_owns_next else None):
            done = {"_id": invocation_id, **encode_record(new)}
            if update_if(self._collections.existing(INVOCATIONS), precondition, _update(new), done):
                return new
            current = self.record_of(invocation_id)
            if current == new:  # by an attempt of the driver's own, whose answer was lost
                return new
            # pynenc's own words for what forbids it; no words mean that it moved since
            status_record_transition(current, target, runner_id)
        assert current is not None
        raise InvocationStatusRaceConditionError(invocation_id, current, new, self.record_of(invocation_id))


def _new_records(target: InvocationStatus, owner: str | None) -> Iterator[InvocationStatusRecord]:
    for _ in range(_ATTEMPTS):
        yield InvocationStatusRecord(target, owner)


def _update(record: InvocationStatusRecord) -> dict[str, Any]:
    changes = encode_record(record)
    if record.status.is_final():
        changes["finished_at"] = to_micros(record.timestamp)
    if record.status == InvocationStatus.RUNNING:
        return {"$set": changes}
    # who does not run holds no slot
    return {"$set": changes, "$unset": {"slot": ""}}
