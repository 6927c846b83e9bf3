"""Whether a result can still come: what every wait for one asks, and what it says where not."""

import socket
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, cast

from pytest_pynenc_mongo import children, clock, executors, outsiders, places

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.invocation_id import InvocationId
    from pynenc.identifiers.task_id import TaskId
    from pynenc.invocation.status import InvocationStatusRecord
    from pynenc.orchestrator.atomic_service import ActiveRunnerInfo
    from pynenc.runner.runner_context import RunnerContext

    from pynenc_mongo.broker.mongo_broker import MongoBroker
    from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator

_AT_ONCE = 100  # invocations of a group that are looked at together
# a frozen clock may be far from that of another process
EVER_SECONDS = 30 * 365 * 24 * 3600.0
# a process that has just been started gives a sign of life within
_ANNOUNCED_SECONDS = 1.0
_MOST_AT_WORK = 1000
_CORE_TASKS = "pynenc.core_tasks"


def nobody_runs(app: "Pynenc", waited: float) -> str:
    """Return why nobody runs the tasks of an app on the test database; empty if somebody does, or still may.

    :param waited: for how many seconds somebody has been waiting
    """
    ours = executors.of(app)
    if ours.are_alive or runs_here(app) or outsiders.may_run_tasks(waited):
        return ""
    if any(each.last_heartbeat.timestamp() > ours.ended_at for each in Runners(app).living):
        return ""
    return ours.how_all_ended() or f"nobody runs app {app.app_id!r}: request pynenc_runner or pynenc_worker"


def runs_here(app: "Pynenc") -> bool:
    """Return whether a runner of the app runs in this process, whoever started it."""
    runner = app._runner_instance  # app.runner would make one
    return runner is not None and runner.running


def why_never(app: "Pynenc", ids: "Sequence[InvocationId]", waited: float, seconds: float) -> str:
    """Return why none of some invocations can ever end; empty while one may.

    One command of MongoDB's for those that are queued, a few for those that others wait for or that run.

    :param waited: for how many seconds somebody has been waiting
    :param seconds: how long it will be in all: what pynenc mends by itself until then is waited for
    """
    first = ""
    for some in batched(ids, _AT_ONCE):
        look = _Look(app, some, waited, seconds)
        reasons = [look.reason(each) for each in some]
        if not all(reasons):
            return ""
        first = first or reasons[0]
    return first


def why_each_never(app: "Pynenc", ids: "Sequence[InvocationId]") -> "dict[InvocationId, str]":
    """Return why each of some invocations can never end, as far as it can be seen at one look.

    What pynenc mends in minutes is not waited for.
    """
    look = _Look(app, ids, EVER_SECONDS, 0.0)
    return {each: why for each in ids if (why := look.reason(each))}


def what_is_known(app: "Pynenc", ids: "Sequence[InvocationId]") -> str:
    """Return the task of the first of some invocations, its status, since when, and who has it."""
    known = _orchestrator(app).get_tasks_and_records(ids[:1]).get(ids[0])
    if known is None:
        return f"invocation {ids[0]} of app {app.app_id!r} is not registered"
    task, record = known
    age = clock.wall() - record.timestamp.timestamp()
    since = f" since {age:.1f} s" if 0 <= age < EVER_SECONDS else ""  # else a clock is frozen
    others = f", and {len(ids) - 1} more of its group are not over" if len(ids) > 1 else ""
    return f"{task.func_name} is {record.status.value}{since}{_who_has(app, record)}{others}"


def _who_has(app: "Pynenc", record: "InvocationStatusRecord") -> str:
    if record.status.is_available_for_run():
        return ", nobody has taken it"
    context = app.state_backend.get_runner_context(record.runner_id) if record.runner_id else None
    if context is None:
        return ""
    if ended := Runners(app).end_of(context):
        pid, how = ended
        return f", {context.runner_cls} had it in process {pid}, which {how}"
    return f", {context.runner_cls} has it in process {context.pid}, which lives"


def end_of(ours: executors.Executors, context: "RunnerContext") -> tuple[int, str] | None:
    """Return a runner's process that ended and how, `ended with SIGSEGV` or as much of it as is known."""
    if ended := ours.end_of(context.runner_id, context.pid):
        return ended.pid, f"ended with {ended.how}"
    if _is_here(context) and children.has_ended(context.pid):
        return context.pid, "has ended"
    return None


class Runners:
    """Who runs an app, by the signs of life in the store and by the processes of this machine."""

    def __init__(self, app: "Pynenc") -> None:
        self._app = app
        self._ours = executors.of(app)

    @cached_property
    def signs(self) -> "list[ActiveRunnerInfo]":
        """The last sign of life of each, however old."""
        return self._app.orchestrator._get_active_runners(EVER_SECONDS, None)

    @property
    def living(self) -> "list[ActiveRunnerInfo]":
        """Those that gave a sign of life and are not known to have ended."""
        contexts = self.contexts(sign.runner_id for sign in self.signs)
        return [
            sign for sign in self.signs if not self._has_ended(sign.runner_id, contexts.get(sign.runner_id))
        ]

    def contexts(self, runner_ids: Iterable[str]) -> "dict[str, RunnerContext]":
        stored = self._app.state_backend.get_runner_contexts(list(runner_ids))
        return {context.runner_id: context for context in stored}

    def end_of(self, context: "RunnerContext") -> tuple[int, str] | None:
        return end_of(self._ours, context)

    def _has_ended(self, runner_id: str, context: "RunnerContext | None") -> bool:
        mine = self._app._runner_instance  # app.runner would make one
        if mine is not None and mine.runner_id == runner_id:
            return not mine.running
        return context is not None and self.end_of(context) is not None


class _Look:
    """Some invocations, and those that they wait for, at one moment; the finished ones left out."""

    def __init__(self, app: "Pynenc", ids: "Sequence[InvocationId]", waited: float, seconds: float) -> None:
        self._app = app
        self._waited_seconds = waited
        self._seconds = seconds
        self._runners = Runners(app)
        self._known: dict[InvocationId, tuple[TaskId, InvocationStatusRecord]] = {}
        self._waits_for: dict[InvocationId, list[InvocationId]] = {}
        orchestrator, seen = _orchestrator(app), set(ids)
        new = list(ids)
        while new:
            found = orchestrator.get_tasks_and_records(new)
            unfinished = {key: each for key, each in found.items() if not each[1].status.is_final()}
            begun = [key for key, (_, record) in unfinished.items() if record.runner_id]
            self._known |= unfinished
            waits = orchestrator.get_waited_for(begun) if begun else {}
            self._waits_for |= waits
            new = list({key for each in waits.values() for key in each} - seen)
            seen |= set(new)

    def reason(self, invocation_id: "InvocationId") -> str:
        """Return why an invocation never ends: a circle, or what one of those has met that it waits for."""
        if circle := self._circle(invocation_id, [], set()):
            return self._told(circle)
        stuck = (self._stuck(each) for each in self._all_waited_for(invocation_id, set()))
        return next(filter(None, stuck), "")

    def _circle(
        self, key: "InvocationId", path: "list[InvocationId]", seen: "set[InvocationId]"
    ) -> "list[InvocationId]":
        if key in path:
            return path[path.index(key) :]
        if key in seen:
            return []
        seen.add(key)
        circles = (self._circle(each, [*path, key], seen) for each in self._waited_for(key))
        return next(filter(None, circles), [])

    def _told(self, circle: "list[InvocationId]") -> str:
        names = [self._name(key) for key in circle]
        if len(names) == 1:
            return f"{names[0]} never ends: it waits for itself"
        pairs = zip(names, [*names[1:], names[0]], strict=True)
        return f"{names[0]} never ends: {', '.join(f'{one} waits for {other}' for one, other in pairs)}"

    def _waited_for(self, key: "InvocationId") -> "list[InvocationId]":
        return [each for each in self._waits_for.get(key, ()) if each in self._known]

    def _all_waited_for(self, key: "InvocationId", seen: "set[InvocationId]") -> "Iterator[InvocationId]":
        if key in self._known and key not in seen:
            seen.add(key)
            yield key
            for each in self._waited_for(key):
                yield from self._all_waited_for(each, seen)

    def _stuck(self, key: "InvocationId") -> str:
        task, record = self._known[key]
        if record.status.is_available_for_run():
            return self._not_taken(key, task, record)
        if not record.runner_id or self._is_taken_back(record):
            return ""
        return self._broken_off(key, task, record.runner_id, "ran" if _has_run(record) else "was to run")

    def _broken_off(self, key: "InvocationId", task: "TaskId", runner_id: str, ran: str) -> str:
        """Return how what ran an invocation ended; empty if it lives, or is not known."""
        name, context = task.func_name, self._app.state_backend.get_runner_context(runner_id)
        if context is None:
            return ""
        if ended := self._runners.end_of(context):
            pid, how = ended
            return f"process {pid} that {ran} {name} {how}"
        if _is_here(context) and executors.of(self._app).have_lost(runner_id, key) and ran == "ran":
            return f"the thread that ran {name} has ended without a result, as by SystemExit"
        return ""

    def _is_taken_back(self, record: "InvocationStatusRecord") -> bool:
        """Return whether pynenc takes an invocation from its dead runner while somebody still waits."""
        from pynenc.identifiers.task_id import TaskId
        from pynenc.invocation.status import InvocationStatus

        if _has_run(record) and self._app.conf.runner_considered_dead_after_minutes * 60 < self._seconds:
            return True  # made short, for a test of the recovery
        what = "running" if _has_run(record) else "pending"
        recovery = TaskId(_CORE_TASKS, f"recover_{what}_invocations")
        unfinished = [status for status in InvocationStatus if not status.is_final()]
        at_work = self._app.orchestrator.get_invocation_ids_paginated(recovery, unfinished)
        return any(map(self._is_alive, at_work))

    def _is_alive(self, key: "InvocationId") -> bool:
        """Return whether a recovery is on its way: it may have died, or nobody is left to run it."""
        task, record = _orchestrator(self._app).get_tasks_and_records([key])[key]
        if record.status.is_available_for_run() or not record.runner_id:
            return self._is_queued(key) and not self._unconsumed(task)
        context = self._app.state_backend.get_runner_context(record.runner_id)
        return context is None or self._runners.end_of(context) is None

    def _is_queued(self, key: "InvocationId") -> bool:
        return key in cast("MongoBroker", self._app.broker).queued_among([key])

    def _not_taken(self, key: "InvocationId", task: "TaskId", record: "InvocationStatusRecord") -> str:
        """Return why nobody takes an invocation of a task from its queue; empty if somebody may."""
        if self._waited_seconds < _ANNOUNCED_SECONDS:
            return ""
        somebody_ended = len(self._runners.living) < len(self._runners.signs)
        if somebody_ended and not self._is_queued(key) and not self._is_taken_back(record):
            return f"{task.func_name} is in no queue: who took it has ended before it was PENDING"
        return self._unconsumed(task) or self._finds_no_place(task)

    def _finds_no_place(self, task: "TaskId") -> str:
        contexts = self._runners.contexts(sign.runner_id for sign in self._runners.living).values()
        if not places.are_limited(contexts):
            return ""
        why = places.none_is_free(self._app, contexts, self._who_waits())
        return f"{task.func_name} finds no process: {why}" if why else ""

    def _who_waits(self) -> set[str]:
        """Return the runners whose task waits for one that has not finished, of all in the store."""
        from pynenc.invocation.status import InvocationStatus

        orchestrator, statuses = _orchestrator(self._app), [InvocationStatus.RUNNING, InvocationStatus.PAUSED]
        at_work = orchestrator.get_invocation_ids_paginated(None, statuses, _MOST_AT_WORK)
        waits = orchestrator.get_waited_for(at_work)
        waited = orchestrator.get_tasks_and_records(list({key for each in waits.values() for key in each}))
        unfinished = {key for key, (_, record) in waited.items() if not record.status.is_final()}
        waiting = [key for key, each in waits.items() if not unfinished.isdisjoint(each)]
        return {record.runner_id or "" for _, record in orchestrator.get_tasks_and_records(waiting).values()}

    def _unconsumed(self, task: "TaskId") -> str:
        """Return why nobody takes invocations of a task from its queue; empty if somebody may."""
        living = self._runners.living
        consumers = self._consumers(living)
        queue = self._app.get_task(task).broker_queue
        if not living or any(not each.consumed_queues or queue in each.consumed_queues for each in consumers):
            return ""
        if outsiders.may_run_tasks(self._waited_seconds, executors.of(self._app).pids):
            return ""
        if not consumers:
            return f"nobody is left to run {task.func_name}: all processes of MultiThreadRunner have ended"
        consumed = sorted({repr(name) for each in consumers for name in each.consumed_queues})
        return f"nobody consumes queue {queue!r} of {task.func_name}, only {', '.join(consumed)} is consumed"

    def _consumers(self, living: "list[ActiveRunnerInfo]") -> "list[ActiveRunnerInfo]":
        """Return those that take invocations: a MultiThreadRunner leaves that to its processes.

        It starts none in place of those that have ended.
        """
        contexts = self._runners.contexts(sign.runner_id for sign in self._runners.signs).values()
        parents = {
            each.parent_ctx.runner_id: each.parent_ctx.runner_cls for each in contexts if each.parent_ctx
        }
        return [each for each in living if parents.get(each.runner_id) != "MultiThreadRunner"]

    def _name(self, key: "InvocationId") -> str:
        return self._known[key][0].func_name


def _has_run(record: "InvocationStatusRecord") -> bool:
    from pynenc.invocation.status import InvocationStatus

    return record.status in (InvocationStatus.RUNNING, InvocationStatus.PAUSED)


def _is_here(context: "RunnerContext") -> bool:
    return context.hostname == socket.gethostname()


def _orchestrator(app: "Pynenc") -> "MongoOrchestrator":
    return cast("MongoOrchestrator", app.orchestrator)
