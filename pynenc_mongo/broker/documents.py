"""The documents of the broker, and the index behind its pop."""

import struct
from collections.abc import Sequence
from typing import Any, TypedDict

from pymongo.operations import IndexModel

from pynenc_mongo.storage.collections import CollectionSpec

COMPONENT = "broker"


class MessageDoc(TypedDict):
    """One queued invocation; `_id` sorts by priority, highest first, then in the order of routing."""

    _id: str
    queue: str
    priority: float
    invocation_id: str


MESSAGES = CollectionSpec(
    "messages",
    MessageDoc,
    # retrieve_invocation: highest priority first, then oldest; count_invocations by queue
    (IndexModel([("queue", 1), ("_id", 1)], name="queue"),),
)
NEXT_FIRST: Sequence[tuple[str, int]] = (("_id", 1),)

SPECS: tuple[CollectionSpec[Any], ...] = (MESSAGES,)


_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1


def encode_message(place: str, invocation_id: str, queue: str, priority: float) -> MessageDoc:
    """Return a message; `place` is a key that sorts in the order of routing."""
    key = f"{_highest_first(priority)}:{place}"
    return {"_id": key, "queue": queue, "priority": float(priority), "invocation_id": invocation_id}


def _highest_first(priority: float) -> str:
    """Return 16 hexadecimal digits that sort against the number.

    The bits of an IEEE 754 number sort like the number if it is positive, and against it if it is negative.
    """
    # 0.0 added, -0.0 is 0.0
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(priority) + 0.0))
    ascending = bits ^ (_ALL_BITS if bits & _SIGN else _SIGN)
    return f"{ascending ^ _ALL_BITS:016x}"
