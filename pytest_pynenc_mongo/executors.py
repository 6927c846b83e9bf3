"""Who runs an app's tasks in this test: watched, stopped, asked how they ended."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from pytest_pynenc_mongo import clock
from pytest_pynenc_mongo.children import Ended
from pytest_pynenc_mongo.errors import EngineError, RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc


class Executor(Protocol):
    """A runner or a worker that runs an app's tasks."""

    @property
    def is_alive(self) -> bool: ...

    def how_it_ended(self) -> str:
        """How it ended, with the last lines of its log."""
        ...

    def abandon(self) -> None:
        """Have it end without a word to its server, which is gone; that is no failure of its own."""
        ...

    def last_output(self) -> str:
        """What it last wrote, for the failure of a task; empty where pytest's own report has it."""
        ...

    @property
    def pids(self) -> set[int]:
        """Its processes that are children of this one and bear no name of ours."""
        ...

    def end_of(self, runner_id: str, pid: int) -> Ended | None:
        """How its process ended that has this id, or was this runner; None where none of its own has."""
        ...

    def has_lost(self, runner_id: str, invocation_id: str) -> bool:
        """Whether it is this runner, and its thread that ran an invocation is over."""
        ...


class Executors:
    """All who run the tasks of one app during a test."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._executors: list[Executor] = []
        self._ended_at: float | None = None
        self.ending = ExitStack()  # stops them, before the app is put back

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
        return any(each.has_lost(runner_id, invocation_id) for each in self._executors)

    def stop(self) -> None:
        if self.how_the_server_ended():
            for executor in self._executors:
                executor.abandon()
        self.ending.close()

    def how_the_server_ended(self) -> str:
        from pynenc_mongo.storage import client

        return client.how_it_ended(self._url)

    def last_output(self) -> str:
        return "\n".join(filter(None, (executor.last_output() for executor in self._executors)))


_of_apps: "WeakKeyDictionary[Pynenc, Executors]" = WeakKeyDictionary()


def of(app: "Pynenc") -> Executors:
    return _of_apps.setdefault(app, Executors((app.config_values or {}).get("mongo_url", "")))


def watch(app: "Pynenc", executor: Executor) -> None:
    """Have whoever waits for a result of `app` in this process know who is there to compute it."""
    of(app).add(executor)


def stop(app: "Pynenc") -> None:
    """Stop and forget who runs the tasks of `app`, before it is put back."""
    if executors := _of_apps.get(app):
        try:
            executors.stop()
        finally:
            _of_apps.pop(app, None)
