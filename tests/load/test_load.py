"""A small load in every run of the tests; a large one by `make load`."""

import os
from pathlib import Path

import pytest
from pynenc import Pynenc

from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.kills import shop
from tests.load.load import LOAD_SETTINGS, SHARES, Load, Peak
from tests.storage.helpers import new_name

WORKERS, TASKS = 2, 60


@pytest.mark.thorough
@pytest.mark.timeout(240)
def test_tasks_are_carried_by_workers_that_are_killed(mongomock_url: str, tmp_path: Path) -> None:
    database = TestDatabase(TestServer(mongomock_url), new_name())
    with wiring.rewired(shop.app, wiring.settings(database, LOAD_SETTINGS)) as app:
        load = Load(app, tmp_path, WORKERS, seed=1)
        load.lives, load.least_kills = (0.3, 1.0), 1
        outcome = load.carry(TASKS)
    assert load.wrong() == {}
    assert outcome.kills > 0
    assert outcome.invocations >= TASKS
    database._drop()


def test_what_is_left_is_seen(tmp_path: Path) -> None:
    """The control."""
    load = Load(Pynenc(config_values={"app_id": "idle"}), tmp_path, WORKERS, seed=1)
    assert load.wrong() == {}
    load.events, load.delivered = 3, 2
    load.left_in_queue = 2
    load.outcome.twice = ["something"]
    assert load.wrong() == {"twice": ["something"], "undelivered": 1, "left in the queue": 2}


def test_a_hundred_calls_are_of_every_kind() -> None:
    assert set(SHARES) == set(Load.kinds)
    assert sum(SHARES.values()) == 100


def test_the_most_memory_of_a_process_is_noted() -> None:
    peak = Peak({"this": os.getpid()})
    with peak.watched():
        pass
    assert peak.mib["this"] > 1.0
