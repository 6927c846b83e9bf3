"""What must not be after a fault, each a pure function of what the stores hold; and how they are read."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from pynenc.invocation.status import InvocationStatus

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.client_data_store.documents import DATA
from pynenc_mongo.orchestrator import documents as orchestrator
from pynenc_mongo.state_backend import documents as state_backend
from pynenc_mongo.storage.texts import PARTS
from pynenc_mongo.trigger import documents as trigger
from tests.faults import life
from tests.faults.life import Told
from tests.faults.quiet import collections_of

_RUNNING, _PENDING, _SUCCESS = InvocationStatus.RUNNING, InvocationStatus.PENDING, InvocationStatus.SUCCESS

# which collections hold heads of texts that may be in parts, beside the parts of their component
_HEADS: Mapping[str, Sequence[Any]] = {
    "state_backend": (
        state_backend.RESULTS,
        state_backend.EXCEPTIONS,
        state_backend.WORKFLOW_DATA,
        state_backend.INVOCATIONS,
    ),
    "client_data_store": (DATA,),
    "trigger": (trigger.CONDITIONS, trigger.TRIGGERS, trigger.VALID_CONDITIONS, trigger.EVENTS, trigger.RUNS),
}


@dataclass(frozen=True)
class Step:
    """A status in a history, and who owns the invocation then."""

    status: InvocationStatus
    owner: str | None = None


@dataclass
class Seen:
    """All that the stores hold that a promise was made of, and the promises."""

    told: list[Told] = field(default_factory=list)
    tasks: dict[str, str] = field(default_factory=dict)  # of registered invocations
    statuses: dict[str, InvocationStatus] = field(default_factory=dict)
    histories: dict[str, list[Step]] = field(default_factory=dict)
    outcomes: dict[str, Any] = field(default_factory=dict)  # of those that ended with SUCCESS or FAILED
    expected: dict[str, Any] = field(default_factory=dict)  # what their results have to be
    parents: dict[str, str] = field(default_factory=dict)
    events: dict[str, list[str]] = field(default_factory=dict)  # what each has caused
    queued: list[str] = field(default_factory=list)
    satisfied: list[str] = field(default_factory=list)
    slots: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    waiters: list[str] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)  # generations that are stored
    named: set[str] = field(default_factory=set)  # generations that documents name
    # a process that dies, or is refused, between a status and its history leaves out a step
    untold_at_most: int = 0


type Invariant = Callable[[Seen], Iterable[str]]


# lost


def whoever_was_told_of_it_finds_it(seen: Seen) -> Iterable[str]:
    for told in seen.told:
        if told.what == "order" and told.key not in seen.tasks:
            yield f"order {told.number} was enqueued as {told.key}, which nobody knows"


def every_event_has_its_task(seen: Seen) -> Iterable[str]:
    for told in seen.told:
        if told.what == "event" and not seen.events.get(told.key):
            yield f"event {told.key} of order {told.number} has caused nothing"


def every_outcome_is_whole(seen: Seen) -> Iterable[str]:
    for key, status in seen.statuses.items():
        if status != _SUCCESS:
            continue
        if key not in seen.outcomes:
            yield f"{_name(seen, key)} ended with {status} and has no result"
        elif key in seen.expected and seen.outcomes[key] != seen.expected[key]:
            yield f"{_name(seen, key)} has the result {str(seen.outcomes[key])[:60]!r}"


def every_failure_has_its_reason(seen: Seen) -> Iterable[str]:
    for key, status in seen.statuses.items():
        if status == InvocationStatus.FAILED and not isinstance(seen.outcomes.get(key), Exception):
            yield f"{_name(seen, key)} failed of nothing"


# double


def every_history_is_a_path(seen: Seen) -> Iterable[str]:
    for key, steps in seen.histories.items():
        gaps = [_untold_between(*pair) for pair in pairwise(_with_now(seen, key))]
        if None in gaps or sum(gap or 0 for gap in gaps) > seen.untold_at_most:
            yield f"{_name(seen, key)} is {seen.statuses.get(key)} after {_words(steps)}"


def every_invocation_ends_once(seen: Seen) -> Iterable[str]:
    for key, steps in seen.histories.items():
        if sum(step.status.is_final() for step in steps) > 1:
            yield f"{_name(seen, key)} ended more than once: {_words(steps)}"


def whoever_runs_it_is_who_took_it(seen: Seen) -> Iterable[str]:
    for key, steps in seen.histories.items():
        for before, after in pairwise(steps):
            taken_and_run = (before.status, after.status) == (_PENDING, _RUNNING)
            if taken_and_run and before.owner != after.owner:
                yield f"{_name(seen, key)} was taken by {before.owner} and run by {after.owner}"


def every_event_has_one_task(seen: Seen) -> Iterable[str]:
    for event, caused in seen.events.items():
        if len(caused) > 1:
            yield f"event {event} has caused {len(caused)} invocations"


def every_order_is_there_once(seen: Seen) -> Iterable[str]:
    count = Counter(task for key, task in seen.tasks.items() if task == life.order.task_id.key)
    if count.total() > life.ORDERS:
        yield f"{count.total()} orders of {life.ORDERS}"


# stuck


def everything_ends(seen: Seen) -> Iterable[str]:
    for key, status in seen.statuses.items():
        if not status.is_final():
            yield f"{_name(seen, key)} is {status} after {_words(seen.histories.get(key, []))}"


def nothing_is_left_to_do(seen: Seen) -> Iterable[str]:
    for key in seen.queued:
        yield f"a message of {_name(seen, key)}"
    for key in seen.satisfied:
        yield f"a satisfied condition {key}"


def no_slot_is_held(seen: Seen) -> Iterable[str]:
    for key in seen.slots:
        yield f"{_name(seen, key)} holds a slot"


def no_service_is_held(seen: Seen) -> Iterable[str]:
    for key in seen.services:
        yield f"the atomic service is held by {key}"


# leaked


def every_part_is_named(seen: Seen) -> Iterable[str]:
    for generation in sorted(seen.parts - seen.named):
        yield f"parts of generation {generation}"


def every_named_part_is_there(seen: Seen) -> Iterable[str]:
    for generation in sorted(seen.named - seen.parts):
        yield f"no parts of generation {generation}"


def nobody_waits_for_what_has_ended(seen: Seen) -> Iterable[str]:
    for key in seen.waiters:
        yield f"{_name(seen, key)} waits, though it has ended"


INVARIANTS: Mapping[str, Sequence[Invariant]] = {
    "lost": (
        whoever_was_told_of_it_finds_it,
        every_event_has_its_task,
        every_outcome_is_whole,
        every_failure_has_its_reason,
        every_named_part_is_there,
    ),
    "double": (
        every_history_is_a_path,
        every_invocation_ends_once,
        whoever_runs_it_is_who_took_it,
        every_event_has_one_task,
        every_order_is_there_once,
    ),
    "stuck": (everything_ends, nothing_is_left_to_do, no_slot_is_held, no_service_is_held),
    "leaked": (every_part_is_named, nobody_waits_for_what_has_ended),
}


def broken(seen: Seen) -> dict[str, list[str]]:
    """Return what is wrong, by the column of the table."""
    return {
        column: [text for invariant in invariants for text in invariant(seen)]
        for column, invariants in INVARIANTS.items()
    }


def untold(seen: Seen) -> int:
    """Return how many steps at least are missing in the histories."""
    return sum(
        _untold_between(*pair) or 0 for key in seen.histories for pair in pairwise(_with_now(seen, key))
    )


def _with_now(seen: Seen, key: str) -> list[InvocationStatus]:
    """Return the statuses of a history, and the current one unless it is the last of them."""
    told = [step.status for step in seen.histories[key]]
    now = seen.statuses.get(key)
    return told if now is None or told[-1:] == [now] else [*told, now]


@cache
def _untold_between(before: InvocationStatus, after: InvocationStatus) -> int | None:
    """Return how many statuses pynenc's state machine has between two at least, None if there is no way."""
    set_by_somebody = set(InvocationStatus) - {InvocationStatus.PAUSED}  # which pynenc does not have yet
    reached = {status for status in set_by_somebody if before.can_transition_to(status)}
    for missing in range(len(InvocationStatus)):
        if after in reached:
            return missing
        reached |= {
            status for each in reached for status in set_by_somebody if each.can_transition_to(status)
        }
    return None


def _words(steps: Sequence[Step]) -> str:
    return ", ".join(step.status.value for step in steps)


def _name(seen: Seen, key: str) -> str:
    return f"{seen.tasks.get(key, 'nobody').rpartition('.')[2]} {key[:8]}"


# how they are read


def look(told: Sequence[Told]) -> Seen:
    """Read the stores of the app where it is now."""
    seen = Seen(told=list(told))
    for document in _documents("orchestrator", orchestrator.INVOCATIONS):
        key = document["_id"]
        seen.tasks[key] = document["task"]
        seen.statuses[key] = InvocationStatus(document["status"])
        if "slot" in document:
            seen.slots.append(key)
    _look_at_runs(seen)
    _look_at_stores(seen)
    return seen


def _look_at_runs(seen: Seen) -> None:
    backend = life.app.state_backend
    for key, status in seen.statuses.items():
        seen.histories[key] = [
            Step(each.status_record.status, each.status_record.runner_id)
            for each in backend.get_history(key)  # type: ignore[arg-type]
        ]
        if status in (_SUCCESS, InvocationStatus.FAILED):
            seen.outcomes.update(_outcome_of(key, failed=status != _SUCCESS))
    for document in _documents("state_backend", state_backend.INVOCATIONS):
        key = document["_id"]
        if seen.tasks.get(key) == life.order.task_id.key:
            number = backend.get_invocation(key).call.arguments.kwargs["number"]
            seen.expected[key] = life.result_of(number)
        event = document.get("parent_event_id")
        if event and key in seen.tasks:  # else its process has died before it was registered
            seen.events.setdefault(event, []).append(key)


def _outcome_of(key: str, *, failed: bool) -> dict[str, Any]:
    backend: Any = life.app.state_backend
    try:
        return {key: backend.get_exception(key) if failed else backend.get_result(key)}
    except KeyError:
        return {}


def _look_at_stores(seen: Seen) -> None:
    seen.queued = [each["invocation_id"] for each in _documents("broker", MESSAGES)]
    seen.waiters = [each["waiter"] for each in _documents("orchestrator", orchestrator.EDGES)]
    seen.satisfied = [each["_id"] for each in _documents("trigger", trigger.VALID_CONDITIONS)]
    executions = _documents("orchestrator", orchestrator.EXECUTIONS)
    seen.services = [each["runner_id"] for each in executions if each.get("running")]
    for component, specs in _HEADS.items():
        seen.parts |= {each["_id"].partition(":")[0] for each in _documents(component, PARTS)}
        for spec in specs:
            seen.named |= set(_generations_in(_documents(component, spec)))


def _generations_in(documents: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for document in documents:
        for value in document.values():
            if isinstance(value, dict) and "generation" in value:
                yield value["generation"]


def _documents(component: str, spec: Any) -> list[Mapping[str, Any]]:
    return list(collections_of(component).existing(spec).find({}))
