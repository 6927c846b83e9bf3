"""Who else may run tasks: threads and child processes of the test process that are not ours.

A user may start a runner in a thread of his own, or `pynenc runner start` in a child process. It takes a
moment until such a runner gives a sign of life.
"""

import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import NamedTuple

_THREAD_GRACE_SECONDS = 1.0
THREADS_OF_WAITS = "pynenc_wait"
_OUR_THREADS = (THREADS_OF_WAITS, "pymongo_", "pytest_timeout", "watch on ")
_OUR_PROGRAMS = ("pytest_pynenc_mongo.", "pynenc_mongo.mongomock_server")


class _Process(NamedTuple):
    pid: int
    parent: int
    command: str


def may_run_tasks(waited: float, ours: Collection[int] = ()) -> bool:
    """Return whether a runner may still turn up, for whoever has waited so many seconds.

    A child process is given as long as it lives, a thread a moment.

    :param ours: child processes that are known to be none
    """
    return (waited < _THREAD_GRACE_SECONDS and _has_threads()) or _has_python_children(ours)


def _has_threads() -> bool:
    others = (each for each in threading.enumerate() if each is not threading.main_thread())
    return any(
        each is not threading.current_thread() and not each.name.startswith(_OUR_THREADS) for each in others
    )


def _has_python_children(ours: Collection[int]) -> bool:
    children: defaultdict[int, list[_Process]] = defaultdict(list)
    for process in _all_processes():
        children[process.parent].append(process)
    found = _descendants(os.getpid(), children, ours)
    return any("python" in process.command or "pynenc" in process.command for process in found)


def _descendants(
    pid: int, children: Mapping[int, list[_Process]], ours: Collection[int]
) -> Iterator[_Process]:
    for process in children.get(pid, ()):
        if process.pid in ours or any(program in process.command for program in _OUR_PROGRAMS):
            continue
        if process.pid not in _helpers():
            yield process
        yield from _descendants(process.pid, children, ours)


def _helpers() -> tuple[int | None, ...]:
    """Return the processes that multiprocessing keeps for itself."""
    return (
        getattr(getattr(resource_tracker, "_resource_tracker", None), "_pid", None),
        getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None),
    )


def _all_processes() -> Iterator[_Process]:
    """Return the processes of this machine, but for those that have ended."""
    if not Path("/proc/self/stat").exists():
        yield from _all_by_ps()
        return
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if state not in "ZX":
            yield _Process(int(entry.name), int(parent), command)


def _all_by_ps() -> Iterator[_Process]:
    command = ["ps", "-axo", "pid=,ppid=,stat=,command="]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in listed.splitlines():
        pid, parent, state, *rest = line.split(None, 3)
        if not state.startswith("Z") and rest and "ps -axo" not in rest[0]:
            yield _Process(int(pid), int(parent), rest[0])
