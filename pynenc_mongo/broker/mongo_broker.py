"""MongoBroker: queues with priorities; each message goes to exactly one caller."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pynenc.broker.base_broker import BaseBroker
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.broker.documents import COMPONENT, MESSAGES, NEXT_FIRST, SPECS, encode_message
from pynenc_mongo.component import collections_of, outliving_outages, settings_of
from pynenc_mongo.conf.config_broker import ConfigBrokerMongo
from pynenc_mongo.storage.conditions import among
from pynenc_mongo.storage.ordered_keys import OrderedKeys
from pynenc_mongo.storage.verbs import count, distinct, find_page, insert_all_missing, pop

if TYPE_CHECKING:
    from pynenc.app import Pynenc

logger = logging.getLogger(__name__)


class MongoBroker(BaseBroker):
    """Queues invocation ids in one collection: highest priority first, then in the order of routing."""

    def __init__(self, app: "Pynenc") -> None:
        super().__init__(app)
        self._collections = collections_of(app, self.conf, COMPONENT, SPECS)
        self._keys = OrderedKeys()

    @cached_property
    def conf(self) -> ConfigBrokerMongo:
        return settings_of(self.app, ConfigBrokerMongo)

    def _route_invocation(self, invocation_id: InvocationId, queue_name: str, priority: float) -> None:
        self._route_invocations([invocation_id], queue_name, priority)

    def _route_invocations(
        self, invocation_ids: Sequence[InvocationId], queue_name: str, priority: float
    ) -> None:
        """Queue a batch in its own order, in one command."""
        if not invocation_ids:
            return
        places = self._keys.take(len(invocation_ids))
        messages = [
            encode_message(place, invocation_id, queue_name, priority)
            for place, invocation_id in zip(places, invocation_ids, strict=True)
        ]
        # a key is made once: one that is taken was taken by this message, whose answer was lost
        insert_all_missing(self._collections.indexed(MESSAGES), messages)

    def retrieve_invocation(self, queue_name: str | None = None) -> InvocationId | None:
        """Take the next invocation id out of a queue (the first configured one by default), or None.

        Never repeated after an error: whether the server has handed the message out is not known then.
        What was taken out and did not come into anybody's hands is queued again by the recovery of pending
        invocations, where the orchestrator is MongoDB's too (docs/adr/0018).
        """
        queue = self.conf.queues[0] if queue_name is None else queue_name
        self._validate_queue_names((queue,))
        message = pop(self._collections.existing(MESSAGES), {"queue": queue}, sort=list(NEXT_FIRST))
        return InvocationId(message["invocation_id"]) if message else None

    def count_invocations(self, queue_names: Sequence[str] | None = None) -> int:
        """Count the messages of some queues, of all configured ones by default."""
        queues = self.conf.queues if queue_names is None else queue_names
        self._validate_queue_names(queues)
        with outliving_outages(self.app):  # MultiThreadRunner's loop asks
            return count(self._collections.existing(MESSAGES), {"queue": among(queues)})

    def queued_among(self, invocation_ids: Sequence[InvocationId]) -> set[InvocationId]:
        """Return those among some invocations that have a message, in one command.

        It reads all messages: recovery asks this every few minutes, and an index for it would be written at
        each route and each pop.
        """
        wanted = {"invocation_id": among(invocation_ids)}
        return set(map(InvocationId, distinct(self._collections.existing(MESSAGES), "invocation_id", wanted)))

    def get_queued(self, limit: int) -> list[tuple[str, InvocationId]]:
        """Return the queue and the invocation of the messages that are handed out next, in one command."""
        order: dict[str, Any] = {"sort": list(NEXT_FIRST), "fields": ["queue", "invocation_id"]}
        found = find_page(self._collections.existing(MESSAGES), {}, size=limit, **order)
        return [(message["queue"], InvocationId(message["invocation_id"])) for message in found]

    def purge(self) -> None:
        """Remove every message of this app."""
        self._collections.purge()
