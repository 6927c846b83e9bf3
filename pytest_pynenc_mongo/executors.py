"""Who runs an app's tasks in this test: watched, stopped, asked how they ended."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from pytest_pynenc_mongo import clock
from pytest_pynenc_mongo.children import Ended
from pytest_pynenc_mongo.errors import EngineError, RunnerError
from pytest_pynenc_mongo.snapshot import Log

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.runner_context import RunnerContext

# one without a server has nothing to put in order
_WITHOUT_SERVER_SECONDS = 1.0


class Hurry(NamedTuple):
    """How who runs tasks ends once nobody waits for what they do: without a word of complaint."""

    seconds: float
    note: Callable[[str], object]  # is told what stays of them


class Executor(Protocol):
    """A runner or a worker that runs an app's tasks."""

    @property
    def is_alive(self) -> bool: ...

    @property
    def is_paused(self) -> bool:
        """Whether it lives and is made to stand still."""
        ...

    def how_it_ended(self) -> str:
        """How it ended, with the last lines of its log."""
        ...

    def hurry(self, hurry: Hurry) -> None:
        """Have it begin to end now, whatever it does.

        Its test is over, or its server is gone: what it makes of that is no failure of its own.
        """
        ...

    @property
    def role(self) -> str:
        """`worker`, or `runner` for one in this process."""
        ...

    def log_tail(self) -> Log | None:
        """What it last wrote, for the report of its test; None where pytest's report has it."""
        ...

    def has(self, context: "RunnerContext") -> bool:
        """Whether a runner is its own, or a child of that."""
        ...

    @property
    def pids(self) -> set[int]:
        """Its processes that are children of this one and bear no name of ours."""
        ...

    def end_of(self, runner_id: str, pid: int) -> Ended | None:
        """How its process ended that has this id, or was this runner; None where none of its own has."""
        ...

    def has_lost_task(self, runner_id: str, invocation_id: str) -> bool:
        """Whether it is this runner, and its thread that ran an invocation is over."""
        ...


class Executors:
    """All who run the tasks of one app during a test."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._executors: list[Executor] = []
        self._ended_at: float | None = None
        self.ending = ExitStack()  # stops them, before the app is put back

    @property
    def all(self) -> tuple[Executor, ...]:
        return tuple(self._executors)

    def add(self, executor: Executor) -> None:
        self._executors.append(executor)
        self._ended_at = None

    def check(self) -> None:
        """Refuse to wait where nobody is left to wait for.

        :raises EngineError: if the app's MongoDB has ended; says how
        :raises RunnerError: if there were some and all have ended; says how the last one did
        """
        self.check_server()
        if how := self.how_all_ended():
            raise RunnerError(how)

    def check_server(self) -> None:
        """Refuse to wait for a server that has gone.

        :raises EngineError: if the app's MongoDB has ended; says how
        """
        if how := self.how_the_server_ended():
            raise EngineError(how)

    @property
    def are_alive(self) -> bool:
        """Whether one of them lives."""
        return any(executor.is_alive for executor in self._executors)

    @property
    def ended_at(self) -> float:
        """When it was first seen that none of them lives (`clock.wall()`), 0.0 if there was none."""
        if self._executors and self._ended_at is None:
            self._ended_at = clock.wall()
        return self._ended_at or 0.0

    def how_all_ended(self) -> str:
        """Return how the last one ended; empty if there was none, or one lives."""
        return "" if self.are_alive or not self._executors else self._executors[-1].how_it_ended()

    @property
    def pids(self) -> set[int]:
        """The child processes of this process that run their tasks, and bear no name of ours."""
        return {pid for executor in self._executors for pid in executor.pids}

    def end_of(self, runner_id: str, pid: int) -> Ended | None:
        """Return how a process of theirs ended, known by its id or as a runner; None if unknown."""
        return next(filter(None, (each.end_of(runner_id, pid) for each in self._executors)), None)

    def have_lost(self, runner_id: str, invocation_id: str) -> bool:
        """Return whether a thread of this process that ran an invocation is over."""
        return any(each.has_lost_task(runner_id, invocation_id) for each in self._executors)

    def stop(self, hurry: Hurry | None) -> None:
        if self.how_the_server_ended():
            hurry = hurry or Hurry(_WITHOUT_SERVER_SECONDS, _say_nothing)
        if hurry is not None:
            self.hurry(hurry)
        self.ending.close()

    def hurry(self, hurry: Hurry) -> None:
        for executor in self._executors:
            executor.hurry(hurry)

    def how_the_server_ended(self) -> str:
        from pynenc_mongo.storage import client

        return client.how_it_ended(self._url)


_of_test: list[Executor] = []  # those that have ended, too
_of_apps: "WeakKeyDictionary[Pynenc, Executors]" = WeakKeyDictionary()


def of(app: "Pynenc") -> Executors:
    return _of_apps.setdefault(app, Executors((app.config_values or {}).get("mongo_url", "")))


def watch(app: "Pynenc", executor: Executor) -> None:
    """Have whoever waits for a result of `app` in this process know who is there to compute it."""
    of(app).add(executor)
    _of_test.append(executor)


def of_test() -> tuple[Executor, ...]:
    """Return all who have run tasks in this test, those that have ended, too."""
    return tuple(_of_test)


def logs_of_test() -> tuple[Log, ...]:
    """Return what those last wrote who have run tasks in this test and have a log of their own."""
    return tuple(filter(None, (executor.log_tail() for executor in _of_test)))


def forget_test() -> None:
    _of_test.clear()


def lineage(context: "RunnerContext") -> Iterator["RunnerContext"]:
    """Return a runner's context and those of the runners that it is a child of."""
    above: RunnerContext | None = context
    while above is not None:
        yield above
        above = above.parent_ctx


def hurry_all(hurry: Hurry) -> None:
    """Have all who run tasks begin to end now; `stop` waits for them."""
    for executors in list(_of_apps.values()):
        executors.hurry(hurry)


def stop(app: "Pynenc", hurry: Hurry | None = None) -> None:
    """Stop and forget who runs the tasks of `app`, before it is put back.

    :param hurry: where nobody waits for what they do; then nothing is raised
    :raises RunnerError: if one of them ended by itself before, or does not end
    """
    if executors := _of_apps.get(app):
        try:
            executors.stop(hurry)
        finally:
            _of_apps.pop(app, None)


def stop_all(hurry: Hurry | None) -> None:
    """Stop and forget whoever runs tasks still, of any app, before the database is emptied."""
    with ExitStack() as stopping:
        for app in list(_of_apps):
            stopping.callback(stop, app, hurry)


def _say_nothing(_text: str) -> None:
    """Of what stays of those whose server is gone: that is told once already."""
