"""Workers that several tests use, one after the other: `pynenc_mongo_worker_scope` (ADR 33).

A process runs the app during the tests that ask for `pynenc_worker`, with a runner of its own for each, and
rests in between: nobody runs tasks while the database is emptied, nor in a test that asks for no worker.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_pynenc_mongo import orders, specifications
from pytest_pynenc_mongo.errors import NotReadyError
from pytest_pynenc_mongo.executors import watch
from pytest_pynenc_mongo.processes import READY, Child, ending
from pytest_pynenc_mongo.specifications import Code, Specification
from pytest_pynenc_mongo.workers import Place, Worker, not_started, start_process, start_worker

if TYPE_CHECKING:
    from pynenc import Pynenc

# apps that take turns; each costs a process
_KEPT = 3
_END_SECONDS = 1.0

_NODES: dict[str, type[pytest.Collector]] = {"module": pytest.Module, "session": pytest.Session}
_KEY: "pytest.StashKey[SharedWorkers]" = pytest.StashKey()


def of(item: pytest.Item, scope: str, note: Callable[[str], object]) -> "SharedWorkers":
    """Return the shared workers of the module or the session of a test, which end with it.

    :param scope: `module` or `session`; a test that is in no module has those of the session
    :param note: is told why a worker was not shared
    """
    node = item.getparent(_NODES[scope]) or item.session
    if _KEY not in node.stash:
        node.stash[_KEY] = SharedWorkers(note)

        def end() -> None:
            node.stash[_KEY].close()
            del node.stash[_KEY]

        node.addfinalizer(end)
    return node.stash[_KEY]


class _Process(NamedTuple):
    """A process that several tests use, and what it is told by."""

    child: Child
    code: Code
    pipe: Path

    def end(self) -> None:
        orders.give(self.pipe, orders.END)
        self.child.wait_or_kill(_END_SECONDS)


class SharedWorkers:
    """One process for each app, the one that was used last at the end."""

    def __init__(self, note: Callable[[str], object]) -> None:
        self._resting: OrderedDict[str, _Process] = OrderedDict()
        self._running: list[_Process] = []
        self._note = note
        self._noted: set[str] = set()

    def worker_for(self, app: "Pynenc", place: Place) -> Worker:
        """Return a worker that runs `app`: a process of an earlier test if it would do what a new one does.

        An app that is no module's, as those are that a fixture makes, is nobody else's: its worker neither.

        :raises RunnerError: if it does not start, with the tail of its log
        """
        specification = specifications.of(app, place.home, place.notes)
        if not specification.code.app_variable:
            self._say("an app that is no module's is one test's alone: name yours in the ini pynenc_app")
            return start_worker(app, place)
        process = self._resting.pop(_name(specification.code), None)
        if process and (why := _why_not_again(process, app, specification, place)):
            self._say(f"it was started anew for app {app.app_id!r}: {why}")
            process.end()
            process = None
        if process is None:
            pipe = orders.make(place.directory)
            child = start_process(app, replace(specification, orders=str(pipe)), place)
            process = _Process(child, specification.code, pipe)
        self._running.append(process)
        worker = SharedWorker(process, app.app_id, place, self._take_back)
        watch(app, worker)
        return worker

    def close(self) -> None:
        """End them, and wait until they are gone."""
        for process in (*self._resting.values(), *self._running):
            process.end()

    def _take_back(self, process: _Process, left: str) -> None:
        """Keep a process that rests; end one that has ended, or in which something goes on."""
        self._running.remove(process)
        if left:
            self._say(f"it was not kept for the next test: {left}")
            process.end()
        elif process.child.is_alive:
            self._resting[_name(process.code)] = process
            if len(self._resting) > _KEPT:
                self._resting.popitem(last=False)[1].end()

    def _say(self, why: str) -> None:
        """Say, once each, why a worker was one test's only."""
        if why not in self._noted:
            self._noted.add(why)
            self._note(f"pynenc_worker: {why}")


class SharedWorker(Worker):
    """What one test has of a process that others have before and after it."""

    def __init__(
        self, process: _Process, app_id: str, place: Place, take_back: Callable[[_Process, str], object]
    ) -> None:
        super().__init__(process.child.with_log(place.log), app_id, place.seconds, place.notes)
        self._process = process
        self._take_back = take_back
        self._is_asked_to_rest = False

    def leave(self) -> None:
        """Have its runner stop, as `stop` has, and its process wait for the next test.

        :raises RunnerError: if it had to be killed, or had ended by itself; with the tail of its log
        """
        left = ""
        self.resume()
        try:
            if self.is_alive:
                left = self._rest()
            else:
                self.stop()
        finally:
            self._take_back(self._process, left)

    def _ask_to_end(self) -> None:
        if not self._is_asked_to_rest:
            self._is_asked_to_rest = True
            orders.give(self._process.pipe, orders.REST)

    def _rest(self) -> str:
        """Return what goes on in the process although its runner has stopped; empty if it rests."""
        self._ask_to_end()
        try:
            answer = self._child.first_line(self._stop_seconds)
        except NotReadyError:
            if not self.is_alive:
                self.stop()
            self._child.kill()
            if not self._is_hurried:
                raise self._did_not_stop() from None
            return ""
        return "" if answer == orders.RESTING else answer


def _name(code: Code) -> str:
    return f"{code.app_module}:{code.app_variable}"


def _why_not_again(process: _Process, app: "Pynenc", specification: Specification, place: Place) -> str:
    """Have a process run for the next test; return why it does not, or an empty string.

    :raises RunnerError: if a new one could not do it either
    """
    if how := _how_it_ended(process):
        return how
    if what := _differing(process.code, specification.code):
        return what
    specification.write(place.specification)
    place.log.touch()
    orders.give(process.pipe, str(place.specification))
    try:
        answer = process.child.first_line(place.seconds)
    except NotReadyError as error:
        return _how_it_ended(process) or str(error).partition("\n")[0]
    if answer in (READY, orders.STALE):
        return "" if answer == READY else "modules have changed since it imported them"
    process.end()
    raise not_started(app, answer)


def _how_it_ended(process: _Process) -> str:
    code = process.child.exit_code
    return "" if code is None else f"it ended while it rested, with {ending(code)}"


def _differing(before: Code, now: Code) -> str:
    """Return in words why two states of code are not the same, or an empty string."""
    if before.environment != now.environment:
        names = sorted({name for name, _ in {*before.environment} ^ {*now.environment}})
        return f"the environment has changed: {', '.join(names)}"
    if before.modules != now.modules:
        names = sorted({name for name, _ in {*before.modules} ^ {*now.modules}})
        return f"tasks or runners of other modules are known now: {', '.join(names)}"
    return "" if before == now else "modules are looked for elsewhere than before"
