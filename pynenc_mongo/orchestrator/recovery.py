"""What is left when a runner dies between two steps, and that pynenc's recovery does not look for.

pynenc takes back PENDING and RUNNING invocations. Here are the others (docs/adr/0018): those that are ready
to run and whose message is gone, and those that were halfway to being rerouted.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pynenc import context
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.state_backend.base_state_backend import InvocationHistory

from pynenc_mongo.orchestrator.documents import INVOCATIONS, InvocationDoc, encode_record, one_of
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among, at_most
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.verbs import count, find_page, update_all

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.task import Task

PAGE_SIZE = 1000
# of one recovery; the next one goes on
_MOST_PAGES = 10

# rerouted next, by whoever set it, if he lives
HALFWAY = frozenset(
    status
    for status in InvocationStatus
    if status.can_transition_to(InvocationStatus.REROUTED) and status != InvocationStatus.PENDING
)
READY = InvocationStatus.get_available_for_run_statuses()

# what an invocation becomes that is taken from its runner
RECOVERY_OF = {
    InvocationStatus.PENDING: InvocationStatus.PENDING_RECOVERY,
    InvocationStatus.RUNNING: InvocationStatus.RUNNING_RECOVERY,
}

_FIELDS = ["task", "status", "status_at"]
_OLDEST_FIRST = (("registered_at", 1), ("_id", 1))


class Stranded(NamedTuple):
    """An invocation that nobody comes to, unless somebody has it in his hands at this very moment."""

    invocation_id: InvocationId
    task: str
    status: str
    status_at: int


class Recovery:
    """Takes up what nobody else would: pages of up to a thousand, a few commands each.

    Any number of recoveries may work at once, and the invocations may move on meanwhile: a status changes by
    conditional commands only, and a message too many is one that finds its invocation taken.
    """

    def __init__(self, app: "Pynenc", collections: Collections) -> None:
        self._app = app
        self._collections = collections

    def reroute_halfway(self, before: datetime) -> None:
        """Send those that have been halfway to being rerouted since `before` there, and queue them."""
        wanted = {"status": one_of(HALFWAY), "status_at": at_most(to_micros(before))}
        for _ in range(_MOST_PAGES):
            page = self._page(wanted)
            if page:
                self._queue(self._rerouted(page, wanted))
            if len(page) < PAGE_SIZE:
                return

    def queue_again(self, before: datetime) -> None:
        """Queue those that have been ready to run since `before` and have no message, if the broker can tell.

        Where more than a page of them wait, it looks at the page of the oldest, which the queue comes to
        next, and at one from a random place.
        """
        queued_among = getattr(self._app.broker, "queued_among", None)
        if queued_among is None:
            return
        wanted = {"status": one_of(READY), "registered_at": at_most(to_micros(before))}
        for page in self._oldest_and_some(wanted):
            waiting = [each for each in page if each["status_at"] <= to_micros(before)]
            queued = queued_among([each["_id"] for each in waiting]) if waiting else ()
            self._queue([each for each in waiting if each["_id"] not in queued])

    def stranded(self) -> frozenset[Stranded]:
        """Return those that are halfway to being rerouted, and those that are ready to run without a message.

        Whoever lives has some of them in his hands for the moment of a step: what is the same at a second
        look is nobody's.
        """
        halfway = self._page({"status": one_of(HALFWAY)})
        ready = self._page({"status": one_of(READY)}, sort=list(_OLDEST_FIRST))
        queued_among = getattr(self._app.broker, "queued_among", None)
        unqueued: list[InvocationDoc] = []
        if ready and queued_among is not None:
            queued = queued_among([each["_id"] for each in ready])
            unqueued = [each for each in ready if each["_id"] not in queued]
        return frozenset(
            Stranded(InvocationId(each["_id"]), each["task"], each["status"], each["status_at"])
            for each in (*halfway, *unqueued)
        )

    def take_up(self, stranded: Iterable[Stranded]) -> None:
        """Queue what is stranded; what is halfway to being rerouted arrives there first."""
        found: list[InvocationDoc] = [
            cast("InvocationDoc", {"_id": each.invocation_id, "task": each.task, "status": each.status})
            for each in stranded
        ]
        halfway = [each for each in found if InvocationStatus(each["status"]) in HALFWAY]
        ready = [each for each in found if each not in halfway]
        moved = self._rerouted(halfway, {"status": one_of(HALFWAY)}) if halfway else []
        self._queue([*ready, *moved])

    def _oldest_and_some(self, wanted: Mapping[str, Any]) -> Iterable[list[InvocationDoc]]:
        oldest = self._page(wanted, sort=list(_OLDEST_FIRST))
        yield oldest
        if len(oldest) == PAGE_SIZE:
            others = count(self._collections.existing(INVOCATIONS), wanted) - PAGE_SIZE
            place = PAGE_SIZE + random.randint(0, max(others - PAGE_SIZE, 0))
            yield self._page(wanted, sort=list(_OLDEST_FIRST), skip=place)

    def _page(self, wanted: Mapping[str, Any], **options: Any) -> list[InvocationDoc]:
        invocations = self._collections.existing(INVOCATIONS)
        return find_page(invocations, wanted, size=PAGE_SIZE, fields=_FIELDS, **options)

    def _rerouted(self, page: Sequence[InvocationDoc], wanted: Mapping[str, Any]) -> list[InvocationDoc]:
        """Move those of a page that are still halfway to REROUTED; return those that this call moved."""
        record = InvocationStatusRecord(InvocationStatus.REROUTED)
        ours = encode_record(record)
        keys = {"_id": among([each["_id"] for each in page])}
        update_all(self._collections.existing(INVOCATIONS), {**keys, **wanted}, {"$set": ours})
        # known by their microsecond: another recovery at once has another one
        moved = self._page({**keys, **ours})
        if moved:
            self._tell([InvocationId(each["_id"]) for each in moved], record)
        return moved

    def _tell(self, invocation_ids: list[InvocationId], record: InvocationStatusRecord) -> None:
        """Tell the histories and the triggers of a new status, all of them at once."""
        runner = context.get_or_create_runner_context(self._app.app_id)
        self._app.state_backend.store_runner_context(runner)
        # of which each gets one of its own; pynenc's public method for many asks for whole invocations
        history = InvocationHistory(invocation_ids[0], record, runner.runner_id)
        self._app.state_backend._add_histories(invocation_ids, history)
        self._app.trigger.report_tasks_status(invocation_ids, record.status)

    def _queue(self, documents: Sequence[InvocationDoc]) -> None:
        """Give each invocation a message: one command for each queue and priority."""
        routes: defaultdict[tuple[str, float], list[InvocationId]] = defaultdict(list)
        for key, invocation_ids in _by_task(documents).items():
            if task := self._task(key):
                routes[task.broker_queue, task.broker_priority] += invocation_ids
        for (queue, priority), invocation_ids in routes.items():
            self._app.logger.info(
                "Queueing again: %s", ", ".join(f"invocation:{key}" for key in invocation_ids)
            )
            self._app.broker.route_invocations(invocation_ids, queue, priority)

    def _task(self, key: str) -> "Task[Any, Any] | None":
        try:
            return self._app.get_task(TaskId.from_key(key))
        except (ImportError, AttributeError, ValueError) as error:
            # another process may know it, and is asked at its own recovery
            self._app.logger.warning("task %s is not known here, its invocations stay: %s", key, error)
            return None


def _by_task(documents: Iterable[InvocationDoc]) -> Mapping[str, list[InvocationId]]:
    found: defaultdict[str, list[InvocationId]] = defaultdict(list)
    for document in documents:
        found[document["task"]].append(InvocationId(document["_id"]))
    return found
