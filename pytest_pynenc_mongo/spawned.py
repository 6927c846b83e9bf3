"""Processes that a runner starts here: they find the modules of this process, and end with it.

pynenc's runners start them by `multiprocessing`, in each of its three ways, and know nothing of either.
"""

import copyreg
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import connection, managers, util
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import module_files, registrations
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.module_files import ModuleFiles
from pytest_pynenc_mongo.processes import ending
from pytest_pynenc_mongo.registrations import Registration

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

_LOOK_EVERY_SECONDS = 0.2
_STILLBORN = 3  # as many in a row, and the next one would be no better
_PR_SET_PDEATHSIG = 1
_WATCH = "watch on the parent"


class _Hooks:
    """What is done while some runner of this process may start processes."""

    users = 0
    lock = threading.Lock()
    forked: "_Forked | None" = None  # a hook lives as long as what it is for


class _Forked:
    """What a forked child is told by."""

    def begin(self) -> None:
        _begin()


@contextmanager
def attached(app: "Pynenc") -> Generator[None]:
    """Have processes that runners start within the block find modules as this one does, and end with it."""
    with _Hooks.lock:
        _Hooks.users += 1
        if _Hooks.users == 1:
            _Hooks.forked = _Forked()
            util.register_after_fork(_Hooks.forked, _Forked.begin)
            _use_manager(_started_manager)
        # `multiprocessing` hands the app over first of all
        copyreg.pickle(type(app), _reduce)
    try:
        yield
    finally:
        with _Hooks.lock:
            _Hooks.users -= 1
            if not _Hooks.users:
                _Hooks.forked = None
                _use_manager(multiprocessing.Manager)
                copyreg.dispatch_table.pop(type(app), None)


def _begin() -> None:
    """In a process that a runner has started, before it runs anything."""
    end_with_parent()
    # Ctrl-C reaches it too, and the test says what there is to say: no traceback of its own among that
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_with_parent() -> None:
    """In a child of `multiprocessing`: end as soon as the parent is gone, which a thread watches.

    Linux does it for a child that is stopped, too, as ProcessRunner's are while they wait for another task.
    """
    if not _is_child() or any(thread.name == _WATCH for thread in threading.enumerate()):
        return
    parent_pid = os.getppid()  # the fork server's where there is one
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _leave_fork_server()

    def watch() -> None:
        while os.getppid() == parent_pid:
            # it is not known yet while a spawned process loads what it is to do
            parent = multiprocessing.parent_process()
            # siblings that were forked later hold its other end open, too
            if connection.wait([parent.sentinel] if parent else [], _LOOK_EVERY_SECONDS):
                break
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name=_WATCH, daemon=True).start()


def _leave_fork_server() -> None:
    """Let the fork server that this is a child of end with the process that it forks for.

    It ends when nobody holds a certain pipe any more, of which each of its children has an end: one that is
    stopped would keep it, and so itself, alive. No child uses it: it starts a fork server of its own.
    """
    module = sys.modules.get("multiprocessing.forkserver")
    server = getattr(module, "_forkserver", None)
    if server is None or server._inherited_fds is None or server._forkserver_pid is not None:
        return  # its parent is none, or it has one of its own already
    held, server._forkserver_alive_fd = server._forkserver_alive_fd, None
    if held is not None:
        os.close(held)


def _is_child() -> bool:
    """Return whether `multiprocessing` has made this process, or is about to: it loads what that is to do."""
    is_loading = getattr(multiprocessing.current_process(), "_inheriting", False)
    return is_loading or multiprocessing.parent_process() is not None


def refuse_the_stillborn(runner: "BaseRunner") -> None:
    """Have the loop of `runner` end where each process that it starts dies before it can run anything.

    pynenc's PersistentProcessRunner starts them again for ever, its MultiThreadRunner never: the dead count.
    """
    counts_the_dead = hasattr(runner, "shared_status")
    if not counts_the_dead and not hasattr(runner, "stop_event"):
        return  # ThreadRunner has none, and ProcessRunner's begin with a task
    iterate = runner.runner_loop_iteration
    stillborn: list[str] = []

    def runner_loop_iteration() -> None:
        children: dict[str, multiprocessing.Process] = runner.child_runner_ids  # type: ignore[attr-defined]
        for runner_id, process in list(children.items()):
            if process.is_alive() or runner_id in stillborn:
                continue
            if _has_begun(runner, runner_id):
                stillborn.clear()
                continue
            stillborn.append(runner_id)
            is_last = counts_the_dead and children.keys() <= set(stillborn)
            if is_last or len(stillborn) >= _STILLBORN:
                how = ending(process.exitcode or 0)
                raise RunnerError(
                    f"the processes of {type(runner).__name__} die before they run anything, the last one "
                    f"with {how}; its traceback is in the standard error of this one"
                )
        iterate()

    runner.runner_loop_iteration = runner_loop_iteration  # type: ignore[method-assign]


def _has_begun(runner: "BaseRunner", runner_id: str) -> bool:
    return bool(runner.app.state_backend.get_runner_context(runner_id))


def _reduce(app: "Pynenc") -> tuple[Any, ...]:
    function, arguments, state = app.__reduce__()
    plain = {known.task_id: known for known in registrations.of(app) if known.details}
    # pynenc's own way to load a task needs more than a plain function at its name
    tasks = {task_id: task for task_id, task in app.tasks.items() if task_id not in plain}
    origin = (module_files.known(), os.getpid(), function, arguments)
    return _rebuilt, origin, ({**state, "tasks": tasks}, list(plain.values())), None, None, _set_state


def _rebuilt(
    files: ModuleFiles, from_pid: int, function: Callable[..., "Pynenc"], arguments: tuple[Any, ...]
) -> "Pynenc":
    if os.getpid() != from_pid and _is_child():
        module_files.find_by(files)
        _begin()
    return function(*arguments)


def _set_state(app: "Pynenc", state: tuple[dict[str, Any], list[Registration]]) -> None:
    own, plain = state
    app.__setstate__(own)
    registrations.complete(app, plain)


def _started_manager() -> managers.SyncManager:
    """Return what `multiprocessing.Manager()` does, its process watching this one."""
    manager = managers.SyncManager(ctx=multiprocessing.get_context())
    manager.start(initializer=end_with_parent)
    return manager


def _use_manager(manager: Callable[[], managers.SyncManager]) -> None:
    from pynenc.runner import multi_thread_runner, persistent_process_runner, process_runner

    for module in (multi_thread_runner, persistent_process_runner, process_runner):
        module.Manager = manager  # type: ignore[attr-defined]
