"""What a test says of its app's settings wins; what the environment says in a test counts as in pynenc."""

import pytest

from tests.plugin.helpers import make_shop, run
from tests.reproducible import in_thorough_runs

# each setting is said otherwise by the project, by a section of it, and by the environment
PYPROJECT = """
[tool.pynenc]
num_processes = 3
chunk_threshold = 1000
max_retries = 7
print_arguments = true
[tool.pynenc.task."shop.app.add"]
max_retries = 8
[tool.pynenc.persistentprocessrunner]
num_processes = 4
"""
SHOP = """
    from pynenc import PynencBuilder

    app = (
        PynencBuilder().app_id("shop").mongo(url="mongodb://127.0.0.1:1").persistent_process_runner(num_processes=5)
        .custom_config(runner_loop_sleep_time_sec=0.7).build()
    )

    @app.task(max_retries=9)
    def add(x: int, y: int) -> int:
        return x + y

    @app.task
    def settings() -> list:
        '''What this process knows of them.'''
        return [
            app.state_backend.conf.chunk_threshold, add.conf.max_retries, settings.conf.max_retries,
            app.conf.print_arguments, app.runner.conf.num_processes,
        ]
"""
VARIABLES = {
    "PYNENC__CONFIGMONGO__CHUNK_THRESHOLD": "1001",
    "PYNENC__CONFIGTASK__SHOP.APP#ADD__MAX_RETRIES": "10",
    "PYNENC__PRINT_ARGUMENTS": "1",
    "PYNENC__NUM_PROCESSES": "6",
}
WISHES = """
    import pytest
    from shop.app import add, app, settings

    WISHES = {{"num_processes": 1, "chunk_threshold": 1234, "max_retries": 2, "print_arguments": False}}
    WISHED = [1234, 2, 2, False, 1]

    @pytest.mark.pynenc_mongo(config=WISHES)
    def test_marker(pynenc_app, {runner}):
        assert settings().result == settings.func() == WISHED

    class TestFixture:
        @pytest.fixture
        def pynenc_app_config(self):
            return WISHES

        def test_fixture(self, pynenc_app, {runner}):
            assert settings().result == WISHED

    def test_block(pynenc_use_app, {runner}_factory):
        with pynenc_use_app(app, **WISHES):
            {runner}_factory(app)
            assert settings().result == WISHED

    @pytest.mark.pynenc_mongo(config={{"task": {{"shop.app.add": {{"max_retries": 1}}}}}})
    def test_a_section(pynenc_app):
        assert (add.conf.max_retries, settings.conf.max_retries) == (1, 7)

    def test_before_and_after():
        assert (add.conf.max_retries, settings.conf.max_retries) == (10, 7)
"""


@pytest.mark.slow
@pytest.mark.parametrize("runner", [in_thorough_runs(["pynenc_runner"]), "pynenc_worker"])
def test_a_test_s_own_config_wins_in_each_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, runner: str
) -> None:
    make_shop(pytester, source=SHOP)
    (pytester.path / "pyproject.toml").write_text(PYPROJECT)
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(WISHES.format(runner=runner))
    run(pytester).assert_outcomes(passed=5)


def test_a_variable_set_in_a_test_counts_as_in_pynenc(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import os
        import unittest
        import pytest
        from shop.app import add, app, pid

        VARIABLES = {
            "PYNENC__LOGGING_LEVEL": "error",
            "PYNENC__MAX_RETRIES": "5",
            "PYNENC__RUNNER_CLS": "MultiThreadRunner",
            "PYNENC__CACHED_STATUS_TIME": "0.5",
            "PYNENC__CHUNK_THRESHOLD": "4321",
        }

        def test_all_of_them(pynenc_app, pynenc_wait, monkeypatch, request):
            for name, value in VARIABLES.items():
                monkeypatch.setenv(name, value)
            runner = request.getfixturevalue("pynenc_runner")
            assert type(runner).__name__ == "MultiThreadRunner"
            assert pid().result != os.getpid()
            assert app.logger.getEffectiveLevel() == 40
            assert (app.conf.logging_level, app.conf.cached_status_time) == ("error", 0.5)
            assert (pid.conf.max_retries, app.state_backend.conf.chunk_threshold) == (5, 4321)

        @pytest.mark.usefixtures("pynenc_app")
        class TestOfUnittest(unittest.TestCase):
            def setUp(self):
                os.environ["PYNENC__DEV_MODE_FORCE_SYNC_TASKS"] = "True"

            def test_it(self):
                assert app.conf.dev_mode_force_sync_tasks
                assert add(20, 22).result == 42

        @pytest.mark.pynenc_mongo(config={"logging_level": "debug"})
        def test_the_marker_knows_better(pynenc_app, monkeypatch):
            monkeypatch.setenv("PYNENC__LOGGING_LEVEL", "error")
            assert app.conf.logging_level == "debug"

        def test_nothing_of_it_is_left(pynenc_app):
            assert (app.conf.logging_level, app.conf.runner_cls) == ("info", "DummyRunner")
            assert not app.conf.dev_mode_force_sync_tasks
        """
    )
    run(pytester).assert_outcomes(passed=4)


def test_production_s_pauses_are_not_those_of_a_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But those that a test asks for, or its environment, are."""
    make_shop(pytester, source=SHOP)
    (pytester.path / "pyproject.toml").write_text("[tool.pynenc]\ncached_status_time = 0.8\n")
    pytester.makepyfile(
        """
        import pytest
        from shop.app import app

        def pauses():
            return app.runner.conf.runner_loop_sleep_time_sec, app.conf.cached_status_time

        def test_short(pynenc_app):
            assert pauses() == (0.01, 0.0)

        def test_of_the_environment(pynenc_app, monkeypatch):
            monkeypatch.setenv("PYNENC__CONFIGRUNNER__RUNNER_LOOP_SLEEP_TIME_SEC", "0.3")
            monkeypatch.setenv("PYNENC__CACHED_STATUS_TIME", "0.4")
            assert pauses() == (0.3, 0.4)

        @pytest.mark.pynenc_mongo(config={"runner_loop_sleep_time_sec": 0.2, "cached_status_time": 0.1})
        def test_of_the_test(pynenc_app, monkeypatch):
            monkeypatch.setenv("PYNENC__RUNNER_LOOP_SLEEP_TIME_SEC", "0.3")
            assert pauses() == (0.2, 0.1)

        def test_production_s_own():
            assert pauses() == (0.7, 0.8)
        """
    )
    run(pytester).assert_outcomes(passed=4)
