"""Waits for results: each ends at once where none can come, and in any case after a time.

pynenc's `invocation.result` waits for ever by itself, and asks the app's runner to pause at each turn. During
a test every runner's pause looks whether there is something to wait for. A task that waits for others keeps
pynenc's way.
"""

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_pynenc_mongo import clock, executors, outsiders, prospects
from pytest_pynenc_mongo.errors import PynencMongoTestError, RunnerError
from pytest_pynenc_mongo.other_apps import is_ours, path_of

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.invocation_id import InvocationId
    from pynenc.runner.base_runner import BaseRunner

__tracebackhide__ = True

_LOOK_EVERY_SECONDS = 0.25
# whoever comes back after a longer pause begins a new wait
_SAME_WAIT_SECONDS = 2.0


class Vigil:
    """One wait for some invocations of an app, none for whatever else a test waits for."""

    def __init__(self, app: "Pynenc") -> None:
        self.app = app
        self._began = self._next_look = clock.now()
        self._suspected = ""

    @property
    def waited(self) -> float:
        """For how many seconds."""
        return clock.now() - self._began

    def check(self, ids: "Sequence[InvocationId]", seconds: float) -> None:
        """Refuse to wait any longer for what never comes; a look at the store every quarter of a second.

        :param seconds: how long it will be at most
        :raises EngineError: if the app's MongoDB has ended; says how
        :raises RunnerError: if no result can come; says why
        """
        executors.of(self.app).check_server()
        if clock.now() < self._next_look:
            return
        is_first = self._next_look == self._began
        self._next_look = clock.now() + _LOOK_EVERY_SECONDS
        if why := prospects.nobody_runs(self.app, self.waited):
            # of the last one who ended is told what it had in its hands
            ran_it = prospects.why_never(self.app, ids, self.waited, seconds)
            raise RunnerError(ran_it or why)
        # most results are there before the second one
        why = "" if is_first else prospects.why_never(self.app, ids, self.waited, seconds)
        # what is so twice was not seen in the middle of a change
        if why and why == self._suspected:
            raise RunnerError(why)
        self._suspected = why


class _Waited(NamedTuple):
    """A wait that somebody came to at some instant."""

    vigil: Vigil
    seen_at: float


class Guard:
    """What holds for all waits for results in a test: how long, and which apps are on its database."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waits: dict[tuple[int, int, str, int], _Waited] = {}
        self._apps: list[Pynenc] = []

    @contextmanager
    def running(self, app: "Pynenc") -> Generator[None]:
        """Know that an app is on the test database meanwhile."""
        self._apps.append(app)
        try:
            yield
        finally:
            self._apps.remove(app)

    @property
    def apps(self) -> "tuple[Pynenc, ...]":
        """The apps that are on the test database now, each once."""
        return tuple(dict.fromkeys(self._apps))

    def check(self, app: "Pynenc", ids: "Sequence[InvocationId]") -> None:
        """Refuse to wait where no result can come, or none has for too long.

        :raises EngineError: if the app's MongoDB has ended; says how
        :raises RunnerError: says why
        """
        key = (threading.get_ident(), id(app), ids[0], len(ids))
        try:
            self._check(self._vigil(key, app), app, ids)
        except PynencMongoTestError:
            del self._waits[key]
            raise

    def _check(self, vigil: "Vigil", app: "Pynenc", ids: "Sequence[InvocationId]") -> None:
        self.refuse_in_vain(vigil, ids, self._seconds)
        if vigil.waited > self._seconds:
            known = self.what_is_known(app, ids)
            longer = "ini pynenc_mongo_result_timeout or marker pynenc_mongo(timeout=...)"
            text = f"no result after {self._seconds:g} s: {known}. To wait longer: {longer}"
            raise RunnerError(text)

    def refuse_in_vain(self, vigil: "Vigil", ids: "Sequence[InvocationId]", seconds: float) -> None:
        """Refuse to wait where no result can come; for `seconds` at most it would be.

        :raises EngineError: if the app's MongoDB has ended; says how
        :raises RunnerError: says why
        """
        if vigil.app in self._apps:
            vigil.check(ids, seconds)
        else:
            self._check_stranger(vigil, ids)

    def what_is_known(self, app: "Pynenc", ids: "Sequence[InvocationId]") -> str:
        """Return the task of the first of some invocations, its status, since when, and who has it."""
        if app in self._apps:
            return prospects.what_is_known(app, ids)
        return f"{_name(app, ids)} belongs to app {app.app_id!r}, which is on a store of its own"

    def _vigil(self, key: tuple[int, int, str, int], app: "Pynenc") -> Vigil:
        """Return the wait that goes on; with each result of a group a new one begins."""
        last, now = self._waits.get(key), clock.now()
        vigil = last.vigil if last and now - last.seen_at < _SAME_WAIT_SECONDS else Vigil(app)
        self._waits[key] = _Waited(vigil, now)
        return vigil

    def _check_stranger(self, vigil: Vigil, ids: "Sequence[InvocationId]") -> None:
        """Refuse to wait for an app that is on another database than the test's, and that nobody runs."""
        app = vigil.app
        if prospects.runs_here(app) or outsiders.may_run_tasks(vigil.waited):
            return
        belongs = f"{_name(app, ids)} belongs to app {app.app_id!r}"
        path = path_of(app)
        if not self._apps:
            raise RunnerError(f"{belongs}, which this test does not run: request pynenc_app")
        mine = self._apps[0]
        if is_ours(mine) and path:
            remedy = f"set the ini pynenc_app = {path}"
        else:
            remedy = "put it on the test database, too: pynenc_use_app(app)"
        new = "a new app" if is_ours(mine) else "app"
        raise RunnerError(f"{belongs}, this test runs {new} {mine.app_id!r}: {remedy}")


_guards: list[Guard] = []


def current() -> Guard:
    """Return the guard that holds now."""
    return _guards[-1]


def apps_of_test() -> "tuple[Pynenc, ...]":
    """Return the apps that are on the test database now, none where no test uses one."""
    return _guards[-1].apps if _guards else ()


@contextmanager
def guarded(guard: Guard) -> Generator[None]:
    """Have every wait for a result in this process, but for those of tasks, obey `guard`, the latest one.

    Within, errors of ours are shown at the user's line, and not at that of pynenc which came to us.
    """
    from pynenc.runner.base_runner import BaseRunner

    wait, async_wait, pid = BaseRunner.waiting_for_results, BaseRunner.async_waiting_for_results, os.getpid()

    def check(runner: "BaseRunner", waiter: Any, ids: "Sequence[InvocationId]") -> None:
        # a child that was forked has no part in it, its tasks even less
        if ids and not waiter and guard is _guards[-1] and os.getpid() == pid and not _is_in_a_task():
            guard.check(runner.app, ids)

    def waiting_for_results(
        self: "BaseRunner", running_invocation_id: Any, result_invocation_ids: Any, runner_args: Any = None
    ) -> None:
        check(self, running_invocation_id, result_invocation_ids)
        wait(self, running_invocation_id, result_invocation_ids, runner_args)

    async def async_waiting_for_results(
        self: "BaseRunner", running_invocation_id: Any, result_invocation_ids: Any, runner_args: Any = None
    ) -> None:
        check(self, running_invocation_id, result_invocation_ids)
        await async_wait(self, running_invocation_id, result_invocation_ids, runner_args)

    _guards.append(guard)
    BaseRunner.waiting_for_results = waiting_for_results  # type: ignore[method-assign]
    BaseRunner.async_waiting_for_results = async_waiting_for_results  # type: ignore[method-assign]
    try:
        with _hidden_frames():
            yield
    finally:
        BaseRunner.waiting_for_results = wait  # type: ignore[method-assign]
        BaseRunner.async_waiting_for_results = async_wait  # type: ignore[method-assign]
        _guards.remove(guard)


@contextmanager
def _hidden_frames() -> Generator[None]:
    """Have pytest show what comes of a wait at the user's line, not at those of pynenc that came to it."""
    from pynenc.invocation import dist_invocation
    from pynenc.state_backend import base_state_backend

    from pynenc_mongo.state_backend import mongo_state_backend

    modules: list[Any] = [dist_invocation, base_state_backend, mongo_state_backend]
    before = [vars(module).get("__tracebackhide__") for module in modules]
    for module in modules:
        module.__tracebackhide__ = True
    try:
        yield
    finally:
        for module, hidden in zip(modules, before, strict=True):
            if hidden is None:
                del module.__tracebackhide__
            else:
                module.__tracebackhide__ = hidden


def _is_in_a_task() -> bool:
    """Return whether this thread runs a task, of whatever app: pynenc itself looks at one app only."""
    from pynenc.context import thread_local

    return any(getattr(thread_local, "dist_inv_context", {}).values())


def _name(app: "Pynenc", ids: "Sequence[InvocationId]") -> str:
    invocation = app.state_backend.get_invocation(ids[0])
    return invocation.task.task_id.func_name if invocation else f"invocation {ids[0]}"
