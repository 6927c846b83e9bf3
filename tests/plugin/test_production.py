"""The developer's production settings, wherever they stand, never lead a test to the production server."""

import json

import pytest

from tests.plugin.helpers import make_ini, run

PRODUCTION = "mongodb://ann:secret@production.invalid:27017/orders"

SETTINGS = {
    "PYNENC__MONGO_URL": PRODUCTION,
    "PYNENC__MONGO_HOST": "production.invalid",
    "PYNENC__MONGO_PORT": "27018",
    "PYNENC__MONGO_DB": "orders",
    "PYNENC__MONGO_USERNAME": "ann",
    "PYNENC__MONGO_PASSWORD": "secret",
    "PYNENC__MONGO_AUTH_SOURCE": "orders",
    "PYNENC__CONFIGMONGO__MONGO_URL": PRODUCTION,
    "PYNENC__CONFIGSTATEBACKENDMONGO__MONGO_URL": PRODUCTION,
    "PYNENC__CONFIGSTATEBACKENDMONGO__MONGO_HOST": "production.invalid",
    "PYNENC__CONFIGBROKERMONGO__MONGO_DB": "orders",
    "PYNENC__CONFIGORCHESTRATORMONGO__MONGO_PORT": "27018",
    "PYNENC__CONFIGCLIENTDATASTOREMONGO__MONGO_URL": PRODUCTION,
    "PYNENC__STATE_BACKEND_CLS": "MemStateBackend",
    "PYNENC__CONFIGPYNENC__STATE_BACKEND_CLS": "MemStateBackend",
    "PYNENC__BROKER_CLS": "MemBroker",
    "PYNENC__ORCHESTRATOR_CLS": "MemOrchestrator",
    "PYNENC__TRIGGER_CLS": "MemTrigger",
    "PYNENC__CONFIGTRIGGERMONGO__MONGO_URL": PRODUCTION,
    "PYNENC__FILEPATH": "production.json",
    "PYNENC__CONFIGSTATEBACKENDMONGO__FILEPATH": "production.json",
    "PYNENC__CONFIGMONGO__FILEPATH": "production.json",
}

APP = f"""
    import os
    from pynenc import Pynenc

    app = Pynenc(
        config_values={{
            "app_id": "shop",
            "state_backend_cls": "MongoStateBackend",
            "mongo_host": "production.invalid",
            "mongo_port": 27018,
            "mongo_db": "orders",
            "mongo_username": "ann",
            "mongo_password": "secret",
            "mongo_auth_source": "orders",
        }},
        config_filepath="production.json",
    )
    PRODUCTION = {PRODUCTION!r}
    SETTINGS = {SETTINGS!r}

    @app.task
    def addresses() -> list:
        parts = [app.state_backend, app.broker, app.orchestrator, app.client_data_store, app.trigger]
        found = [part.conf.address() for part in parts]
        return [[address.url, address.database, address.username, address.password] for address in found]

    @app.task
    def pid() -> int:
        return os.getpid()
"""
TESTS = """
    import os
    import pytest
    from shop import PRODUCTION, SETTINGS, addresses, app, pid

    @pytest.fixture
    def expected(pynenc_mongo_url, pynenc_mongo_database):
        return [[pynenc_mongo_url, pynenc_mongo_database.name, "", ""]] * 5

    def test_without_the_fixture_it_is_production():
        from pynenc_mongo.conf.config_state_backend import ConfigStateBackendMongo

        conf = ConfigStateBackendMongo(app.config_values, app.config_filepath)
        assert (conf.mongo_url, conf.mongo_db) == (PRODUCTION, "orders")
        assert conf.mongo_host == "production.invalid"

    @pytest.fixture(params=SETTINGS)
    def variable(request, monkeypatch):
        monkeypatch.setenv(request.param, SETTINGS[request.param])
        return request.param

    def test_a_variable_in_the_environment(variable, pynenc_app, expected):
        assert pynenc_app is app
        assert addresses.func() == expected

    def test_the_variable_is_back_afterwards(variable):
        assert os.environ[variable] == SETTINGS[variable]

    @pytest.fixture
    def all_variables(monkeypatch):
        for name, value in SETTINGS.items():
            monkeypatch.setenv(name, value)

    def test_all_at_once_and_another_process(all_variables, pynenc_app, pynenc_worker, expected):
        assert pid().result == pynenc_worker.pid
        assert addresses.func() == expected
        assert addresses().result == expected

    class TestProcesses:
        @pytest.fixture
        def pynenc_app_config(self):
            return {"runner_cls": "MultiThreadRunner", "min_processes": 1, "max_processes": 1}

        def test_all_at_once(self, all_variables, pynenc_app, pynenc_runner, expected):
            assert addresses().result == expected
"""

SECTIONS = {
    "mongo_url": PRODUCTION,
    "mongo_db": "orders",
    "state_backend_cls": "MemStateBackend",
    "statebackendmongo": {"mongo_url": PRODUCTION, "mongo_host": "production.invalid"},
    "brokermongo": {"mongo_db": "orders"},
    "mongo": {"mongo_port": 27018, "mongo_password": "secret"},
    "pynenc": {"broker_cls": "MemBroker"},
}


@pytest.mark.slow
def test_production_settings_are_overruled(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_ini(pytester)
    (pytester.path / "production.json").write_text(json.dumps({"pynenc": SECTIONS}))
    (pytester.path / "pyproject.toml").write_text(
        f"""
[tool.pynenc]
mongo_url = "{PRODUCTION}"
mongo_db = "orders"
state_backend_cls = "MemStateBackend"
runner_loop_sleep_time_sec = 0.01

[tool.pynenc.statebackendmongo]
mongo_url = "{PRODUCTION}"

[tool.pynenc.orchestratormongo]
mongo_host = "production.invalid"

[tool.pynenc.mongo]
mongo_username = "ann"
mongo_password = "secret"
"""
    )
    pytester.makepyfile(shop=APP, test_shop=TESTS)
    result = run(pytester, *on_engine)
    result.assert_outcomes(passed=2 * len(SETTINGS) + 3)
