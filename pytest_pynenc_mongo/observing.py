"""What the stores know of an app, read as one snapshot: when a test has failed, and never before.

A dozen commands, whatever is stored; a time limit for all of them. What cannot be read is named in the
snapshot, and the rest is there.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, cast

from pytest_pynenc_mongo import clock, executors, invocations_seen, prospects, runners_seen, triggers_seen
from pytest_pynenc_mongo.snapshot import Invocation, Queue, Runner, Slot, Snapshot

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.status import InvocationStatus

    from pynenc_mongo.broker.mongo_broker import MongoBroker
    from pynenc_mongo.orchestrator.invocations import Registered
    from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator

_SECONDS = 5.0  # for all of it
_PING_SECONDS = 1.0
_MOST_REGISTERED, _MOST_TOLD, _MOST_QUEUED = 1000, 60, 1000


def observe(app: "Pynenc") -> Snapshot:
    """Return what is known of an app on the test database now; raises nothing.

    One line of it, and no delay, where its server has gone.
    """
    if how := executors.of(app).how_the_server_ended():
        return Snapshot(app.app_id, clock.wall(), unread=(f"nothing could be read: {how}",))
    try:
        return _Look(app).all()
    except Exception as error:  # the test has failed of something else
        return Snapshot(app.app_id, clock.wall(), unread=(_sentence("nothing", error),))


class _Look:
    """One look at an app; what of it fails is left out, and said."""

    def __init__(self, app: "Pynenc") -> None:
        self._app = app
        self._unread: list[str] = []
        self._is_over = False

    def all(self) -> Snapshot:
        import pymongo

        with pymongo.timeout(_PING_SECONDS):
            _orchestrator(self._app).ping()
        with pymongo.timeout(_SECONDS):
            return self._snapshot()

    def _snapshot(self) -> Snapshot:
        app, at = self._app, clock.wall()
        registered = self._read("the invocations", self._registered) or []
        told = _worth_telling(registered)
        stored = self._read("what is stored of them", lambda: invocations_seen.all_of(app, told)) or ()
        runners = self._read("the runners", lambda: runners_seen.all_of(app, _named_in(stored))) or ()
        slots = tuple(Slot(_task_of(each), each.invocation_id) for each in registered if each.has_slot)
        reasons = self._read("why they do not end", lambda: invocations_seen.with_reasons(app, stored, slots))
        own = [each for each in registered if not invocations_seen.is_core(each)]
        return Snapshot(
            app_id=app.app_id,
            at=at,
            invocations=reasons or stored,
            left_out=len(own) - len(told),
            runners=runners,
            queues=self._read("the queues", lambda: self._queues(runners, registered)) or (),
            slots=slots,
            triggers=self._read("the triggers", lambda: triggers_seen.all_of(app)) or (),
            events=self._read("the events", lambda: triggers_seen.events_of(app)) or (),
            logs=executors.logs_of_test(),
            nobody_runs=self._read("who runs tasks", self._why_nobody) or "",
            unread=tuple(self._unread),
        )

    def _read[T](self, what: str, read: Callable[[], T]) -> T | None:
        from pynenc_mongo.errors import MongoServerError

        if self._is_over:
            return None
        try:
            return read()
        except Exception as error:  # the test has failed of something else
            self._unread.append(_sentence(what, error))
            # each of the others would be waited for, too
            self._is_over = isinstance(error, MongoServerError)
            return None

    def _registered(self) -> "list[Registered]":
        return _orchestrator(self._app).get_registered(_MOST_REGISTERED)

    def _why_nobody(self) -> str:
        """Return why nobody runs the app's tasks, without a log, which has a section of its own."""
        why = prospects.nobody_runs(self._app, math.inf)
        if why and not executors.of(self._app).all and (ended := executors.of_test()):
            why = ended[-1].how_it_ended()  # it was stopped, which is over by now
        return why.partition("; it")[0]

    def _queues(self, runners: Sequence[Runner], registered: "Sequence[Registered]") -> tuple[Queue, ...]:
        """Return the queues in which something of the user's waits."""
        core = {each.invocation_id for each in registered if invocations_seen.is_core(each)}
        waiting: dict[str, list[str]] = {}
        for name, invocation_id in cast("MongoBroker", self._app.broker).get_queued(_MOST_QUEUED):
            if invocation_id not in core:
                waiting.setdefault(name, []).append(invocation_id)
        alive = [each for each in runners if each.is_alive and each.seen_at is not None]
        return tuple(
            Queue(
                name, tuple(ids), tuple(each.id for each in alive if not each.queues or name in each.queues)
            )
            for name, ids in waiting.items()
        )


def _worth_telling(registered: "Sequence[Registered]") -> "list[Registered]":
    """Return the user's invocations that tell most, no more than anybody reads.

    Those that failed, then unfinished ones, the oldest first: what a test waits for called all the others.
    """
    own = [each for each in registered if not invocations_seen.is_core(each)]
    return sorted(own, key=lambda each: (_rank(each.record.status), each.registered_at))[:_MOST_TOLD]


def _rank(status: "InvocationStatus") -> int:
    return {"failed": 0, "success": 2}.get(status.value, 1)


def _named_in(invocations: Iterable[Invocation]) -> list[str]:
    """Return the ids of the runners that had some invocations in their hands."""
    ids = (runner_id for each in invocations for runner_id in (each.runner_id, *_who(each)))
    return [runner_id for runner_id in dict.fromkeys(ids) if runner_id]


def _who(invocation: Invocation) -> Iterable[str]:
    return (step.runner_id for step in invocation.steps)


def _task_of(registered: "Registered") -> str:
    return f"{registered.task_id.module}.{registered.task_id.func_name}"


def _sentence(what: str, error: Exception) -> str:
    return f"{what} could not be read: {type(error).__name__}: {str(error).partition('\n')[0]}"


def _orchestrator(app: "Pynenc") -> "MongoOrchestrator":
    return cast("MongoOrchestrator", app.orchestrator)
