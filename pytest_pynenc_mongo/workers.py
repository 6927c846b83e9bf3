"""Workers: runners in other operating-system processes."""

import pickle
import sys
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pynenc_mongo.errors import NotReadyError, RunnerError
from pytest_pynenc_mongo.executors import Hurry, lineage, watch
from pytest_pynenc_mongo.processes import Child, start_child
from pytest_pynenc_mongo.runners import runner_class_name

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.runner_context import RunnerContext


class Worker:
    """A runner in another operating-system process."""

    def __init__(self, child: Child, stop_seconds: float) -> None:
        self._child = child
        self._stop_seconds = stop_seconds
        self._is_meant_to_end = False
        self._is_hurried = False
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

        :raises RunnerError: if it had to be killed, or had ended by itself; with the tail of its log
        """
        ended_by_itself = not (self._is_meant_to_end or self.is_alive)
        self._is_meant_to_end = True
        if ended_by_itself:
            self._child.kill()
            raise RunnerError(self.how_it_ended())
        if not self._child.stop(self._stop_seconds) and not self._is_hurried:
            raise RunnerError(
                f"worker {self.pid} did not stop within {self._stop_seconds:g} s and was killed; "
                f"{self._child.log_tail}"
            )

    def kill(self) -> None:
        """End the worker at once (SIGKILL), with every process that it started, as a crash would."""
        self._is_meant_to_end = True
        self._child.kill()

    def hurry(self, hurry: Hurry) -> None:
        """Ask it to end now, and have `stop` complain of nothing."""
        self._is_meant_to_end = self._is_hurried = True
        self._stop_seconds = min(self._stop_seconds, hurry.seconds)
        self._child.ask_to_end()

    def how_it_ended(self) -> str:
        return f"worker {self.pid} ended with exit code {self.exit_code}; {self._child.log_tail}"

    def last_output(self) -> str:
        return f"worker {self.pid}: {self._child.log_tail}"

    def has_lost(self, context: "RunnerContext") -> bool:
        return not self.is_alive and any(each.pid == self.pid for each in lineage(context))


def start_worker(app: "Pynenc", directory: Path, seconds: float) -> Worker:
    """Start a worker process for `app` and wait until its runner runs.

    :param directory: where its log is written
    :param seconds: how long it may take to start, and later to stop
    :raises RunnerError: if it does not get there ; with the tail of its log
    """
    specification = directory / "worker.pickle"
    specification.write_bytes(pickle.dumps(_specification(app)))
    command = [sys.executable, "-m", "pytest_pynenc_mongo.worker_main", str(specification), str(getpid())]
    child = start_child(command, directory / "worker.log")
    try:
        child.first_line(seconds)
    except NotReadyError as error:
        child.kill()
        raise RunnerError(f"the worker for app {app.app_id!r} did not start: {error}") from None
    except BaseException:
        child.kill()
        raise
    worker = Worker(child, seconds)
    watch(app, worker)
    return worker


def _specification(app: "Pynenc") -> dict[str, object]:
    from pynenc.app_info import AppInfo

    modules = sorted({task_id.module for task_id in app.tasks})
    return {
        "sys_path": sys.path,
        "app_info": AppInfo.from_app(app),
        # the worker knows the tasks that are known here, and so registers their triggers
        "modules": {name: getattr(sys.modules.get(name), "__file__", None) for name in modules},
        "config_values": app.config_values,
        "runner_cls": runner_class_name(app),
    }
