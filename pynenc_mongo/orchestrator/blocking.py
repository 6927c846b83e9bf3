"""Who waits for whom: the invocations that others wait for run first.

An edge of an invocation that has finished means nothing any more. Nobody deletes it at the finish, which
would cost every task a command; whoever looks for blocking invocations next meets it and deletes it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation.status import InvocationStatus
from pynenc.orchestrator.base_orchestrator import BaseBlockingControl

from pynenc_mongo.orchestrator.documents import EDGES, OLDEST_FIRST, EdgeDoc, encode_edge
from pynenc_mongo.orchestrator.invocations import Invocations
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among
from pynenc_mongo.storage.verbs import delete_all, find_all, insert_all_missing, ordered_pages

_PAGE = 200


class MongoBlockingControl(BaseBlockingControl):
    def __init__(self, collections: Collections, invocations: Invocations) -> None:
        self._collections = collections
        self._invocations = invocations

    def waiting_for_results(
        self, caller_invocation_id: InvocationId, result_invocation_ids: list[InvocationId]
    ) -> None:
        """Record, in one command, that an invocation waits for others."""
        now = datetime.now(UTC)
        edges = [encode_edge(caller_invocation_id, waited, now) for waited in result_invocation_ids]
        insert_all_missing(self._collections.indexed(EDGES), edges)

    def release_waiters(self, waited_invocation_id: InvocationId) -> None:
        """Forget, in one command, who waits for an invocation."""
        self._forget([waited_invocation_id])

    def waited_for_by(self, waiters: Sequence[str]) -> dict[InvocationId, list[InvocationId]]:
        """Return what each of some invocations has waited for, finished or not, in one command."""
        found: dict[InvocationId, list[InvocationId]] = {}
        for edge in find_all(self._collections.existing(EDGES), {"waiter": among(waiters)}):
            found.setdefault(InvocationId(edge["waiter"]), []).append(InvocationId(edge["waited"]))
        return found

    def get_blocking_invocations(self, max_num_invocations: int) -> Iterator[InvocationId]:
        """Return invocations that others wait for, ready to run and not waiting themselves, oldest first.

        One command where nobody waits.
        """
        left = max_num_invocations
        for page in ordered_pages(self._collections.existing(EDGES), {}, OLDEST_FIRST, size=_PAGE):
            for invocation_id in self._ready(page)[:left]:
                left -= 1
                yield invocation_id
            if left <= 0:
                return

    def _ready(self, edges: Sequence[EdgeDoc]) -> list[InvocationId]:
        waited = list(dict.fromkeys(edge["waited"] for edge in edges))
        statuses = self._invocations.statuses_of(waited)
        self._forget([key for key in waited if _is_over(statuses.get(key))])
        available = [key for key in waited if key in statuses and statuses[key].is_available_for_run()]
        waiting = self._waiting_among(available)
        return [InvocationId(key) for key in available if key not in waiting]

    def _waiting_among(self, ids: Sequence[str]) -> set[str]:
        """Return those among `ids` that wait for an invocation which has not finished."""
        if not ids:
            return set()
        edges = find_all(self._collections.existing(EDGES), {"waiter": among(ids)})
        if not edges:
            return set()
        statuses = self._invocations.statuses_of([edge["waited"] for edge in edges])
        return {edge["waiter"] for edge in edges if not _is_over(statuses.get(edge["waited"]))}

    def _forget(self, waited: Sequence[str]) -> None:
        if waited:
            delete_all(self._collections.existing(EDGES), {"waited": among(waited)})


def _is_over(status: InvocationStatus | None) -> bool:
    """Whether nobody waits any more: it has finished, or is not registered."""
    return status is None or status.is_final()
