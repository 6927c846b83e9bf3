"""Workers: runners in other operating-system processes."""

from dataclasses import dataclass, field
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

from pynenc_mongo.mongomock_server.process import python_command
from pytest_pynenc_mongo import children, log_lines, specifications
from pytest_pynenc_mongo.children import Ended
from pytest_pynenc_mongo.errors import NotReadyError, RunnerError
from pytest_pynenc_mongo.executors import Hurry, lineage, watch
from pytest_pynenc_mongo.fork_server import MODULE, ForkServers
from pytest_pynenc_mongo.processes import READY, Child, ending, start_child
from pytest_pynenc_mongo.snapshot import Log
from pytest_pynenc_mongo.specifications import Specification, Wishes

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.runner_context import RunnerContext


class Worker:
    """A runner in another operating-system process."""

    def __init__(self, child: Child, app_id: str, stop_seconds: float, notes: Path) -> None:
        self._child = child
        self._app_id = app_id
        self._notes = notes  # how its own children ended
        self._stop_seconds = stop_seconds
        self._is_meant_to_end = False
        self._is_hurried = False
        self._is_paused = False
        self.pid = child.pid

    def __repr__(self) -> str:
        living = "paused" if self.is_paused else "alive"
        state = living if self.exit_code is None else f"ended with {ending(self.exit_code)}"
        return f"Worker(pid={self.pid}, app={self._app_id!r}, {state})"

    @property
    def log(self) -> str:
        """All that the worker wrote so far, its log lines and what its tasks print."""
        return self._child.log

    @property
    def is_alive(self) -> bool:
        return self._child.is_alive

    @property
    def is_paused(self) -> bool:
        """Whether it stands still, by `pause`; dead it does not."""
        return self._is_paused and self.is_alive

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
        self.resume()
        if ended_by_itself:
            self._child.kill()
            raise RunnerError(self.how_it_ended())
        if not self._child.stop(self._stop_seconds) and not self._is_hurried:
            raise self._did_not_stop()

    def kill(self) -> None:
        """End the worker at once (SIGKILL), with every process that it started, as a crash would."""
        self._is_meant_to_end = True
        self._child.kill()

    def pause(self) -> None:
        """Have the worker, and every process that it started, stand still (SIGSTOP), as a machine that hangs.

        It gives no sign of life, and `pynenc_recover()` takes from it what it has in its hands. It goes on by
        `resume`, and at the end of its test.

        :raises RunnerError: if it has ended
        """
        if not self.is_alive:
            raise RunnerError(f"cannot pause what does not run: {self.how_it_ended()}")
        self._child.pause()
        self._is_paused = True

    def resume(self) -> None:
        """Let a paused worker go on (SIGCONT) where it was."""
        if self.is_paused:
            self._child.resume()
        self._is_paused = False

    def hurry(self, hurry: Hurry) -> None:
        """Ask it to end now, and have `stop` complain of nothing."""
        self.resume()
        self._is_meant_to_end = self._is_hurried = True
        self._stop_seconds = min(self._stop_seconds, hurry.seconds)
        self._ask_to_end()

    def _did_not_stop(self) -> RunnerError:
        return RunnerError(
            f"worker {self.pid} did not stop within {self._stop_seconds:g} s and was killed; "
            f"{self._child.log_tail}"
        )

    def _ask_to_end(self) -> None:
        self._child.ask_to_end()

    def leave(self) -> None:
        """End it at the end of its test.

        :raises RunnerError: as `stop`
        """
        self.stop()

    def how_it_ended(self) -> str:
        return f"worker {self.pid} ended with {ending(self.exit_code or 0)}; {self._child.log_tail}"

    @property
    def pids(self) -> set[int]:
        """None: its command says whose it is."""
        return set()

    def end_of(self, runner_id: str, pid: int) -> Ended | None:
        """Return how one of its processes ended, the worker's own or one that its runner started."""
        if pid == self.pid and self.exit_code is not None:
            return Ended(pid, ending(self.exit_code))
        return children.read_from(self._notes).get(runner_id)

    def has_lost_task(self, runner_id: str, invocation_id: str) -> bool:  # noqa: ARG002
        """Whether a thread of it is over: not known here."""
        return False

    @property
    def role(self) -> str:
        return "worker"

    def log_tail(self) -> Log:
        end = "" if self.exit_code is None else ending(self.exit_code)
        title = f"pynenc_worker {self.pid}" + (f", ended with {end}" if end else "")
        return Log(title, self.pid, end, tuple(log_lines.last(self.log)))

    def has(self, context: "RunnerContext") -> bool:
        return any(each.pid == self.pid for each in lineage(context))


@dataclass(frozen=True)
class Place:
    """Where a worker is started, and how."""

    directory: Path  # for its files
    seconds: float  # how long it may take to start, and later to stop
    home: Path = field(default_factory=Path.cwd)  # where its code is imported: where pytest was started
    forks: ForkServers | None = None  # what it is forked from where that can be

    @property
    def specification(self) -> Path:
        return self.directory / "worker.pickle"

    @property
    def log(self) -> Path:
        return specifications.log_beside(self.specification)

    @property
    def notes(self) -> Path:
        """How its own children ended."""
        return self.directory / "children"


def start_worker(app: "Pynenc", place: Place, wishes: Wishes | None = None) -> Worker:
    """Start a worker process for `app` and wait until its runner runs.

    :param wishes: what it has otherwise than its test
    :raises RunnerError: if it does not get there; with the tail of its log
    """
    child = start_process(app, specifications.of(app, place.home, place.notes, wishes), place)
    worker = Worker(child, app.app_id, place.seconds, place.notes)
    watch(app, worker)
    return worker


def start_process(app: "Pynenc", specification: Specification, place: Place) -> Child:
    """Start a process that runs `app`, and wait until it does.

    :raises RunnerError: if it does not get there; with the tail of its log
    """
    try:
        child, answer = _start(specification, place)
    except NotReadyError as error:
        raise not_started(app, f"did not start: {error}") from None
    if answer != READY:
        child.kill()
        raise not_started(app, answer)
    return child


def not_started(app: "Pynenc", why: str) -> RunnerError:
    """Return what to raise where no worker of an app runs."""
    return RunnerError(f"the worker for app {app.app_id!r} {why}")


def _start(specification: Specification, place: Place) -> tuple[Child, str]:
    path, log, seconds = place.specification, place.log, place.seconds
    specification.write(path)
    command = python_command(MODULE, str(path), str(getpid()))
    child = (place.forks and place.forks.start(specification, path, log, seconds)) or start_child(
        command, log, environment=dict(specification.code.environment)
    )
    try:
        return child, child.first_line(seconds)
    except BaseException:
        child.kill()
        raise
