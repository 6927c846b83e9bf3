"""Concurrency control: what a controlled invocation is found by, and the slot that one at a time holds."""

from typing import Any

from pymongo.errors import DuplicateKeyError
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.invocation.dist_invocation import DistributedInvocation
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord

from pynenc_mongo.orchestrator.documents import (
    INVOCATIONS,
    InvocationDoc,
    digests,
    encode_invocation,
    slot_of,
)
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.verbs import update

type Invocation = DistributedInvocation[Any, Any]

_OFF = ConcurrencyControlType.DISABLED


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
        control = invocation.task.conf.running_concurrency
        if control == _OFF:
            return True
        arguments = invocation.call.serialized_args_for_concurrency_control(control)
        pending = {"_id": invocation.invocation_id, "status": InvocationStatus.PENDING.value}
        slot = {"$set": {"slot": slot_of(invocation.task.task_id, arguments)}}
        try:
            update(self._collections.ruled(INVOCATIONS), pending, slot)
        except DuplicateKeyError:
            return False
        return True
