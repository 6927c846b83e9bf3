"""The documents of the broker, and the index behind its pop."""

from collections.abc import Sequence
from typing import Any, TypedDict

from pymongo.operations import IndexModel

from pynenc_mongo.storage.collections import CollectionSpec

COMPONENT = "broker"


class MessageDoc(TypedDict):
    """One queued invocation; `_id` sorts in the order of routing."""

    _id: str
    queue: str
    priority: float
    invocation_id: str


MESSAGES: CollectionSpec[MessageDoc] = CollectionSpec(
    "messages",
    # retrieve_invocation: highest priority first, then oldest; count_invocations by queue
    (IndexModel([("queue", 1), ("priority", -1), ("_id", 1)], name="queue"),),
)
NEXT_FIRST: Sequence[tuple[str, int]] = (("priority", -1), ("_id", 1))

SPECS: tuple[CollectionSpec[Any], ...] = (MESSAGES,)


def encode_message(key: str, invocation_id: str, queue: str, priority: float) -> MessageDoc:
    return {"_id": key, "queue": queue, "priority": float(priority), "invocation_id": invocation_id}
