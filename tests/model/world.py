"""Processes whose clocks are not one, and one store: the code of the rooms, no server, no threads, no sleep.

Time is what a test says; each process sees it by a clock of its own that is so many seconds ahead.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

from pymongo import IndexModel

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.orchestrator import heartbeats, services
from tests.storage.helpers import HASTY

BEGIN = datetime(2031, 5, 4, 12, 0, 0, tzinfo=UTC)


class Collections:
    """Collections of mongomock, in this process."""

    def __init__(self) -> None:
        self._database = lookup.open_client()["model"]

    def existing(self, spec: Any) -> Any:
        return _InMemory(self._database[spec.name])

    def indexed(self, spec: Any) -> Any:
        for index in spec.indexes:
            _make(self._database[spec.name], index)
        return self.existing(spec)

    ruled = indexed


class _InMemory:
    """A collection as the verbs take it: one with a client."""

    database = HASTY

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)


def _make(collection: Any, index: IndexModel) -> None:
    made = index.document
    chosen = {name: made[name] for name in ("unique", "sparse") if name in made}
    collection.create_index(list(made["key"].items()), **chosen)


@dataclass
class World:
    """The true time, in seconds, and the one store."""

    now: float = 0.0
    ahead: float = 0.0  # by which the clock of the process is that acts now
    collections: Collections = field(default_factory=Collections)

    @contextmanager
    def seen_by(self, ahead: float) -> Iterator[None]:
        """Have the process act whose clock is so many seconds ahead."""
        before, self.ahead = self.ahead, ahead
        try:
            yield
        finally:
            self.ahead = before

    def clock(self) -> datetime:
        """Return what the clock of the acting process shows."""
        return BEGIN + timedelta(seconds=self.now + self.ahead)

    @contextmanager
    def clocks_are_its_own(self) -> Iterator["World"]:
        """Have the rooms of the orchestrator read this world's clocks."""
        shown = SimpleNamespace(now=lambda _zone: self.clock())
        running = SimpleNamespace(monotonic=lambda: self.now)
        with ExitStack() as patches:
            for room in (heartbeats, services):
                patches.enter_context(mock.patch.object(room, "datetime", shown))
            patches.enter_context(mock.patch.object(heartbeats, "time", running))
            yield self


@dataclass(order=True)
class Step:
    """What happens at an instant of true time; of two at one instant, the one that was planned first."""

    at: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Schedule:
    """Steps in the order of their time; a step may plan others."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps: list[Step] = []
        self._planned = 0

    def plan(self, at: float, act: Callable[[], None]) -> None:
        self._planned += 1
        self._steps.append(Step(at, self._planned, act))

    def run(self, until: float) -> None:
        while self._steps and (step := min(self._steps)).at <= until:
            self._steps.remove(step)
            self._world.now = step.at
            step.act()
