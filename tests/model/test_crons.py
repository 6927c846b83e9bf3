"""A cron fires once for each of its instants, whatever clocks its runners have.

What is stored is the instant by the clock of the runner that fired, and it is stored only over what that
runner has read. Both instants that are compared are by clocks, never by true time: a clock that is ahead
fires early, one that is behind finds it fired.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynenc.orchestrator.atomic_service import AtomicServiceRun
from pynenc.trigger.base_trigger import BaseTrigger
from pynenc.trigger.conditions.cron import CronCondition

from pynenc_mongo.trigger.definitions import CronExecutions
from tests.model.world import World
from tests.reproducible import SAME_EACH_TIME

EVERY_MINUTE = CronCondition("* * * * *")
EVERY_HALF_MINUTE = 30  # a runner looks, by pynenc's default; the window is a minute
RUN = AtomicServiceRun(runner_id="any")
ENOUGH = settings(SAME_EACH_TIME, max_examples=200)

type Look = tuple[int, int, list[int]]  # who, after how many seconds, and who while he stores

RUNNERS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=3)
LOOKS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 45), st.lists(st.integers(0, 2), max_size=2)),
    min_size=1,
    max_size=25,
)


class Runner:
    """What pynenc does with a cron, on our record of executions, by a clock of its own."""

    def __init__(self, world: World, ahead: int, store: "CronExecutions") -> None:
        self.ahead = ahead
        self.fired: list[datetime] = []
        self._world = world
        self._store = store
        self._meanwhile: Callable[[], None] = lambda: None
        logger = SimpleNamespace(info=lambda _text: None)
        self._last_cron_execution_cache: dict[str, datetime] = {}
        self.app = SimpleNamespace(logger=logger)

    def look(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Fire if it is time; others act between what this one reads and what it stores."""
        self._meanwhile = meanwhile
        with self._world.seen_by(self.ahead):
            now = self._world.clock()
        this: Any = self
        if BaseTrigger._should_trigger_cron_condition(this, EVERY_MINUTE, now, RUN):
            self.fired.append(now)

    def get_last_cron_execution(self, condition_id: str) -> datetime | None:
        return self._store.last(condition_id)

    def store_last_cron_execution(
        self, condition_id: str, execution_time: datetime, expected_last_execution: datetime | None = None
    ) -> bool:
        meanwhile, self._meanwhile = self._meanwhile, lambda: None
        meanwhile()
        return self._store.advance(condition_id, expected_last_execution, execution_time)


class Careless(CronExecutions):
    """The control: stores whatever others have stored."""

    def advance(self, condition_id: str, expected: datetime | None, instant: datetime) -> bool:
        return super().advance(condition_id, self.last(condition_id), instant) or True


def played(store: type[CronExecutions], clocks: list[int], looks: list[Look]) -> list[Runner]:
    world = World()
    collections: Any = world.collections
    runners = [Runner(world, ahead, store(collections)) for ahead in clocks]

    def runner(number: int) -> Runner:
        return runners[number % len(runners)]

    def look_each(numbers: list[int]) -> None:
        for number in numbers:
            runner(number).look()

    for number, pause, others in looks:
        world.now += pause
        runner(number).look(partial(look_each, others))
    return runners


def instants_of(runners: list[Runner]) -> Counter[datetime]:
    """Return which instants of the cron were fired for, and how often."""
    return Counter(each.replace(second=0, microsecond=0) for runner in runners for each in runner.fired)


@ENOUGH
@given(clocks=RUNNERS, looks=LOOKS)
def test_it_fires_at_most_once_for_an_instant(clocks: list[int], looks: list[Look]) -> None:
    assert set(instants_of(played(CronExecutions, clocks, looks)).values()) <= {1}


def test_a_store_that_does_not_look_at_what_is_stored_fires_twice() -> None:
    """The control."""
    runners = played(Careless, [0, 0], [(0, 0, [1])])
    assert set(instants_of(runners).values()) == {2}


@pytest.mark.parametrize("ahead", [-300, 0, 300])
def test_one_runner_leaves_out_no_instant_whatever_its_clock(ahead: int) -> None:
    (alone,) = played(CronExecutions, [ahead], [(0, EVERY_HALF_MINUTE, [])] * 40)
    assert set(_between(alone.fired)) == {timedelta(minutes=1)}


def test_a_clock_that_is_ahead_fires_early_by_as_much() -> None:
    looks: list[Look] = [(1, EVERY_HALF_MINUTE, []), (0, 0, [])] * 40
    behind, ahead = played(CronExecutions, [0, 300], looks)
    assert (len(behind.fired), len(ahead.fired)) == (0, 20)


@pytest.mark.parametrize(("ahead", "left_out"), [(0, 0), (20, 0), (300, 5)])
def test_instants_are_left_out_where_one_comes_whose_clock_is_ahead_by_more_than_the_window(
    ahead: int, left_out: int
) -> None:
    """It comes too late for those that nobody fired for: as after a stop of all runners."""
    looks: list[Look] = [(who, EVERY_HALF_MINUTE, []) for who in (0, 1) for _ in range(20)]
    fired = sorted(instants_of(played(CronExecutions, [0, ahead], looks)))
    assert sum(each // timedelta(minutes=1) - 1 for each in _between(fired)) == left_out


def _between(instants: list[datetime]) -> list[timedelta]:
    return [later - earlier for earlier, later in pairwise(instants)]
