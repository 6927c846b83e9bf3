"""What stays of a runner in the test process that would not stop: its processes, and the threads of tasks.

Processes are killed. A thread cannot be: it gets SystemExit, which ends it as soon as it is back from
where it waits in C, and before it can write a word to the store of an app that its test has put back.
"""

import ctypes
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import children, clock

if TYPE_CHECKING:
    from pynenc.invocation.base_invocation import BaseInvocation
    from pynenc.runner.base_runner import BaseRunner

_END_SECONDS = 0.2


def kill_processes(runner: "BaseRunner") -> None:
    """End the processes that run a runner's tasks, and the one that they talk through, at once (SIGKILL)."""
    for process in (*children.processes_of(runner).values(), children.manager_of(runner)):
        if process is not None:
            process.kill()
            process.join(_END_SECONDS)


def task_threads(runner: "BaseRunner") -> dict[threading.Thread, str]:
    """Return the threads of the test process that run a runner's tasks, with the tasks in words."""
    running = list(getattr(runner, "threads", {}).values())
    return {each.thread: _named(each.invocation) for each in running}


def end_threads(threads: Sequence[threading.Thread]) -> list[threading.Thread]:
    """Have threads end; return those that do not, being in a call that knows nothing of Python.

    See https://docs.python.org/3/c-api/init.html#c.PyThreadState_SetAsyncExc
    """
    # without the processes that it waited for, one may end by itself
    for thread in _alive_after(threads, _END_SECONDS):
        # it ends in another test's time, which has nothing to do with it
        thread._invoke_excepthook = _say_nothing  # type: ignore[attr-defined]
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
        )
    return _alive_after(threads, _END_SECONDS)


def _alive_after(threads: Sequence[threading.Thread], seconds: float) -> list[threading.Thread]:
    deadline = clock.now() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - clock.now()))
    return [thread for thread in threads if thread.is_alive()]


def _named(invocation: "BaseInvocation[Any, Any]") -> str:
    return f"{invocation.task.task_id.key} (invocation {invocation.invocation_id})"


def _say_nothing(_thread: threading.Thread) -> None:
    pass
