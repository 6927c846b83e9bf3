"""Runners: one in a thread of the test process, or a worker in another operating-system process."""

import multiprocessing
import pickle
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pynenc_mongo.children import Child, start_child
from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

START_SECONDS = 30.0
STOP_SECONDS = 10.0

# app classes without a runner of their own have one that runs nothing
_PLACEHOLDERS = ("DummyRunner", "ExternalRunner")
DEFAULT_RUNNER = "ThreadRunner"

# what pynenc's runners say because they are not on a main thread of a script of their own; true, and meant
_EXPECTED_WARNINGS = (
    (r"Running in a secondary thread", UserWarning),
    (r"(?s).*requires if __name__ == '__main__'", RuntimeWarning),
    (r".*multi-threaded, use of fork\(\) may lead to deadlocks", DeprecationWarning),
    (r"atomic service: ", UserWarning),  # wiring's pauses are short on purpose
    # a task that fails raises in its thread too, after its failure is stored where the test finds it
    (r"(?s)Exception in thread .*dist_invocation", pytest.PytestUnhandledThreadExceptionWarning),
)


def runner_class_name(app: "Pynenc") -> str:
    """Return the app's own runner class, or one that runs tasks in threads where it has none."""
    chosen = app.conf.runner_cls
    return DEFAULT_RUNNER if chosen in _PLACEHOLDERS else chosen


@contextmanager
def running_thread(app: "Pynenc") -> Generator["BaseRunner"]:
    """Run the app's runner in a thread until the block ends.

    :raises RunnerError: if the runner does not start, fails, or does not stop in time
    """
    for message, category in _EXPECTED_WARNINGS:
        # pytest puts the filters back when the test ends
        warnings.filterwarnings("ignore", message=message, category=category)
    start_method = multiprocessing.get_start_method(allow_none=True)
    thread = _RunnerThread(_make_runner(app))
    thread.start_and_wait(START_SECONDS)
    try:
        yield thread.runner
    finally:
        thread.stop(STOP_SECONDS)
        # PersistentProcessRunner sets "spawn" for the whole process
        multiprocessing.set_start_method(start_method, force=True)


class _RunnerThread(threading.Thread):
    def __init__(self, runner: "BaseRunner") -> None:
        super().__init__(name=f"{type(runner).__name__} of {runner.app.app_id}", daemon=True)
        self.runner = runner
        self.failure: BaseException | None = None
        self._settled = threading.Event()  # started, or failed to

    def run(self) -> None:
        try:
            announce_start(self.runner, self._settled.set)
            self.runner.run()
        except BaseException as error:  # noqa: BLE001 - stop() reports it in the test's own thread
            self.failure = error
        finally:
            self._settled.set()

    def start_and_wait(self, seconds: float) -> None:
        self.start()
        if not self._settled.wait(seconds):
            raise RunnerError(f"{self.name} did not start within {seconds:g} s")
        if self.failure is not None:
            raise RunnerError(f"{self.name} did not start: {self.failure}") from self.failure

    def stop(self, seconds: float) -> None:
        # the loop sees this and cleans up by itself; stop_runner_loop() would do so twice, from two threads
        self.runner.running = False
        self.join(seconds)
        if self.is_alive():
            raise RunnerError(
                f"{self.name} did not stop within {seconds:g} s: a task of it still runs, see "
                "pynenc_worker for tasks that must be killed"
            )
        if self.failure is not None:
            raise RunnerError(f"{self.name} failed: {self.failure}") from self.failure


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


def _make_runner(app: "Pynenc") -> "BaseRunner":
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.util.subclasses import get_subclass

    runner: BaseRunner = get_subclass(BaseRunner, runner_class_name(app))(app)  # type: ignore[type-abstract]
    return runner


class Worker:
    """A runner in another operating-system process."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.pid = child.pid

    @property
    def log(self) -> str:
        """All that the worker wrote so far, its log lines and what its tasks print."""
        return self._child.log

    @property
    def is_alive(self) -> bool:
        return self._child.is_alive

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for the signal that ended it, None while it runs."""
        return self._child.exit_code

    def stop(self) -> None:
        """End the worker as an operator would (SIGTERM): it stops its runner first.

        :raises RunnerError: if it had to be killed; with the tail of its log
        """
        if not self._child.stop(STOP_SECONDS):
            raise RunnerError(
                f"worker {self.pid} did not stop within {STOP_SECONDS:g} s and was killed; "
                f"{self._child.log_tail}"
            )

    def kill(self) -> None:
        """End the worker at once (SIGKILL), with every process that it started, as a crash would."""
        self._child.kill()


def start_worker(app: "Pynenc", directory: Path) -> Worker:
    """Start a worker process for `app` and wait until its runner runs.

    :raises RunnerError: if it does not get there (with the tail of its log), or cannot reach the store
    """
    _refuse_unshared_store(app)
    module = "pytest_pynenc_mongo.worker"
    log = directory / "pynenc-worker.log"
    specification = directory / "pynenc-worker.pickle"
    specification.write_bytes(pickle.dumps(_specification(app)))
    child = start_child([sys.executable, "-m", module, str(specification), str(getpid())], log)
    try:
        child.first_line(START_SECONDS)
    except subprocess.SubprocessError as error:
        child.kill()
        raise RunnerError(f"the worker for app {app.app_id!r} did not start: {error}") from None
    return Worker(child)


def _refuse_unshared_store(app: "Pynenc") -> None:
    from pynenc_mongo.conf.config_mongo import ConfigMongo
    from pynenc_mongo.storage.mock import REMEDY

    address = ConfigMongo(app.config_values, app.config_filepath).address()
    if not address.is_shared:
        raise RunnerError(f"{address.masked} is a store of one process, and a worker is another: {REMEDY}")


def _specification(app: "Pynenc") -> dict[str, object]:
    from pynenc.app_info import AppInfo

    return {
        "sys_path": sys.path,
        "app_info": AppInfo.from_app(app),
        # the worker knows the tasks that are known here, and so registers their triggers
        "modules": sorted({task_id.module for task_id in app.tasks}),
        "config_values": app.config_values,
        "runner_cls": runner_class_name(app),
    }
