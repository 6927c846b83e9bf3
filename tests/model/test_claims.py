"""A claim holds for its time, less what another clock is ahead by."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pynenc_mongo.trigger.claims import Claims
from tests.model.world import World
from tests.reproducible import SAME_EACH_TIME

CLAIMED_SECONDS = 60  # pynenc's default


@settings(SAME_EACH_TIME, max_examples=150)
@given(ahead=st.integers(-200, 200), passed=st.integers(0, 200))
def test_a_claim_is_taken_over_by_a_clock_that_says_so_and_by_no_other(ahead: int, passed: int) -> None:
    world = World()
    collections: Any = world.collections
    assert Claims(collections).take("run", now=world.clock(), seconds=CLAIMED_SECONDS)
    world.now = passed
    with world.seen_by(ahead):
        taken = Claims(collections).take("run", now=world.clock(), seconds=CLAIMED_SECONDS)
    assert taken == (ahead + passed >= CLAIMED_SECONDS)
