"""Who lives is not taken for dead as long as clocks, pauses and writes are off by no more than a bound.

A sign of life bears the instant at which it was sent. Until the next one arrives it is older by a write, a
pause and another write at most, and to whoever reads it by as much more as its clock is ahead. The sum may be
as long as the silence after which a runner is dead (docs/production.md).
"""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynenc_mongo.orchestrator.heartbeats import Heartbeats, longest_pause
from tests.model.world import BEGIN, Schedule, World
from tests.reproducible import SAME_EACH_TIME

RUNNER = "runner"
ENOUGH = settings(SAME_EACH_TIME, max_examples=150)
SECONDS = st.integers(0, 90)
# of each pause and each write, the part of the longest one that it takes
PARTS = st.sampled_from((0.0, 0.5, 1.0))


class Life:
    """A runner that gives signs of life, and a reader who looks all the time; their clocks differ."""

    def __init__(self, silence: float, skew: float) -> None:
        self.world = World()
        self.schedule = Schedule(self.world)
        self._silence, self._skew = silence, skew
        self._runner = Heartbeats(self.world.collections, lambda: silence)  # type: ignore[arg-type]
        self._reader = Heartbeats(self.world.collections, lambda: silence)  # type: ignore[arg-type]
        self.taken_for_dead = 0

    def live(self, turns: list[tuple[float, float]]) -> None:
        """Give signs of life, each so long after the last and so long under way; look throughout."""
        with self.world.clocks_are_its_own():
            self._beat()
            at = 0.0
            for pause, write in turns:
                at += pause
                self.world.now = at
                sent = self.world.clock()
                at += write
                self._look(at)
                self._arrive(sent, at)
                self._look(at)

    def _beat(self) -> None:
        self._runner.beat([RUNNER], may_run_service=True, queues=None)

    def _arrive(self, sent: object, at: float) -> None:
        """Store what was sent before: by the clock of then."""
        self.world.now = at
        with self.world.seen_by(-(at - _seconds(sent))):
            self._runner.forget()
            self._beat()

    def _look(self, at: float) -> None:
        self.world.now = at
        with self.world.seen_by(self._skew):
            now = self.world.clock()
            silent = self._reader.silent_among([RUNNER], now - timedelta(seconds=self._silence))
            dead = self._reader.presumed_dead(RUNNER, BEGIN - timedelta(days=1))
            assert dead == bool(silent)
            self.taken_for_dead += dead


def _seconds(instant: object) -> float:
    assert isinstance(instant, type(BEGIN))
    return (instant - BEGIN).total_seconds()


@ENOUGH
@given(skew=SECONDS, pause=SECONDS, write=SECONDS, turns=st.lists(st.tuples(PARTS, PARTS), max_size=8))
def test_below_the_bound_nobody_who_lives_is_taken_for_dead(
    skew: int, pause: int, write: int, turns: list[tuple[float, float]]
) -> None:
    life = Life(silence=skew + pause + 2 * write, skew=skew)
    life.live([(pause * part, write * other) for part, other in turns])
    assert life.taken_for_dead == 0


@ENOUGH
@given(skew=SECONDS, pause=SECONDS, write=SECONDS)
def test_just_above_it_somebody_is(skew: int, pause: int, write: int) -> None:
    """The control: with two writes of the longest time and the longest pause between them."""
    silence = skew + pause + 2 * write - 1
    if silence < 0:
        return
    life = Life(silence, skew)
    life.live([(0, write), (pause, write)])
    assert life.taken_for_dead > 0


@ENOUGH
@given(silence=st.integers(1, 1000), turn=st.integers(1, 200))
def test_the_pause_is_a_turn_of_the_runner_and_what_is_not_told_again(silence: int, turn: int) -> None:
    world = World()
    runner = Heartbeats(world.collections, lambda: silence)  # type: ignore[arg-type]
    told: list[float] = []
    with world.clocks_are_its_own():
        for number in range(0, 40 * turn, turn):
            world.now = number / 100
            before = dict(runner._told)
            runner.beat([RUNNER], may_run_service=True, queues=None)
            if runner._told != before:
                told.append(world.now)
    pauses = [later - earlier for earlier, later in pairwise(told)]
    assert max(pauses, default=0.0) <= longest_pause(silence) + turn / 100 + 1e-6


def test_the_dead_are_found_late_by_as_much_as_the_readers_clock_is_behind() -> None:
    life = Life(silence=60, skew=-30)
    with life.world.clocks_are_its_own():
        life._beat()
        life._look(89.0)
        assert life.taken_for_dead == 0
        life._look(90.1)
        assert life.taken_for_dead == 1


@pytest.mark.parametrize(("minutes", "tolerated"), [(10.0, 509.0), (1.5, 0.0)])
def test_what_the_docs_say_is_tolerated(minutes: float, tolerated: float) -> None:
    """With pynenc's and the stores' default settings: half a minute between two looks, and for a write."""
    turn, write = 30.0, 30.0
    assert max(0.0, minutes * 60 - turn - longest_pause(minutes * 60) - 2 * write) == pytest.approx(
        tolerated, abs=1.0
    )
