"""The end of a forked process: all that Python does, but for taking apart what the fork server made.

That is a copy of what its siblings have, and takes longer than all else. Nothing is lost by it: threads end,
what is registered with `atexit` is called, files are flushed.
"""

import atexit
import contextlib
import gc
import io
import os
import threading
from collections.abc import Iterable, Iterator

_before: list[io.IOBase] = []  # files that the fork server has opened: its objects are not found later


def prepare() -> None:
    """In the fork server: know which files are open, before objects are frozen; no fork has their text."""
    _before[:] = _open_files()
    _flush(_before)


def leave() -> None:
    """End this process with exit code 0."""
    threading._shutdown()  # type: ignore[attr-defined]  # what Python itself begins with
    atexit._run_exitfuncs()  # and goes on with
    _flush([*_before, *_open_files()])
    os._exit(0)


def _flush(files: Iterable[io.IOBase]) -> None:
    for file in files:
        with contextlib.suppress(OSError, ValueError):  # a full disk, or closed: as Python has it
            file.flush()


def _open_files() -> Iterator[io.IOBase]:
    return (each for each in gc.get_objects() if issubclass(type(each), io.IOBase))
