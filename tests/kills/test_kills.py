"""A short storm of kills in every run of the tests; a long one by `python -m tests.kills`."""

from pathlib import Path
from typing import Any

import pytest

from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.kills import shop
from tests.kills.storm import SETTINGS, Outcome, Storm

WORKERS, SECONDS = 3, 6.0


@pytest.mark.thorough("embedded")
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_is_stuck_or_lost_or_done_twice_or_held(place: tuple[str, str], tmp_path: Path) -> None:
    settings = wiring.settings(TestDatabase(TestServer(place[0]), place[1]), SETTINGS)
    with wiring.rewired(shop.app, settings) as app:
        outcome = Storm(app, tmp_path, WORKERS, seed=1).blow(SECONDS)
    assert outcome.kills > 0
    assert outcome.calls > 0
    assert outcome.wrong() == {}


@pytest.mark.parametrize("name", ["stuck", "lost", "twice", "jammed", "slots_held", "services_held"])
def test_whatever_is_wrong_is_seen(name: str) -> None:
    """The control."""
    wrong: Any = 1 if name.endswith("held") else ["something"]
    assert Outcome(**{name: wrong}).wrong() == {name: wrong}
