"""An app is put on a test database, whatever it says itself, and is afterwards as it was."""

import logging
import pickle
from collections.abc import Iterator
from contextlib import suppress

import pytest
from pynenc import Pynenc

from pynenc_mongo.builder import COMPONENTS
from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from pytest_pynenc_mongo import apps, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer, new_name


@pytest.fixture
def database(mongomock_url: str) -> Iterator[TestDatabase]:
    with TestServer(mongomock_url).lend(new_name("pynenc_test")) as database:
        yield database


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Pynenc:
    monkeypatch.setattr(Pynenc, "_instances", {})
    return Pynenc(
        config_values={"app_id": "teahouse", "mongo_url": "mongodb://production/", "max_pending_seconds": 7}
    )


def test_its_settings_say_where_and_win(database: TestDatabase) -> None:
    settings = wiring.settings(database, {"num_processes": 1, "mongo_url": "mongodb://production/"})
    place = {
        "mongo_url": database.url,
        "mongo_db": database.name,
        "mongo_collection_prefix": database.collection_prefix,
    }
    assert settings.pinned.items() >= {**place, **COMPONENTS}.items()
    assert settings.values.items() >= {**place, "num_processes": 1}.items()


def test_it_stores_there_meanwhile_and_keeps_what_it_says_of_other_things(
    app: Pynenc, database: TestDatabase
) -> None:
    with wiring.rewired(app, wiring.settings(database)) as wired:
        assert wired is app
        backend = app.state_backend
        assert isinstance(backend, MongoStateBackend)
        assert (backend.conf.mongo_url, backend.conf.mongo_db) == (database.url, database.name)
        assert app.conf.max_pending_seconds == 7
        assert app.runner.conf.runner_loop_sleep_time_sec == 0.01
    assert app.config_values is not None
    assert app.config_values["mongo_url"] == "mongodb://production/"


def test_afterwards_it_is_as_it_was_whatever_happened_to_it(app: Pynenc, database: TestDatabase) -> None:
    logger = logging.getLogger("pynenc.teahouse")
    before, values = dict(vars(app)), dict(app.config_values or {})
    told = (logger.handlers[:], logger.filters[:], logger.level, logger.propagate)
    with suppress(ZeroDivisionError), wiring.rewired(app, wiring.settings(database)):
        app.task(_brew)
        app.config_values = {"mongo_url": "mongodb://elsewhere/"}
        logger.addHandler(logging.NullHandler())
        logger.setLevel(logging.CRITICAL)
        raise ZeroDivisionError
    assert vars(app) == before
    assert app.config_values == values
    assert app.tasks == {}
    assert (logger.handlers, logger.filters, logger.level, logger.propagate) == told


def test_copies_that_arrive_meanwhile_are_forgotten_with_the_last_one(
    app: Pynenc, database: TestDatabase
) -> None:
    before = dict(Pynenc._instances)
    settings = wiring.settings(database)
    with wiring.rewired(apps.new(), settings):
        with wiring.rewired(apps.new(), settings):
            copy = pickle.loads(pickle.dumps(app))
        assert Pynenc._instances["teahouse"] is copy
    assert before == Pynenc._instances


def _brew() -> str:
    return "tea"
