"""What tests assert of tasks; where it is not so, the headline of a failure whose story is in its report.

Each assertion looks once, at what is stored at that moment, and waits for nothing.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import awaiting, stored
from pytest_pynenc_mongo.differing import Shown, shown_of
from pytest_pynenc_mongo.executors import lineage
from pytest_pynenc_mongo.wanted import Invocation, Some, listed
from pytest_pynenc_mongo.workers import Worker

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.dist_invocation import DistributedInvocation
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.runner.runner_context import RunnerContext
    from pynenc.task import Task
    from pynenc.trigger.monitoring import EventRecord

__tracebackhide__ = True

_MOST_EVENTS = 10_000
_MOST_TOLD = 5
_CHILD_OF_PROCESS_RUNNER = "ProcessRunnerWorker"


class Assert:
    """Asserts what the tasks of an app have done so far: `pynenc_assert.called_with(brew, 2)`.

    Waits for nothing: `pynenc_wait` comes before. A few commands each, however many invocations there are.
    Those of pynenc's own core tasks are left out.
    """

    def __init__(self, app: "Pynenc") -> None:
        self._app = app

    def called[**P, T](
        self, task: "Task[P, T]", times: int | None = None
    ) -> "list[DistributedInvocation[P, T]]":
        """Assert that a task was called, so often if `times` says it; return its invocations, oldest first.

        An invocation that concurrency control has several calls share counts once.
        """
        found = stored.of_task(task)
        _insist(f"{_name(task)} was", "called", len(found), times)
        return found

    def called_with[**P, T](
        self, task: "Task[P, T]", /, *args: P.args, **kwargs: P.kwargs
    ) -> "list[DistributedInvocation[P, T]]":
        """Assert that a task was called with these arguments; return those invocations, oldest first.

        Compared are values as the task gets them, back from pynenc's serializer, with its defaults.

        :raises TypeError: if the task takes no such arguments
        """
        expected, found = task.args(*args, **kwargs).kwargs, self.called(task)
        others = _Others(f"{_name(task)} was called", shown_of(task.app), expected)
        same = [each for each in found if others.are_not(each.arguments.kwargs)]
        if not same:
            raise AssertionError(str(others))
        return same

    def ran(self, invocations: Some[Any], times: int = 1) -> None:
        """Assert that an invocation, or each of some, ran so often; each retry is a run."""
        for invocation, runs in stored.runs_of(_some(invocations)):
            if len(runs) != times:
                said = f"{_told(invocation)} ran {_times(len(runs))}, not {_times(times)}"
                raise AssertionError(f"{said}: {_what_is_known(invocation)}")

    def ran_in(self, invocations: Some[Any], where: "Worker | BaseRunner") -> None:
        """Assert that an invocation, or each of some, ran in a worker or runner, its processes included.

        It ran nowhere else, so with the three below.
        """
        name = f"worker {where.pid}" if isinstance(where, Worker) else type(where).__name__
        _insist_on_runs(invocations, lambda context: _is_of(where, context), f"in {name}")

    def ran_in_this_process(self, invocations: Some[Any]) -> None:
        """Assert that an invocation, or each of some, ran in the test process."""
        _insist_on_runs(invocations, _is_here, f"in the test process, {os.getpid()}")

    def ran_in_another_process(self, invocations: Some[Any]) -> None:
        """Assert that an invocation, or each of some, ran in another process than the test."""
        _insist_on_runs(invocations, lambda context: not _is_here(context), "in another process")

    def none_failed(self) -> None:
        """Assert that no invocation of the app has failed; one that succeeded after a retry has not."""
        from pynenc.invocation.status import InvocationStatus

        failed = stored.of_status(self._app, [InvocationStatus.FAILED])
        if failed:
            error = self._app.state_backend.get_exception(failed[0].invocation_id)
            said = f"{failed[0].task_id.func_name} failed with {type(error).__name__}: {error}"
            raise AssertionError(f"{said}{_and_more(failed, 'failed, too')}")

    def all_final(self) -> None:
        """Assert that each invocation of the app is over, well or not."""
        from pynenc.invocation.status import InvocationStatus

        statuses = [status for status in InvocationStatus if not status.is_final()]
        unfinished = stored.of_status(self._app, statuses)
        if unfinished:
            known = awaiting.current().what_is_known(self._app, [unfinished[0].invocation_id])
            raise AssertionError(f"{known}{_and_more(unfinished, 'not over, either')}")

    def queue_empty(self, queue: str = "") -> None:
        """Assert that no message waits in a queue, or in any.

        :raises ValueError: if the app has no such queue
        """
        count = self._app.broker.count_invocations([queue] if queue else None)
        if count:
            waits = "1 message waits" if count == 1 else f"{count} messages wait"
            raise AssertionError(f"{waits} in {f'queue {queue!r}' if queue else 'the queues'}")

    def emitted(
        self, code: str, payload: Mapping[str, Any] | None = None, times: int | None = None
    ) -> "list[EventRecord]":
        """Assert that an event was emitted, with this payload if given; return those events, oldest first."""
        stored.refuse_what_is_not_stored(self._app)
        found = self._app.trigger.get_events(event_code=code, limit=_MOST_EVENTS)[::-1]
        if payload is None:
            _insist(f"event {code!r} was", "emitted", len(found), times)
            return found
        others = _Others(f"event {code!r} was emitted", shown_of(self._app), payload)
        same = [each for each in found if others.are_not(each.payload)]
        if times is None and not same:
            raise AssertionError(str(others))
        _insist(f"event {code!r} was", f"emitted with {others.expected}", len(same), times)
        return same

    def triggered[**P, T](
        self, code: str, task: "Task[P, T]", times: int | None = None
    ) -> "list[DistributedInvocation[P, T]]":
        """Assert that events of a code have triggered a task; return those invocations of it."""
        from pynenc.identifiers.invocation_id import InvocationId

        events = self.emitted(code)
        ids = [InvocationId(each) for event in events for each in event.triggered_invocation_ids]
        all_of_them = stored.load(self._app, ids)
        found = [each for each in all_of_them if each.task.task_id == task.task_id]
        triggered = Counter(_name(each.task) for each in all_of_them)
        others = ", ".join(f"{name} {_times(count)}" for name, count in triggered.items())
        others = f"event {code!r}, emitted {_times(len(events))}, triggered {others or 'nothing'}"
        _insist(f"{others}: {_name(task)} was", "triggered", len(found), times)
        return found


class _Others:
    """What was there instead of what is expected, told if nothing else was."""

    def __init__(self, what: str, shown: Shown, expected: Mapping[str, Any]) -> None:
        self._what = what
        self._shown = shown
        self._expected = expected
        self._differences: list[str] = []

    @property
    def expected(self) -> str:
        return self._shown.all(self._expected) or "nothing"

    def are_not(self, actual: Mapping[str, Any]) -> bool:
        """Return whether this is what is expected; remember how it differs."""
        different = self._shown.differences(actual, self._expected)
        self._differences.append(different)
        return not different

    def __str__(self) -> str:
        if not self._differences:
            return f"{self._what} never"
        told = Counter(self._differences).most_common(_MOST_TOLD)
        rest = len(self._differences) - sum(count for _, count in told)
        lines = [f"{text} ({_times(count)})" if count > 1 else text for text, count in told]
        lines += [f"and {rest} more"] if rest else []
        never = f"{self._what} {_times(len(self._differences))}, never with {self.expected}:"
        return "\n  ".join([never, *lines])


def _insist(begin: str, done: str, count: int, times: int | None) -> None:
    if times is None and not count:
        raise AssertionError(f"{begin} never {done}")
    if times is not None and count != times:
        raise AssertionError(f"{begin} {done} {_times(count)}, not {_times(times)}")


def _insist_on_runs(invocations: Some[Any], is_right: "Callable[[RunnerContext], bool]", where: str) -> None:
    for invocation, runs in stored.runs_of(_some(invocations)):
        if not runs:
            raise AssertionError(f"{_told(invocation)} has not run: {_what_is_known(invocation)}")
        for context in runs:
            if context is None or not is_right(context):
                raise AssertionError(f"{_told(invocation)} ran in {_place(context)}, not {where}")


def _some(invocations: Some[Any]) -> list[Invocation]:
    if not (some := listed(invocations)):
        raise AssertionError("there is no invocation to look at")
    return some


def _is_of(where: "Worker | BaseRunner", context: "RunnerContext") -> bool:
    if isinstance(where, Worker):
        return any(each.pid == where.pid and _is_on_this_host(each) for each in lineage(context))
    return context.root_runner_id == where.runner_id


def _is_here(context: "RunnerContext") -> bool:
    return context.pid == os.getpid() and _is_on_this_host(context) and not _is_told_by_its_parent(context)


def _is_told_by_its_parent(context: "RunnerContext") -> bool:
    """Return whether the process of a context is a child of the one that it names, which has made it."""
    return context.runner_cls == _CHILD_OF_PROCESS_RUNNER


def _is_on_this_host(context: "RunnerContext") -> bool:
    return context.hostname == socket.gethostname()


def _place(context: "RunnerContext | None") -> str:
    if context is None:
        return "a runner that has left no word"
    host = "" if _is_on_this_host(context) else f" on {context.hostname}"
    process = "a child of process" if _is_told_by_its_parent(context) else "process"
    return f"{context.runner_cls}, {process} {context.pid}{host}"


def _told(invocation: Invocation) -> str:
    return f"{_name(invocation.task)}({shown_of(invocation.app).all(invocation.arguments.kwargs)})"


def _what_is_known(invocation: Invocation) -> str:
    return awaiting.current().what_is_known(invocation.app, [invocation.invocation_id])


def _name(task: "Task[..., Any]") -> str:
    return task.task_id.func_name


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _and_more(some: Sequence[object], so: str) -> str:
    return f"; {len(some) - 1} more {so}" if len(some) > 1 else ""
