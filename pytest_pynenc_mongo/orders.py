"""What a worker that several tests use is told, and what it answers: both ends.

It is told by a named pipe, one line an order: to rest as soon as a test is over; to run for the next one,
whose specification is named; to end. It answers where it has said that it runs.
"""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynenc.runner.base_runner import BaseRunner

REST, END = "rest", "end"  # every other order is the path of a specification
RESTING, STALE = "resting", "stale"
_DRIVER_S_THREADS = "pymongo_"


def make(directory: Path) -> Path:
    """Make the pipe of a worker."""
    pipe = directory / "orders"
    os.mkfifo(pipe, 0o600)
    return pipe


def give(pipe: Path, order: str) -> None:
    """Give an order, if there is somebody who may read it."""
    with contextlib.suppress(OSError):
        file = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(file, os.fsencode(f"{order}\n"))
        finally:
            os.close(file)


class Orders:
    """A worker's own end."""

    def __init__(self, pipe: str) -> None:
        # it is open for writing, too: so it has no end while nobody has an order
        self._file = os.fdopen(os.open(pipe, os.O_RDWR), "rb", buffering=0)
        self._threads = {thread.ident for thread in threading.enumerate()}

    def wait(self) -> str:
        """Return the next order, when there is one."""
        return os.fsdecode(self._file.readline()).rstrip("\n")

    @contextmanager
    def obeyed_by(self, runner: "BaseRunner") -> Generator[threading.Event]:
        """Have `runner` stop when it is told to rest; yield what is set then."""
        is_told = threading.Event()

        def watch() -> None:
            if self.wait() == REST:
                is_told.set()
                # its loop sees this and cleans up by itself
                runner.running = False

        thread = threading.Thread(target=watch, name="watch on orders", daemon=True)
        thread.start()
        yield is_told
        if is_told.is_set():
            thread.join()

    def what_goes_on(self) -> str:
        """Return in words what goes on in this process although its runner has stopped, or an empty string.

        It could store something in the next test.
        """
        for thread in threading.enumerate():
            if thread.ident not in self._threads and not thread.name.startswith(_DRIVER_S_THREADS):
                return f"its thread {thread.name!r} goes on"
        return f"its child process {min(children)} goes on" if (children := _children()) else ""


def _children() -> set[int]:
    """Return the ids of this process's children, but for multiprocessing's own helper."""
    found = {process.pid for process in multiprocessing.active_children()}
    for tasks in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, tasks.read_text().split()))
    helper = vars(resource_tracker)["_resource_tracker"]
    return {pid for pid in found if pid and pid != helper._pid}
