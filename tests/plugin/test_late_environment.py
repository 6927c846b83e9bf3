"""Whatever the environment says at whatever time: the test database, or a refusal."""

import pytest

from tests.plugin.helpers import make_shop, output, run

# past what guards os.environ, as a library in C would
ELSEWHERE = """
    import posix
    import pytest

    @pytest.fixture
    def elsewhere(pynenc_app):
        variables = {
            "PYNENC__MONGO_URL": "mongodb://127.0.0.1:1/production",
            "PYNENC__CONFIGMONGO__MONGO_URL": "mongodb://127.0.0.1:1/production",
            "PYNENC__MONGO_DB": "production",
            "PYNENC__ORCHESTRATOR_CLS": "MemOrchestrator",
            "PYNENC__CONFIGPYNENC__BROKER_CLS": "MemBroker",
        }
        for name, value in variables.items():
            posix.putenv(name, value)
        yield
        for name in variables:
            posix.unsetenv(name)
"""


def test_a_variable_that_names_a_store_is_refused_where_it_is_set_during_a_test(
    pytester: pytest.Pytester,
) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import os
        from unittest.mock import patch
        import pytest
        from shop.app import add, app

        @pytest.fixture
        def settings(pynenc_app, monkeypatch):
            monkeypatch.setenv("PYNENC__MONGO_URL", "mongodb://elsewhere:secret@example.org")  # this line

        def test_setenv(settings):
            raise AssertionError("not reached")

        @pytest.mark.parametrize("name", ["CONFIGMONGO__MONGO_DB", "MONGO_HOST", "BROKER_CLS"])
        def test_each_way_to_say_it(pynenc_app, name):
            with pytest.raises(Exception, match=f"PYNENC__{name} cannot be set while an app is on the test"):
                os.environ[f"PYNENC__{name}"] = "elsewhere"
            assert os.environ.get(f"PYNENC__{name}") != "elsewhere"

        def test_what_is_no_harm(pynenc_app, pynenc_runner, monkeypatch):
            url = os.environ["PYNENC__MONGO_URL"]
            os.environ.setdefault("PYNENC__MONGO_URL", "elsewhere")  # as load_dotenv() does
            with patch.dict(os.environ, clear=True):
                os.environ["MONGO_URL"] = "the user's own"
                assert add(20, 22).result == 42
            assert os.environ["PYNENC__MONGO_URL"] == url
            monkeypatch.delenv("PYNENC__MONGO_URL")
            monkeypatch.setenv("PYNENC__LOGGING_LEVEL", "error")
            assert type(app.broker).__name__ == "MongoBroker"
            assert app.state_backend.conf.mongo_url == url

        def test_what_is_put_back_later(monkeypatch, pynenc_app):
            monkeypatch.delenv("PYNENC__MONGO_URL")
            monkeypatch.setenv("PYNENC__MONGO_DB", os.environ["PYNENC__MONGO_DB"])

        def test_nothing_of_it_is_left(monkeypatch):
            assert not [name for name in os.environ if name.startswith("PYNENC__")]
            monkeypatch.setenv("PYNENC__MONGO_URL", "elsewhere")
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=6, errors=1)
    result.stdout.fnmatch_lines(
        [
            "> *monkeypatch.setenv(*# this line",
            "E *PYNENC__MONGO_URL cannot be set while an app is on the test database*before pynenc_app*",
        ]
    )


@pytest.mark.thorough
@pytest.mark.slow
def test_a_variable_that_came_all_the_same_moves_no_app(
    pytester: pytest.Pytester,
    on_engine: tuple[str, ...],
    some_runners: tuple[str, ...],
) -> None:
    make_shop(pytester)
    pytester.makeconftest(ELSEWHERE)
    pytester.makepyfile(
        """
        import multiprocessing
        import os
        import pytest
        from shop.app import add, app

        RUNNERS = os.environ["RUNNERS"].split()

        @pytest.fixture
        def pynenc_app_config(request):
            return {"runner_cls": request.param}

        @pytest.fixture
        def forkserver():
            before = multiprocessing.get_start_method()
            multiprocessing.set_start_method("forkserver", force=True)
            yield
            multiprocessing.set_start_method(before, force=True)

        def is_stored(database):
            assert add(20, 22).result == 42
            calls = [name for name in database.list_collection_names() if "orchestrator" in name]
            return any(database[name].count_documents({}) for name in calls)

        @pytest.mark.parametrize("pynenc_app_config", RUNNERS, indirect=True)
        def test_runner(elsewhere, pynenc_runner, pynenc_mongo_db):
            assert is_stored(pynenc_mongo_db)

        @pytest.mark.parametrize("pynenc_app_config", ["ProcessRunner", "MultiThreadRunner"], indirect=True)
        def test_forkserver(elsewhere, forkserver, pynenc_runner, pynenc_mongo_db):
            assert is_stored(pynenc_mongo_db)

        @pytest.mark.parametrize("pynenc_app_config", RUNNERS, indirect=True)
        def test_worker(elsewhere, pynenc_worker, pynenc_mongo_db):
            assert is_stored(pynenc_mongo_db)
        """
    )
    run(pytester, *on_engine).assert_outcomes(passed=2 * len(some_runners) + 2)


def test_control_without_overrides_it_would_move_them(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makeconftest(ELSEWHERE)
    pytester.makepyfile(
        """
        from shop.app import app

        def test_moved(elsewhere, pynenc_app):
            del app.config_values["pytest_pynenc_mongo"]
            assert app.conf.orchestrator_cls == "MongoOrchestrator"
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    assert "'MemOrchestrator' == 'MongoOrchestrator'" in output(result)


def test_apps_that_are_there_together_leave_no_variable_behind(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import os
        import pytest
        from pynenc import Pynenc

        @pytest.fixture(scope="module", autouse=True)
        def of_the_module():
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PYNENC__MONGO_URL", "mongodb://production")
                yield

        @pytest.fixture(autouse=True)
        def nothing_is_left(request):
            before = dict(os.environ), dict(Pynenc._instances)
            yield
            os.environ["PYTEST_CURRENT_TEST"] = before[0]["PYTEST_CURRENT_TEST"]
            assert (dict(os.environ), dict(Pynenc._instances)) == before

        @pytest.fixture
        def other(pynenc_use_app):
            with pynenc_use_app(Pynenc(config_values={"app_id": "other"})) as app:
                yield app

        def test_first_in_last_out(pynenc_app_factory, pynenc_app):
            for app in (pynenc_app_factory(), pynenc_app_factory()):
                assert type(app.broker).__name__ == "MongoBroker"

        def test_first_in_first_out(pynenc_use_app, pynenc_app_factory):
            one = pynenc_use_app(Pynenc(config_values={"app_id": "one"}))
            app = one.__enter__()
            Pynenc._instances["one"] = app
            made = pynenc_app_factory()
            Pynenc._instances["two"] = made
            one.__exit__(None, None, None)
            assert "mongodb://production" != os.environ["PYNENC__MONGO_URL"]
            assert type(made.broker).__name__ == "MongoBroker"

        def test_in_a_block(pynenc_app, pynenc_use_app, other):
            with pynenc_use_app(Pynenc(config_values={"app_id": "one"})):
                pass
            assert "mongodb://production" != os.environ["PYNENC__MONGO_URL"]
        """
    )
    run(pytester).assert_outcomes(passed=3)
