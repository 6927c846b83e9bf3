"""A runner whose commands fail one after the other, or whose server is away for a while: does it go on?"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pynenc import Pynenc
from pynenc.invocation.status import InvocationStatus
from pynenc.runner.runner_context import RunnerContext

from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.workers import Worker
from tests.faulty import Fault, FaultyServer, faulty, nothing, only
from tests.kills import shop
from tests.kills.workers import at_work, wait_until

RUNNERS = ("ThreadRunner", "MultiThreadRunner", "ProcessRunner", "PersistentProcessRunner")
# as short as a busy machine allows
SETTINGS: dict[str, Any] = {
    "max_pending_seconds": 1.0,
    "runner_considered_dead_after_minutes": 4 / 60,
    "atomic_service_check_interval_minutes": 0.5 / 60,
    "num_processes": 2,  # one would wait for its own tasks
}
RECOVERY_SECONDS = 1.5
MOST_SECONDS = 60.0
IDLE_COMMANDS = 8
# the task, its result as a multiple of its number, and which of its commands fail: each, or each third
BUSY: dict[str, tuple[Any, int, int]] = {
    "sell": (shop.sell, 1, 1),
    "charge": (shop.charge, 1, 1),
    "bake": (shop.bake, 3, 4),
}


@dataclass
class Outcome:
    """What must not be: ends of the worker, and tasks that did not succeed."""

    ended: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def wrong(self) -> list[str]:
        return self.ended + self.failed


class Gauntlet:
    def __init__(self, app: Pynenc, server: FaultyServer, worker: Worker) -> None:
        self._app = app
        self._server = server
        self._worker = worker
        self._number = 0
        self.outcome = Outcome()

    @property
    def struck(self) -> list[str]:
        """The commands that were spoilt."""
        return self._server.struck

    def strike_idle(self, fault: Fault, count: int = IDLE_COMMANDS) -> None:
        """Spoil the next command of an idle runner, then the second next, and so on."""
        for number in range(1, count + 1):
            self._strike(f"idle {number}", fault, number, self._has_polled_again)

    def strike_busy(self, fault: Fault, kind: str, *, most: int = 200) -> None:
        """Spoil the first command that a task makes its runner send, then the second, up to the last."""
        _, _, step = BUSY[kind]
        for number in range(1, most + 1, step):
            struck = len(self._server.struck)
            self._strike(f"{kind} {number}", fault, number, lambda: self._run(kind))
            if len(self._server.struck) == struck:
                return

    def be_away(self, seconds: float) -> None:
        """Take the server away while a task runs and others wait."""
        numbers = [self._call("sell") for _ in range(5)]
        wait_until(lambda: self._server.seen, MOST_SECONDS)
        self._server.stop()
        threading.Event().wait(seconds)
        self._server.start()
        for number, invocation in numbers:
            self._check("sell", number, invocation)
        self._run("bake")
        self._look("after the outage")

    def _strike(self, where: str, fault: Fault, number: int, see_it_go_on: Callable[[], None]) -> None:
        self._server.judge = only(number, fault)
        see_it_go_on()
        self._server.judge = nothing
        self._look(where)

    def _look(self, where: str) -> None:
        if not self._worker.is_alive:
            self.outcome.ended.append(f"{where}: the worker ended with {self._worker.exit_code}")
            raise EndedError

    def _has_polled_again(self) -> None:
        struck = len(self._server.struck)
        wait_until(lambda: len(self._server.struck) > struck or not self._worker.is_alive, MOST_SECONDS)
        seen = len(self._server.seen)
        wait_until(lambda: len(self._server.seen) > seen + 4 or not self._worker.is_alive, MOST_SECONDS)

    def _run(self, kind: str) -> None:
        self._check(kind, *self._call(kind))

    def _call(self, kind: str) -> tuple[int, Any]:
        self._number += 1
        return self._number, BUSY[kind][0](self._number)

    def _check(self, kind: str, number: int, invocation: Any) -> None:
        orchestrator = self._app.orchestrator
        ends = time.monotonic() + MOST_SECONDS
        recovers = time.monotonic() + RECOVERY_SECONDS
        while not (status := orchestrator.get_invocation_status(invocation.invocation_id)).is_final():
            if time.monotonic() > ends or not self._worker.is_alive:
                break
            if time.monotonic() > recovers:
                recover(self._app)
                recovers = time.monotonic() + RECOVERY_SECONDS
            threading.Event().wait(0.01)
        stores, invocation_id = self._app.state_backend, invocation.invocation_id
        result = stores.get_result(invocation_id) if status == InvocationStatus.SUCCESS else None
        if result != number * BUSY[kind][1]:
            story = [str(each.status_record.status) for each in stores.get_history(invocation_id)]
            self.outcome.failed.append(f"{kind} {number} is {status} with {result} after {story}")


class EndedError(Exception):
    """The worker has ended."""


def recover(app: Pynenc) -> None:
    """Do what pynenc's recoveries do, from outside its queue."""
    orchestrator, runner = app.orchestrator, RunnerContext("recovery")
    steps = {
        InvocationStatus.PENDING_RECOVERY: orchestrator.get_pending_invocations_for_recovery,
        InvocationStatus.RUNNING_RECOVERY: orchestrator.get_running_invocations_for_recovery,
    }
    for status, find in steps.items():
        found = set(find())
        for invocation_id in found:
            orchestrator.set_invocation_status(invocation_id, status, runner)
        orchestrator.reroute_invocations(found, runner)


@contextmanager
def gauntlet(engine_url: str, database: str, runner: str, directory: Path) -> Iterator[Gauntlet]:
    """Have a worker run behind a server that spoils commands, and call tasks past it."""
    with faulty(engine_url) as server:
        behind = wiring.settings(
            TestDatabase(TestServer(server.url), database), {**SETTINGS, "runner_cls": runner}
        )
        beside = wiring.settings(TestDatabase(TestServer(engine_url), database), SETTINGS)
        with wiring.rewired(shop.app, behind) as app:
            workers = at_work(app, directory, 1)
            (worker,) = workers.__enter__()
        try:
            with wiring.rewired(shop.app, beside) as app:
                yield Gauntlet(app, server, worker)
        finally:
            server.judge = nothing
            workers.__exit__(None, None, None)
