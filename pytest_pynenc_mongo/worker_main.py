"""A worker process: `python -m pytest_pynenc_mongo.worker_main SPECIFICATION PARENT_PID`.

Imports the app under test, puts it on the test database and runs its runner, as `pynenc runner start`
would. Prints one line once the runner runs. One that several tests use does so for each of them, when it is
told to (orders.py). With `forks` as a third argument it imports the app and is a fork server for workers.
"""

import atexit
import importlib
import os
import pkgutil
import platform
import signal
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pynenc_mongo.mongomock_server.process import end_with_parent
from pytest_pynenc_mongo import (
    app_places,
    children,
    debugging,
    finishing,
    forking,
    leaving,
    loggers,
    module_files,
    orders,
    processes,
    registrations,
    spawned,
    specifications,
    wiring,
)
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.runners import announce_start, start_method_kept, store_who_it_is
from pytest_pynenc_mongo.specifications import Specification

if TYPE_CHECKING:
    from pynenc import Pynenc

# packages whose modules a worker needs sooner or later; what they import is imported before `sys.path` is the
# test process's, where a module of the user's may have the name of one of the standard library
_PACKAGES = (
    "pynenc_mongo.conf",
    "pynenc_mongo.storage",
    "pynenc.runner",
    "pynenc.trigger",
    "pynenc.serializer",
)


def main(path: str, parent_pid: int) -> None:
    lease, answers = processes.take_pipes()
    end_with_parent(parent_pid, _end_group, lease)
    specification = specifications.read(Path(path))
    app = import_app(specification)
    _run(app, specification, answers)


def fork(path: str, parent_pid: int) -> None:
    """Be a fork server, which says on one line whether it can be; and then a worker, in each child."""
    lease, answers = processes.take_pipes()
    app = import_app(specifications.read(Path(path)))
    if app:
        app_places.find(app)
    platform.platform()  # which pynenc says when it stops, and Python finds out once a process
    leaving.prepare()
    reason = forking.why_not_to_fork(lease)
    processes.say(answers, f"{forking.UNSAFE} {reason}" if reason else processes.READY)
    if reason:
        return
    if forked := forking.serve(socket.socket(fileno=lease), parent_pid):
        end_with_parent(forked.server_pid, _end_group, forked.lease)
        _run(app, forked.specification, forked.answers)
        leaving.leave()


def import_app(specification: Specification) -> "Pynenc | None":
    """Import what `specification` says, where the test process imported it; return the app of a module."""
    from pynenc import Pynenc

    for name in _PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(module.name)
    code = specification.code
    os.chdir(code.home)
    sys.path[:] = code.search_path
    module_files.find_by(specification.module_files)
    app = None
    if code.app_variable:
        app = getattr(importlib.import_module(code.app_module), code.app_variable, None)
    for name, _ in code.modules:
        importlib.import_module(name)
    return app if isinstance(app, Pynenc) else None


def _run(app: "Pynenc | None", specification: Specification, answers: int) -> None:
    """Run the app for a test; and for others, if the specification says by what the worker is told so."""
    from pynenc import Pynenc

    life = specifications.life_in(specification)
    be_where(life, specification)
    wiring.pin(life.config_values)
    os.register_at_fork(after_in_child=_default_signals)
    _end_without_the_driver_s_threads()
    app = app or Pynenc(config_values={**life.config_values, "app_id": life.app_id})
    if not specification.orders:
        _run_once(app, life, answers)
        return
    told, imported = orders.Orders(specification.orders), module_files.footprint()
    while _run_once(app, life, answers, told):
        _default_signals()
        goes_on = told.what_goes_on()
        processes.say(answers, goes_on or orders.RESTING)
        if goes_on or (order := told.wait()) == orders.END:
            return
        specification = specifications.read(Path(order))
        if module_files.have_changed(imported, module_files.footprint()):
            processes.say(answers, orders.STALE)
            return
        _log_to(specifications.log_beside(Path(order)))
        life = specifications.life_in(specification)
        be_where(life, specification)


def be_where(life: specifications.Life, specification: Specification) -> None:
    """Be as the test process is: find its modules, have its environment and its working directory."""
    module_files.find_by(specification.module_files)
    os.environ.clear()
    os.environ.update(life.environment)
    os.chdir(life.directory)


def _run_once(
    app: "Pynenc", life: specifications.Life, answers: int, told: orders.Orders | None = None
) -> bool:
    """Run the app until the runner ends; return whether that was because of an order to rest."""
    debugging.answer_breakpoints()  # by a variable, of which each run has its own
    with wiring.kept(app), spawned.attached(app), start_method_kept():
        try:
            registrations.complete(app, life.tasks)
        except RunnerError as error:
            processes.say(answers, str(error))
            return False
        wiring.apply(app, life.config_values, runner_cls=life.runner_cls, **loggers.settings_of_worker())
        runner = app.runner
        children.Children(runner, children.write_to(Path(life.notes)))

        def begin() -> None:
            processes.say(answers, processes.READY)  # whoever waits goes on meanwhile
            store_who_it_is(runner)

        announce_start(runner, begin)
        spawned.refuse_the_stillborn(runner)
        finishing.let_finish(runner)
        if told is None:
            runner.run()
            return False
        with told.obeyed_by(runner) as is_told_to_rest:
            runner.run()
        return is_told_to_rest.is_set()


def _log_to(file: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, stat.S_IRUSR | stat.S_IWUSR)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _default_signals() -> None:
    """A process that a runner forks must end on SIGTERM, not run the handler that stops its parent's loop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _end_without_the_driver_s_threads() -> None:
    """Do not wait, at the very end, for threads that sleep half a second: pymongo would, for no reason here.

    They are daemons that hold nothing, and the clients are closed by then.
    """
    from pymongo.synchronous import monitor

    if wait_for_them := getattr(monitor, "_shutdown_resources", None):
        atexit.unregister(wait_for_them)


def _end_group() -> None:
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    (fork if forking.FORKS in sys.argv[3:] else main)(sys.argv[1], int(sys.argv[2]))
