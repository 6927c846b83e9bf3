"""Workers that are killed at random while tasks of every kind run; then quiet, and what is left."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pynenc import Pynenc
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus

from pynenc_mongo.orchestrator.documents import INVOCATIONS
from tests.kills import shop
from tests.kills.workers import start, wait_until

if TYPE_CHECKING:
    from pytest_pynenc_mongo.workers import Worker

# as short as a busy machine allows: whoever is silent for longer is taken for dead
SETTINGS: dict[str, Any] = {"max_pending_seconds": 1.0, "runner_considered_dead_after_minutes": 4 / 60}
RECOVERIES = [
    TaskId("pynenc.core_tasks", f"recover_{status}_invocations") for status in ("pending", "running")
]
UNFINISHED = sorted(set(InvocationStatus) - InvocationStatus.get_final_statuses())
MOST_QUEUED = 20
RECOVERY_PAUSE = 1.0
QUIET_SECONDS = 120.0

KINDS: dict[str, tuple[Callable[..., Any], int]] = {
    # the task, and its result as a multiple of its number
    "sell": (shop.sell, 1),
    "charge": (shop.charge, 1),
    "bake": (shop.bake, 3),
    "print_label": (shop.print_label, 1),
    "count_cash": (shop.count_cash, 1),
    "weigh": (shop.weigh, 1),
}
ONE_AT_A_TIME = ("print_label", "count_cash", "weigh")
# by pynenc's definition: a new one that meets another one ends unrun
MAY_END_UNRUN = ("print_label", "weigh")


@dataclass
class Outcome:
    """What a storm left; all but the first four are what must not be."""

    calls: int = 0
    invocations: int = 0
    kills: int = 0
    seconds_to_quiet: float = 0.0
    stuck: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    jammed: list[str] = field(default_factory=list)
    slots_held: int = 0
    services_held: int = 0

    def wrong(self) -> dict[str, object]:
        """Return what must not be and is; empty if all is well."""
        bad = ("stuck", "lost", "twice", "jammed", "slots_held", "services_held")
        return {name: getattr(self, name) for name in bad if getattr(self, name)}


class Storm:
    """Some workers, each killed and replaced again and again, each in a thread that minds it."""

    kinds: ClassVar = KINDS
    lives = (0.2, 4.0)  # seconds of a worker, the shortest and the longest

    def __init__(self, app: Pynenc, directory: Path, workers: int, seed: int) -> None:
        self._app = app
        self._directory = directory
        self._dice = [random.Random(seed * 1000 + number) for number in range(workers + 1)]
        self._calls: list[tuple[str, int, Any]] = []
        self._workers: list[Worker] = []
        self._errors: list[BaseException] = []
        self.outcome = Outcome()

    def blow(self, seconds: float) -> Outcome:
        """Kill for some seconds, wait until all is quiet, and look at what is left."""
        end = time.monotonic() + seconds

        def ends_within(life: float) -> bool:
            if time.monotonic() + life > end:
                return True
            threading.Event().wait(life)
            return False

        return self._rage(lambda: self._call_until(end), ends_within)

    def _rage(self, call: Callable[[], object], ends_within: Callable[[float], bool]) -> Outcome:
        """Call tasks while workers are killed, each of which lives on with which the storm ends."""
        minders = [
            threading.Thread(target=self._mind, args=(number, dice, ends_within), daemon=True)
            for number, dice in enumerate(self._dice[1:])
        ]
        try:
            for minder in minders:
                minder.start()
            call()
            for minder in minders:
                minder.join(QUIET_SECONDS)
            for error in self._errors:
                raise error
            self._wait_for_quiet()
            return self._look()
        finally:
            for worker in self._workers:
                worker.kill()

    def _mind(self, number: int, dice: random.Random, ends_within: Callable[[float], bool]) -> None:
        try:
            for generation in range(10_000):
                worker = start(self._app, self._directory / f"worker-{number}-{generation}")
                self._workers.append(worker)
                if ends_within(dice.uniform(*self.lives)):
                    return
                worker.kill()
                self._workers.remove(worker)
                self.outcome.kills += 1
        except BaseException as error:  # raised again where all are waited for
            self._errors.append(error)

    def _call_until(self, end: float) -> None:
        dice = self._dice[0]
        while time.monotonic() < end:
            if self._app.broker.count_invocations() < MOST_QUEUED:
                self._call(dice.choice(list(self.kinds)), len(self._calls))
            threading.Event().wait(dice.uniform(0.0, 0.1))

    def _call(self, kind: str, number: int) -> None:
        task, _ = self.kinds[kind]
        arguments = (str(self._directory / kind), number) if kind in ONE_AT_A_TIME else (number,)
        self._calls.append((kind, number, task(*arguments)))

    def _wait_for_quiet(self) -> None:
        """Wait until nothing is left to do, with pynenc's own recoveries, more often than its schedule."""
        began = time.monotonic()
        while self._unfinished() and time.monotonic() < began + QUIET_SECONDS:
            for task_id in RECOVERIES:
                self._app.get_task(task_id)()
            pause_ends = time.monotonic() + RECOVERY_PAUSE
            while self._unfinished() and time.monotonic() < pause_ends:
                threading.Event().wait(0.05)
        self.outcome.seconds_to_quiet = time.monotonic() - began

    def _unfinished(self) -> int:
        return self._app.orchestrator.count_invocations(statuses=UNFINISHED)

    def _look(self) -> Outcome:
        orchestrator: Any = self._app.orchestrator
        outcome = self.outcome
        outcome.calls = len(self._calls)
        outcome.invocations = orchestrator.count_invocations()
        unfinished = orchestrator.get_invocation_ids_paginated(statuses=UNFINISHED, limit=10_000)
        outcome.stuck = [self._story(each) for each in unfinished]
        outcome.lost = [text for call in self._calls if (text := self._what_is_wrong(*call))]
        outcome.twice = [self._story(each) for each, times in self._ends().items() if times > 1]
        outcome.jammed = [path.name for path in self._directory.glob("*.jammed")]
        invocations = orchestrator._collections.existing(INVOCATIONS)
        outcome.slots_held = invocations.count_documents({"slot": {"$exists": True}})
        try:
            # the live ones run it again and again: one that is held is never let go
            wait_until(lambda: not orchestrator.get_active_atomic_service_executions(), 15.0)
        except TimeoutError:
            outcome.services_held = 1
        return outcome

    def _what_is_wrong(self, kind: str, number: int, invocation: Any) -> str:
        """Say what is wrong with the end of a call, or nothing."""
        status = self._app.orchestrator.get_invocation_status(invocation.invocation_id)
        if status == InvocationStatus.SUCCESS:
            result = self._app.state_backend.get_result(invocation.invocation_id)
            return (
                "" if result == number * self.kinds[kind][1] else f"{kind} {number} has the result {result}"
            )
        if status == InvocationStatus.CONCURRENCY_CONTROLLED_FINAL and kind in MAY_END_UNRUN:
            return ""
        return f"{kind} {self._story(invocation.invocation_id)}" if status.is_final() else ""

    def _ends(self) -> Counter[Any]:
        """Return how often each invocation has ended."""
        batches = self._app.state_backend.iter_history_in_timerange(
            datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), 1000
        )
        return Counter(
            each.invocation_id
            for each in chain.from_iterable(batches)
            if each.status_record.status.is_final()
        )

    def _story(self, invocation_id: Any) -> str:
        history = self._app.state_backend.get_history(invocation_id)
        statuses = [each.status_record.status.value for each in history]
        current = self._app.orchestrator.get_invocation_status(invocation_id)
        return f"{invocation_id} is {current.value} after {', '.join(statuses)}"
