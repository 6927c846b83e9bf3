"""Which app `pynenc_app` is, and what it is on."""

import pytest

from tests.plugin.helpers import make_shop, run

TWO_APPS = """
    from pynenc import Pynenc

    shop = Pynenc(config_values={"app_id": "shop"})
    bank = Pynenc(config_values={"app_id": "bank"})

    def test_one(pynenc_app):
        assert pynenc_app.app_id == "named"
"""


def test_the_nearest_app_is_under_test(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        test_own="""
        import sys
        from pynenc import Pynenc

        app = Pynenc(config_values={"app_id": "own"})
        same = app

        def test_the_module_s_own_app_wins_over_the_ini(pynenc_app):
            assert pynenc_app is app

        def test_it_is_on_the_test_database(pynenc_app, pynenc_mongo_url, pynenc_mongo_database):
            assert (app.conf.app_id, type(app.broker).__name__) == ("own", "MongoBroker")
            address = app.state_backend.conf.address()
            assert (address.url, address.database) == (pynenc_mongo_url, pynenc_mongo_database.name)

        def test_a_gpl_library_stays_out_of_this_process():
            assert not [name for name in sys.modules if name.startswith("secantus")]
        """,
        test_ini="""
        import os
        import shop.app

        def test_the_app_of_the_ini(pynenc_app, pynenc_runner):
            assert pynenc_app is shop.app.app
            assert pynenc_runner.app is pynenc_app
            assert shop.app.add(20, 22).result == 42
            assert shop.app.pid().result == os.getpid()
        """,
    )
    run(pytester, *on_engine).assert_outcomes(passed=4)


def test_of_two_apps_in_a_module_the_ini_says_which(pytester: pytest.Pytester) -> None:
    named = """
        from pynenc import Pynenc

        app = Pynenc(config_values={"app_id": "named"})
    """
    make_shop(pytester, source=named)
    pytester.makepyfile(TWO_APPS)
    run(pytester).assert_outcomes(passed=1)


def test_a_test_without_an_app_of_its_own_gets_a_new_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pynenc

        seen = []

        def work(x: int) -> int:
            return x + 1

        def test_one(pynenc_app, pynenc_runner):
            assert pynenc_app.task(work)(1).result == 2
            seen.append(pynenc_app)

        class TestMore:
            def test_two(self, pynenc_app):
                assert pynenc_app is not seen[0]
                assert pynenc_app.app_id != seen[0].app_id
                assert pynenc_app.tasks == {}
                assert pynenc.Pynenc(config_values={"app_id": pynenc_app.app_id}) is not seen[0]

        def test_it_may_be_asked_for_dynamically(request):
            assert type(request.getfixturevalue("pynenc_app").orchestrator).__name__ == "MongoOrchestrator"
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_pynenc_app_config_is_overridden_where_it_is_needed(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    # what is nearer to the test wins over the project's own settings, too
    (pytester.path / "pyproject.toml").write_text('[tool.pynenc]\nrunner_cls = "PersistentProcessRunner"\n')
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def pynenc_app_config():
            return {"runner_cls": "ProcessRunner", "max_retries": 5}
        """
    )
    pytester.makepyfile(
        """
        import pytest
        from shop.app import pid

        def test_the_conftest_s(pynenc_app):
            assert pynenc_app.conf.runner_cls == "ProcessRunner"
            assert pid.conf.max_retries == 5

        class TestOverridden:
            @pytest.fixture
            def pynenc_app_config(self, pynenc_app_config):
                return {**pynenc_app_config, "runner_cls": "ThreadRunner", "mongo_db": "production"}

            def test_the_class_s(self, pynenc_app, pynenc_runner, pynenc_mongo_database):
                assert type(pynenc_runner).__name__ == "ThreadRunner"
                assert pid.conf.max_retries == 5
                # but never another database
                assert pynenc_app.broker.conf.address().database == pynenc_mongo_database.name

        @pytest.mark.parametrize("pynenc_app_config", [{"runner_cls": "MultiThreadRunner"}])
        def test_the_parameter(pynenc_app, pynenc_app_config):
            assert pynenc_app.conf.runner_cls == "MultiThreadRunner"
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_each_link_of_the_chain_may_be_overridden(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makeconftest(
        """
        import pytest
        from pynenc import Pynenc
        from pynenc_mongo import start_mongomock_server

        @pytest.fixture(scope="session")
        def pynenc_mongo_url():
            with start_mongomock_server() as server:
                yield server.url

        @pytest.fixture
        def pynenc_app(pynenc_app):
            pynenc_app.greeting = "seeded"
            return pynenc_app
        """
    )
    pytester.makepyfile(
        """
        from shop.app import app, pid

        def test_one(pynenc_app, pynenc_worker, pynenc_mongo_url):
            assert pynenc_app.greeting == "seeded"
            assert app.broker.conf.address().url == pynenc_mongo_url
            assert pid().result == pynenc_worker.pid

        def test_two():
            assert not hasattr(app, "greeting")
        """
    )
    run(pytester).assert_outcomes(passed=2)
