"""At most one run of the atomic service works at a time, under the bound for signs of life.

Whoever finds a run in the way may take its runner for dead, by the same rule as a recovery. A runner gives no
sign of life itself while it works on the service, so that a run counts as a pause between two of them.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pynenc.orchestrator.atomic_service import (
    AtomicServiceExecutionStatus,
    AtomicServiceRun,
    decide_atomic_service_claim,
)

from pynenc_mongo.orchestrator.heartbeats import Heartbeats
from pynenc_mongo.orchestrator.services import AtomicServices
from tests.model.world import Schedule, World
from tests.reproducible import examples

ENOUGH = examples(8, 40)
CHECK_SECONDS, INTERVAL_MINUTES, UNTIL_SECONDS = 30, 5.0, 2400.0
SILENCE_SECONDS = 600


@dataclass
class Cluster:
    """Runners that ask every half minute whether it is their turn, as pynenc's do."""

    world: World
    work_seconds: int
    schedule: Schedule = field(init=False)
    working: set[str] = field(default_factory=set)
    most_at_once: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.world)

    def join(self, number: int, ahead: int, dies_after: int | None) -> None:
        member = Member(self, f"runner {number}", ahead, dies_after)
        self.schedule.plan(number * 7.0, member.turn)


@dataclass
class Member:
    cluster: Cluster
    name: str
    ahead: int
    dies_after: int | None  # runs: it dies in the middle of the next one

    def __post_init__(self) -> None:
        collections: Any = self.cluster.world.collections
        self._heartbeats = Heartbeats(collections, lambda: SILENCE_SECONDS)
        self._services = AtomicServices(collections, self._heartbeats.presumed_dead)
        self._runs = 0

    def turn(self) -> None:
        """As `try_claim_atomic_service_run` of pynenc: a sign of life, whose turn it is, a start."""
        world = self.cluster.world
        with world.seen_by(self.ahead):
            self._heartbeats.beat([self.name], may_run_service=True, queues=None)
            now = world.clock()
            since = now - timedelta(seconds=SILENCE_SECONDS)
            claim = decide_atomic_service_claim(
                runner_id=self.name,
                active_runners=self._heartbeats.active(since, may_run_service=True),
                current_time=now.timestamp(),
                service_interval_minutes=INTERVAL_MINUTES,
                spread_margin_minutes=0.1,
                membership_stabilization_seconds=0.0,
                max_start_slot_fraction=0.0,
            )
            run = claim.atomic_service_run
            if run and self._services.attempt(run, None, AtomicServiceExecutionStatus.RUNNING, ""):
                self._work(run)
                return
        self.cluster.schedule.plan(world.now + CHECK_SECONDS, self.turn)

    def _work(self, run: AtomicServiceRun) -> None:
        cluster = self.cluster
        cluster.working.add(self.name)
        cluster.runs += 1
        cluster.most_at_once = max(cluster.most_at_once, len(cluster.working))
        if self._runs == self.dies_after:
            cluster.working.discard(self.name)  # it does nothing any more, and its run stays
            return
        self._runs += 1
        cluster.schedule.plan(cluster.world.now + cluster.work_seconds, lambda: self._end(run))

    def _end(self, run: AtomicServiceRun) -> None:
        world = self.cluster.world
        self.cluster.working.discard(self.name)
        with world.seen_by(self.ahead):
            self._services.finish(run, world.clock(), AtomicServiceExecutionStatus.COMPLETED, "")
        self.cluster.schedule.plan(world.now + CHECK_SECONDS, self.turn)


def played(clocks: list[int], work_seconds: int, deaths: list[int | None]) -> Cluster:
    world = World()
    with world.clocks_are_its_own():
        cluster = Cluster(world, work_seconds)
        for number, ahead in enumerate(clocks):
            cluster.join(number, ahead, deaths[number % len(deaths)] if deaths else None)
        cluster.schedule.run(UNTIL_SECONDS)
    return cluster


@ENOUGH
@given(
    clocks=st.lists(st.integers(0, 270), min_size=1, max_size=4),
    work_seconds=st.integers(1, 300),
    deaths=st.lists(st.none() | st.integers(0, 3), max_size=4),
)
def test_below_the_bound_one_works_at_a_time(
    clocks: list[int], work_seconds: int, deaths: list[int | None]
) -> None:
    """270 s of skew, 30 s between two turns and 300 s of work are 600 s, after which one is dead."""
    assert played(clocks, work_seconds, deaths).most_at_once <= 1


def test_work_that_takes_longer_than_the_silence_of_the_dead_is_done_beside_another() -> None:
    """The control."""
    assert played([0, 0, 0], SILENCE_SECONDS + 2 * CHECK_SECONDS, []).most_at_once > 1


def test_a_clock_that_is_too_far_ahead_does_the_same() -> None:
    """The other control."""
    assert played([0, SILENCE_SECONDS, 0, SILENCE_SECONDS], 250, []).most_at_once > 1


def test_a_run_whose_runner_has_died_is_in_the_way_for_no_longer_than_the_silence() -> None:
    cluster = played([0, 0], 10, [0, None])
    assert cluster.runs > 2
