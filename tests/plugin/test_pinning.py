"""While an app is on the test database, the environment says so, and can say nothing else."""

import os
import pickle
from collections.abc import Mapping

import pytest

from pytest_pynenc_mongo import apps, overrides, pinning, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.errors import WiringError
from tests.storage.helpers import run_script

PLACE = {"mongo_url": "mongodb://test", "mongo_db": "test"}
PRODUCTION = {
    "PYNENC__MONGO_DB": "production",
    "PYNENC__CONFIGBROKERMONGO__MONGO_DB": "production",
    "PYNENC__NUM_PROCESSES": "2",
}


@pytest.fixture(autouse=True)
def in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in pynenc_s():
        monkeypatch.delenv(name)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)


def pynenc_s() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PYNENC__")}


def test_the_environment_names_the_test_database_and_then_what_it_did_before() -> None:
    with pinning.pinned(PLACE):
        assert pynenc_s() == {
            "PYNENC__MONGO_URL": "mongodb://test",
            "PYNENC__MONGO_DB": "test",
            "PYNENC__NUM_PROCESSES": "2",
        }
    assert pynenc_s() == PRODUCTION


@pytest.mark.parametrize("name", ["PYNENC__MONGO_DB", "PYNENC__CONFIGBROKERMONGO__MONGO_DB"])
def test_a_variable_that_says_otherwise_is_refused_meanwhile(name: str) -> None:
    with pinning.pinned(PLACE), pytest.raises(WiringError, match=f"{name} cannot be set while an app is on"):
        os.environ[name] = "production"
    os.environ[name] = "another"
    assert os.environ[name] == "another"


def test_what_wins_over_the_environment_travels_with_the_config_values() -> None:
    pickled = pickle.dumps(overrides.over({"mongo_db": "own"}, {"mongo_db": "test"}))
    other_process = """
        import pickle, sys
        config_values = pickle.loads(bytes.fromhex(sys.argv[1]))
        from pynenc_mongo.conf.config_mongo import ConfigMongo
        print(ConfigMongo(config_values).mongo_db, ConfigMongo({"mongo_db": "own"}).mongo_db)
    """
    assert run_script(other_process, pickled.hex()).split() == ["test", "production"]


def test_an_app_that_stays_elsewhere_all_the_same_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keeps the overrides from winning: here it is done by hand."""
    settings = wiring.settings(TestDatabase(TestServer("mongodb://test"), "test"))
    app = apps.new()
    with wiring.kept(app):
        wiring.apply(app, overrides.over(app.config_values, settings.values))
        monkeypatch.setattr(overrides, "_overrule", lambda *_, **__: None)
        with pytest.raises(
            WiringError, match="stays on another database than the test's: mongo_db comes from"
        ):
            wiring.apply(app, overrides.over(app.config_values, settings.values))
