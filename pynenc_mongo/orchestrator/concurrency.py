"""Concurrency control: what a controlled invocation is found by, and the slot that one at a time holds."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pymongo.errors import DuplicateKeyError
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation.dist_invocation import DistributedInvocation
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord

from pynenc_mongo.orchestrator.documents import (
    INVOCATIONS,
    InvocationDoc,
    decode_status,
    digests,
    encode_invocation,
    one_of,
    slot_of,
)
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import all_of, at_most, other_than
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import find_page, update

type Invocation = DistributedInvocation[Any, Any]

_OFF = ConcurrencyControlType.DISABLED
# as a rule one holds the slot, and few more are pending
_MOST_HOLDERS = 100


class Holder(NamedTuple):
    """An invocation that keeps others of its kind from running."""

    invocation_id: InvocationId
    status: InvocationStatus
    owner: str


def is_controlled(invocation: Invocation) -> bool:
    """Whether the invocation's task limits how many of its kind are registered, or run."""
    conf = invocation.task.conf
    return conf.registration_concurrency != _OFF or conf.running_concurrency != _OFF


def encode(invocation: Invocation, record: InvocationStatusRecord) -> InvocationDoc:
    """Return the document; a controlled invocation is found by its arguments, others do not pay for that."""
    document = encode_invocation(
        invocation.invocation_id, invocation.task.task_id, invocation.call.call_id, record
    )
    if is_controlled(invocation):
        document["arguments"] = digests(invocation.call.serialized_arguments)
    return document


class ConcurrencyControl:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def index_arguments(self, invocation: Invocation) -> None:
        """Make an invocation known by its arguments; a controlled one is so from its registration on."""
        if not is_controlled(invocation):
            update(
                self._collections.existing(INVOCATIONS),
                {"_id": invocation.invocation_id},
                {"$set": {"arguments": digests(invocation.call.serialized_arguments)}},
            )

    def take_slot(self, invocation: Invocation) -> bool:
        """Have a pending invocation hold its task's slot until it runs no more; return whether it was free.

        A task without running concurrency control has no slot, and every invocation of it may run.
        """
        if invocation.task.conf.running_concurrency == _OFF:
            return True
        pending = {"_id": invocation.invocation_id, "status": InvocationStatus.PENDING.value}
        slot = {"$set": {"slot": _slot(invocation)}}
        try:
            update(self._collections.ruled(INVOCATIONS), pending, slot)
        except DuplicateKeyError:
            return False
        return True

    def old_candidates(
        self, invocation: Invocation, statuses: Iterable[InvocationStatus], before: datetime
    ) -> list[Holder]:
        """Return those of some statuses, unchanged since `before`, that pynenc's look finds in the way."""
        wanted: dict[str, Any] = {"task": invocation.task.task_id.key}
        if arguments := _limited_by(invocation):
            wanted["arguments"] = all_of(digests(arguments))
        return self._holders({**wanted, "status": one_of(statuses)}, before)

    def old_holder(self, invocation: Invocation, before: datetime) -> list[Holder]:
        """Return the holder of the invocation's slot, if it is unchanged since `before`."""
        return self._holders({"slot": _slot(invocation)}, before)

    def _holders(self, wanted: Mapping[str, Any], before: datetime) -> list[Holder]:
        old = {**wanted, "status_at": at_most(to_micros(before)), "owner": other_than(None)}
        found = find_page(
            self._collections.existing(INVOCATIONS), old, size=_MOST_HOLDERS, fields=["status", "owner"]
        )
        return [Holder(InvocationId(each["_id"]), decode_status(each), str(each["owner"])) for each in found]


def _limited_by(invocation: Invocation) -> Mapping[str, str] | None:
    """Return the arguments that the control of the invocation's task is about."""
    control = invocation.task.conf.running_concurrency
    return invocation.call.serialized_args_for_concurrency_control(control)


def _slot(invocation: Invocation) -> str:
    return slot_of(invocation.task.task_id, _limited_by(invocation))
