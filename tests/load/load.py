"""Many tasks of every kind, carried by workers that are killed at random; what is left, and what it took."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import psutil
from pynenc import Pynenc
from pynenc.invocation.status import InvocationStatus

from pynenc_mongo.broker.documents import MESSAGES
from tests.kills.storm import KINDS, QUIET_SECONDS, SETTINGS, Outcome, Storm
from tests.kills.workers import wait_until
from tests.load import deliveries

# of a hundred calls; the last three of the shop run one at a time, and whoever loses is queued again
SHARES = {
    "sell": 46,
    "charge": 20,
    "bake": 15,
    "print_catalogue": 10,
    "print_label": 3,
    "count_cash": 3,
    "weigh": 3,
}
CHILDREN = {"bake": 3}
EVENT_EVERY = 20  # calls
LOAD_SETTINGS = {**SETTINGS, "chunk_threshold": deliveries.LARGE}
MOST_QUEUED = 100
LOOK_SECONDS = 0.1


@dataclass
class Peak:
    """The most memory that processes had resident, in MiB, by name."""

    pids: dict[str, int]
    mib: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, over: threading.Event) -> None:
        processes = {name: psutil.Process(pid) for name, pid in self.pids.items()}
        while True:
            for name, process in processes.items():
                mib = process.memory_info().rss / 2**20
                self.mib[name] = max(mib, self.mib.get(name, 0.0))
            if over.wait(LOOK_SECONDS):
                return


class Load(Storm):
    """A storm that ends when so many tasks are done, those that tasks call among them."""

    kinds: ClassVar = {**KINDS, "print_catalogue": (deliveries.print_catalogue, 1)}
    lives = (1.0, 10.0)
    least_kills = 0  # a small load may be carried before anybody is killed: it goes on until then

    def __init__(self, app: Pynenc, directory: Path, workers: int, seed: int) -> None:
        super().__init__(app, directory, workers, seed)
        self.events = self.delivered = self.left_in_queue = self.swept = 0
        self.seconds = self._began = 0.0

    def carry(self, tasks: int) -> Outcome:
        """Have at least so many tasks done, and look at what is left."""
        # an event that nobody listens to yet starts nothing
        self._app.register_deferred_triggers()
        self._began, over = time.monotonic(), threading.Event()

        def call() -> None:
            try:
                self._call_all(tasks)
                wait_until(lambda: self.outcome.kills >= self.least_kills, QUIET_SECONDS)
            finally:
                over.set()

        return self._rage(call, over.wait)

    def wrong(self) -> dict[str, object]:
        """Return what must not be and is; empty if all is well."""
        more = {"undelivered": self.events - self.delivered, "left in the queue": self.left_in_queue}
        return {**self.outcome.wrong(), **{name: value for name, value in more.items() if value}}

    def _call_all(self, tasks: int) -> None:
        dice = self._dice[0]
        called = 0
        while called < tasks:
            for kind in dice.choices(list(SHARES), list(SHARES.values()), k=MOST_QUEUED // 2):
                self._call(kind, len(self._calls))
                called += 1 + CHILDREN.get(kind, 0)
                if len(self._calls) % EVENT_EVERY == 0:
                    self._app.trigger.emit_event(deliveries.EVENT, {})
                    self.events += 1
            self._wait_for_room(MOST_QUEUED)
        self._wait_for_room(len(self._workers))

    def _wait_for_room(self, most: int) -> None:
        deadline = time.monotonic() + QUIET_SECONDS
        while self._app.broker.count_invocations() > most and time.monotonic() < deadline:
            threading.Event().wait(0.05)

    def _look(self) -> Outcome:
        self.seconds = time.monotonic() - self._began
        # who has looked after the triggers does so until the workers are ended
        deadline = time.monotonic() + 30.0
        while self._delivered() < self.events and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        self._wait_for_quiet()
        outcome = super()._look()
        self.delivered = self._delivered()
        broker: Any = self._app.broker
        state_backend: Any = self._app.state_backend
        self.left_in_queue = broker._collections.existing(MESSAGES).count_documents({})
        self.swept = state_backend._payloads.sweep(datetime.now(UTC) + timedelta(minutes=1))
        return outcome

    def _delivered(self) -> int:
        succeeded = [InvocationStatus.SUCCESS]
        return self._app.orchestrator.count_invocations(deliveries.deliver.task_id, succeeded)

    def _what_is_wrong(self, kind: str, number: int, invocation: Any) -> str:
        if kind != "print_catalogue":
            return super()._what_is_wrong(kind, number, invocation)
        result = self._app.state_backend.get_result(invocation.invocation_id)
        whole = result == deliveries.catalogue(number)
        return "" if whole else f"{kind} {number} has the result {str(result)[:60]}"
