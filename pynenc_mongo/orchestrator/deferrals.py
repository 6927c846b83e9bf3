"""Invocations that concurrency control holds back, where pynenc asks for what its own table refuses.

A runner that takes an invocation from the queue and may not run it now asks for CONCURRENCY_CONTROLLED_FINAL
or CONCURRENCY_CONTROLLED. Neither follows RETRY, and the first does not follow REROUTED: the refusal would
end the runner, and the invocation, out of the queue, would be lost (docs/adr/0017).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pynenc import context
from pynenc.exceptions import InvocationStatusError, InvocationStatusTransitionError
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation.status import InvocationStatus, get_status_definition

type Move = Callable[[InvocationId, InvocationStatus], None]

DEFERRED = frozenset({InvocationStatus.CONCURRENCY_CONTROLLED, InvocationStatus.CONCURRENCY_CONTROLLED_FINAL})


class Deferrals:
    """Collects, for each thread, what it took from the queue and has to put back."""

    def __init__(self) -> None:
        self._local = threading.local()

    @property
    def are_collected(self) -> bool:
        return self._collected is not None

    @property
    def _collected(self) -> set[InvocationId] | None:
        return getattr(self._local, "collected", None)

    @contextmanager
    def into(self, to_reroute: set[InvocationId]) -> Iterator[None]:
        """Collect what this thread defers meanwhile in `to_reroute`, which pynenc reroutes at the end.

        Not before: the same loop would take a message of now once more, and again, for as long as the task's
        slot is taken.
        """
        before = self._collected
        self._local.collected = to_reroute
        try:
            yield
        finally:
            self._local.collected = before

    def defer(self, invocation_id: InvocationId, status: InvocationStatus, move: Move) -> None:
        """Move an invocation to `status`, or as near as its own status leads, and have it rerouted then.

        What somebody else has moved on meanwhile is left to him.
        """
        try:
            move(invocation_id, status)
        except InvocationStatusError as refusal:
            if stays_available(refusal):
                self._put_back(invocation_id, move)

    def _put_back(self, invocation_id: InvocationId, move: Move) -> None:
        assert self._collected is not None
        try:
            move(invocation_id, InvocationStatus.CONCURRENCY_CONTROLLED)
        except InvocationStatusError as refusal:
            if not stays_available(refusal):
                return
        self._collected.add(invocation_id)


def stays_available(refusal: InvocationStatusError) -> bool:
    """Whether an invocation that was not moved may still be run by anybody: all it lacks is a message."""
    source = refusal.from_status if isinstance(refusal, InvocationStatusTransitionError) else None
    return source is not None and source.is_available_for_run()


def refuse_to_run(app_id: str, rerouted: set[InvocationId]) -> None:
    """Have pynenc not run the invocation that this thread was about to run, if it is rerouted.

    `DistributedInvocation.run` reroutes itself where it may not run, and goes on to RUNNING: beside the one
    that holds the slot, if its own runner has taken it out of the queue again meanwhile.

    :raises InvocationStatusTransitionError: what pynenc takes for "somebody else goes on with it"
    """
    current = context.get_dist_invocation_context(app_id)
    if current is not None and current.invocation_id in rerouted:
        source = InvocationStatus.REROUTED
        allowed = get_status_definition(source).allowed_transitions
        raise InvocationStatusTransitionError(source, InvocationStatus.RUNNING, allowed)
