"""Runners in threads of the test process."""

import multiprocessing
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_pynenc_mongo import config_keys, expected_warnings, finishing, leftovers, spawned
from pytest_pynenc_mongo.children import Children, Ended, manager_of
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.executors import Hurry, watch

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.runner.runner_context import RunnerContext

DEFAULT_RUNNER = "ThreadRunner"
# MultiThreadRunner's, now and then, when it stops
_PYNENC_S_OWN_FAILURE = "dictionary changed size during iteration"


def runner_class(app: "Pynenc", wish: "str | type[BaseRunner]" = "") -> "type[BaseRunner]":
    """Return the class of the app's own runner, or one that runs tasks in threads where it has none.

    :param wish: another one, if not empty
    :raises ConfigError: if there is no such class
    """
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.util.subclasses import get_subclass

    if isinstance(wish, type):
        return wish
    name, source = (wish, "runner") if wish else (app.conf.runner_cls, f"app {app.app_id!r}")
    config_keys.check_runner(name, source)
    found: type[BaseRunner] = get_subclass(
        BaseRunner,  # type: ignore[type-abstract]
        DEFAULT_RUNNER if name in config_keys.NO_RUNNERS else name,
    )
    return found


@contextmanager
def running_thread(app: "Pynenc", seconds: float) -> Generator["BaseRunner"]:
    """Run the app's runner in a thread until the block ends.

    :param seconds: how long it may take to start, and to stop
    :raises RunnerError: if the runner does not start, fails, or does not stop in time
    """
    expected_warnings.ignore()  # of an app, too, that is not put on the test database
    with spawned.attached(app), start_method_kept():
        thread = _RunnerThread(runner_class(app)(app))
        thread.start(seconds)
        watch(app, thread)
        try:
            yield thread.runner
        finally:
            thread.stop(seconds)


@contextmanager
def start_method_kept() -> Generator[None]:
    """Put back how `multiprocessing` starts processes here, whatever a runner makes of it."""
    before = multiprocessing.get_start_method(allow_none=True)
    try:
        yield
    finally:
        # PersistentProcessRunner sets "spawn" for the whole process
        multiprocessing.set_start_method(before, force=True)


class _RunnerThread:
    """A runner and the thread that it runs in."""

    def __init__(self, runner: "BaseRunner") -> None:
        self.runner = runner
        self._name = f"{type(runner).__name__} of {runner.app.app_id}"
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._failure: BaseException | None = None
        self._hurry: Hurry | None = None
        self._settled = threading.Event()  # started, or failed to
        self._children = Children(runner)
        finishing.let_finish(runner)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def is_paused(self) -> bool:
        """Never: the test process cannot stand still and go on."""
        return False

    def start(self, seconds: float) -> None:
        self._thread.start()
        try:
            self._wait_for_start(seconds)
        except BaseException:
            self._end_by_force()
            raise

    def _wait_for_start(self, seconds: float) -> None:
        if not self._settled.wait(seconds):
            raise RunnerError(f"{self._name} did not start within {seconds:g} s")
        if self._failure is not None:
            raise RunnerError(f"{self._name} did not start: {self._failure}") from self._failure

    def stop(self, seconds: float) -> None:
        # the loop sees this and cleans up by itself; stop_runner_loop() would do so twice, from two threads
        self.runner.running = False
        self._thread.join(min(self._hurry.seconds, seconds) if self._hurry else seconds)
        rest = self._end_by_force()
        if self._hurry:
            if rest:
                self._hurry.note(f"{self._name} was left behind: {rest}")
        elif rest is not None:
            raise RunnerError(f"{self._name} did not stop within {seconds:g} s: {rest}".rstrip(": "))
        elif self._failure is not None and _PYNENC_S_OWN_FAILURE not in str(self._failure):
            raise RunnerError(self.how_it_ended()) from self._failure

    def hurry(self, hurry: Hurry) -> None:
        """Have its loop end now, and `stop` complain of nothing."""
        self._hurry = hurry
        self.runner.running = False

    def how_it_ended(self) -> str:
        return f"{self._name} failed: {self._failure}" if self._failure else f"{self._name} has stopped"

    @property
    def role(self) -> str:
        return "runner"

    def log_tail(self) -> None:
        """Nothing: what it logs is in pytest's own report."""

    def has(self, context: "RunnerContext") -> bool:
        return context.root_runner_id == self.runner.runner_id

    @property
    def pids(self) -> set[int]:
        manager = manager_of(self.runner)
        return self._children.pids | {(manager and manager.pid) or 0}

    def end_of(self, runner_id: str, pid: int) -> Ended | None:  # noqa: ARG002 - its children are runners
        return self._children.ended.get(runner_id)

    def has_lost_task(self, runner_id: str, invocation_id: str) -> bool:
        threads = getattr(self.runner, "threads", None)  # ThreadRunner's
        if threads is None or runner_id != self.runner.runner_id:
            return False
        info = threads.get(invocation_id)
        return info is None or not info.thread.is_alive()

    def _end_by_force(self) -> str | None:
        """End what has not ended by itself; return None if its thread had, or in words what stays."""
        # of one that failed while it stopped, too
        leftovers.kill_processes(self.runner)
        if not self._thread.is_alive():
            return None
        tasks = leftovers.task_threads(self.runner)
        stuck = leftovers.end_threads([*tasks, self._thread])
        names = ", ".join(name for thread, name in tasks.items() if thread in stuck)
        if names:
            return f"{names} still runs in a thread, which cannot be killed; a task in a pynenc_worker can"
        return "its thread cannot be killed" if stuck else ""

    def _begin(self) -> None:
        store_who_it_is(self.runner)  # first: two threads would each make the app's stores
        self._settled.set()

    def _run(self) -> None:
        try:
            announce_start(self.runner, self._begin)
            spawned.refuse_the_stillborn(self.runner)
            self.runner.run()
        except BaseException as error:  # stop() reports it in the test's own thread
            self._failure = error
        finally:
            self._settled.set()


def announce_start(runner: "BaseRunner", announce: Callable[[], object]) -> None:
    """Have `runner` call `announce` once it has started, before its first look for work.

    Its flag `running` will not do: it is set before the runner makes its processes.
    """
    start = runner.on_start

    def on_start() -> None:
        start()
        del runner.on_start
        announce()

    runner.on_start = on_start  # type: ignore[method-assign]


def store_who_it_is(runner: "BaseRunner") -> None:
    """Have the store know a runner before its first look for work, should it die with its first task."""
    runner.app.state_backend.store_runner_context(runner.runner_context)
