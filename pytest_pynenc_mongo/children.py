"""How the child processes of a runner ended: pynenc's runners forget them, and who waits for a task asks."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from pytest_pynenc_mongo.processes import ending

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from pynenc.runner.base_runner import BaseRunner


class Ended(NamedTuple):
    """A process that has ended: `how` is `SIGSEGV`, or `exit code 3`."""

    pid: int
    how: str


def processes_of(runner: "BaseRunner") -> "dict[str, BaseProcess]":
    """Return the child processes that run a runner's tasks, by runner id."""
    table: dict[str, object] = getattr(runner, "child_runner_ids", {})
    # ProcessRunner's table has the invocation, too
    return {key: cast("BaseProcess", getattr(each, "process", each)) for key, each in list(table.items())}


def manager_of(runner: "BaseRunner") -> "BaseProcess | None":
    """Return the process that those talk through."""
    return getattr(getattr(runner, "manager", None), "_process", None)


class Children:
    """Follows the child processes of a runner of this process; `ended` has those that are over, by runner id.

    The runner's loop asks at each turn which of its children live, before it forgets the others.
    """

    def __init__(self, runner: "BaseRunner", tell: Callable[[str, Ended], object] | None = None) -> None:
        self.ended: dict[str, Ended] = {}
        self._living: dict[str, BaseProcess] = {}
        self._tell = tell
        ask = runner.get_active_child_runner_ids

        def get_active_child_runner_ids() -> list[str]:
            self._look(processes_of(runner))
            return ask()

        runner.get_active_child_runner_ids = get_active_child_runner_ids  # type: ignore[method-assign]

    @property
    def pids(self) -> set[int]:
        """The ids of those that lived at the loop's last turn."""
        return {process.pid or 0 for process in list(self._living.values())}

    def _look(self, table: "Mapping[str, BaseProcess]") -> None:
        self._living |= {key: process for key, process in table.items() if key not in self.ended}
        for runner_id, process in list(self._living.items()):
            if not process.is_alive() and process.exitcode is not None:
                # not the process itself, which holds a file descriptor
                del self._living[runner_id]
                self._note(runner_id, Ended(process.pid or 0, ending(process.exitcode)))

    def _note(self, runner_id: str, ended: Ended) -> None:
        self.ended[runner_id] = ended
        if self._tell:
            self._tell(runner_id, ended)


def write_to(notes: Path) -> Callable[[str, Ended], object]:
    """Return what writes each end to a file, for another process to read."""

    def tell(runner_id: str, ended: Ended) -> None:
        line = f"{runner_id}\t{ended.pid}\t{ended.how}\n"
        with notes.open("a", encoding="utf-8") as file:
            file.write(line)

    return tell


def read_from(notes: Path) -> dict[str, Ended]:
    """Return what `write_to` has written so far, whole lines only."""
    if not notes.exists():
        return {}
    lines = notes.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
    entries = (line.split("\t") for line in lines)
    return {runner_id: Ended(int(pid), how) for runner_id, pid, how in entries}


def has_ended(pid: int) -> bool:
    """Return whether no process of this machine has this id; one that nobody has reaped has ended, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _state_of(pid) in ("Z", "X")


def _state_of(pid: int) -> str:
    try:
        # the name before it may hold anything, brackets and spaces too
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return ""
