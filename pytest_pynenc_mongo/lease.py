"""A child process that does not outlive its parent."""

import os
import select
import sys
import threading
from collections.abc import Callable

_LOOK_EVERY_SECONDS = 0.2


def end_with_parent(parent_pid: int, end: Callable[[], None]) -> None:
    """Call `end` from a thread as soon as the parent is gone.

    The end of standard input says so at once, unless a process forked from the parent holds the pipe
    open; that this process has another parent says so always.
    """
    threading.Thread(target=_watch, args=(parent_pid, end), name="lease on the parent", daemon=True).start()


def _watch(parent_pid: int, end: Callable[[], None]) -> None:
    standard_input = sys.stdin.fileno()
    while os.getppid() == parent_pid:
        readable, _, _ = select.select([standard_input], [], [], _LOOK_EVERY_SECONDS)
        if readable and not os.read(standard_input, 1):
            break
    end()
