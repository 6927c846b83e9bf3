"""What pynenc's tests leave running: runners that nobody stopped, their threads and their processes."""

import ctypes
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress

import psutil
from pynenc import Pynenc

_PATIENCE_SECONDS = 3.0
_PR_SET_CHILD_SUBREAPER = 36

# multiprocessing starts one for the whole of a process
_SHARED_HELPERS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


@contextmanager
def cleaned_up(apps: Callable[[], Iterable[Pynenc]]) -> Generator[None]:
    """End what was started meanwhile; put back the start method, which a runner sets for the whole process.

    :param apps: returns, afterwards, the apps whose runners may still run
    """
    threads, processes = set(threading.enumerate()), _descendants()
    start_method = multiprocessing.get_start_method(allow_none=True)
    _adopt_orphans(adopt=True)
    try:
        yield
    finally:
        for app in apps():
            _stop_runner(app)
        _end_threads(set(threading.enumerate()) - threads)
        _end_processes(_descendants() - processes)
        _adopt_orphans(adopt=False)
        multiprocessing.set_start_method(start_method, force=True)


def _stop_runner(app: Pynenc) -> None:
    runner = app._runner_instance
    if runner is not None and runner.running:
        # it may be half stopped, and what its own tests see of that is theirs to judge
        with suppress(Exception):
            runner.stop_runner_loop()


def _end_threads(threads: Iterable[threading.Thread]) -> None:
    """Wait for threads to end; one that waits in pynenc for what never comes is made to leave."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    # the driver's threads belong to its client, which the next test uses
    for thread in [each for each in threads if not each.name.startswith("pymongo")]:
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive() and _is_in_pynenc(thread):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
            )


def _is_in_pynenc(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("pynenc."):
            return True
        frame = frame.f_back
    return False


def _adopt_orphans(*, adopt: bool) -> None:
    """Make the children of a killed child ours, where the system can, so that they can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _end_processes(processes: Iterable[psutil.Process]) -> None:
    ended = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if not any(helper in " ".join(process.cmdline()) for helper in _SHARED_HELPERS):
                process.kill()
                ended.append(process)
    psutil.wait_procs(ended, _PATIENCE_SECONDS)
    # multiprocessing takes note of those that it started
    multiprocessing.active_children()
