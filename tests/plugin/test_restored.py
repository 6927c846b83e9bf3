"""After a test the user's app, its process and its environment are exactly as they were."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, make_shop, run

# all that a test could change: by identity what is an object of its own, by content what is a container
CONFTEST = """
    import copy
    import logging
    import multiprocessing
    import os
    import warnings
    import signal
    import sys
    import pytest
    from pynenc import Pynenc

    before = {}
    objects = []  # kept, so that no identity is used twice

    def identities(prefix, values):
        objects.append(dict(values))
        return {f"{prefix}.{name}": id(value) for name, value in values.items()}

    def state():
        from shop import fresh, used

        found = {}
        for shop in (fresh, used):
            app = shop.app
            logger = logging.getLogger(f"pynenc.{shop.APP_ID}")
            found |= identities(shop.APP_ID, vars(app))
            found |= identities(f"tasks of {shop.APP_ID}", app._tasks)
            for task in app._tasks.values():
                found |= identities(f"{task} of {shop.APP_ID}", vars(task))
            found |= {
                f"config_values of {shop.APP_ID}": copy.deepcopy(app._config_values),
                f"options of {shop.APP_ID}": {
                    task.task_id: copy.deepcopy(task.options) for task in app._tasks.values()
                },
                f"triggers of {shop.APP_ID}": {
                    task_id: list(triggers) for task_id, triggers in app._deferred_trigger_tasks.items()
                },
                f"logger of {shop.APP_ID}": (
                    # pytest puts handlers of its own on loggers that do not propagate, for the time of a test
                    [handler for handler in logger.handlers if type(handler).__module__ != "_pytest.logging"],
                    logger.filters[:],
                    (logger.level, logger.propagate, logger.disabled),
                ),
            }
        return found | {
            "instances": dict(Pynenc._instances),
            "environment": {name: value for name, value in os.environ.items() if "PYNENC" in name},
            "start method": multiprocessing.get_start_method(allow_none=True),
            "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
            "path": sys.path[:],
            "cwd": os.getcwd(),
        }

    def pytest_sessionstart():
        from shop import used

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pynenc's serializer: no test runs yet
            used.use()
        before.update(state())

    def pytest_sessionfinish(session):
        captured = [
            handler
            for app_id in ("fresh", "used")
            for handler in logging.getLogger(f"pynenc.{app_id}").handlers
            if type(handler).__name__ == "LogCaptureHandler"
        ]
        if state() != before or captured:
            session.exitstatus = 99

    @pytest.fixture
    def changed():
        after = state()
        return {name for name in before | after if before.get(name) != after.get(name)}

    @pytest.fixture
    def broken(pynenc_app):
        meddle(pynenc_app)
        raise LookupError("a fixture of the user's own")

    @pytest.fixture
    def broken_at_the_end(pynenc_app):
        yield
        meddle(pynenc_app)
        raise LookupError("a fixture of the user's own")

    def meddle(app):
        # what a test may do to the app that it got
        app.config_values["app_id"] = "another"
        app.logger.setLevel(logging.ERROR)
        app.logger.addHandler(logging.NullHandler())
        app.register_core_tasks()
        app.register_deferred_triggers()
        for task in app.tasks.values():
            task.options["max_retries"] = 9
            assert task.conf
        os.environ["PYNENC__LOGGING_LEVEL"] = "debug"
        os.environ["PYNENC__APP_ID"] = "another"
        Pynenc._instances["another"] = app
"""
# nothing of it was used before the first test
FRESH = SHOP.replace('app_id("shop")', 'app_id("fresh")') + '\n    APP_ID = "fresh"\n'
# everything of it was, production settings are in the environment, and a runner is set
USED = (
    SHOP.replace('app_id("shop")', 'app_id("used")')
    + """
    APP_ID = "used"

    def use():
        from pynenc.runner import ThreadRunner

        os.environ["PYNENC__MONGO_POOL_MAX_CONNECTIONS"] = "7"
        assert add.conf and add.retriable_exceptions
        assert app.logger and app.orchestrator and app.trigger and app.broker
        assert app.state_backend and app.serializer and app.client_data_store
        app.runner = ThreadRunner(app)
        add(1, 2)
        type(app)._instances["used"] = app
"""
)
TESTS = """
    import os
    import pytest
    from shop.{name} import app, add, fail, pid, ship
    from conftest import meddle

    def test_passes(pynenc_app, pynenc_runner):
        assert pynenc_app is app
        assert (add(20, 22).result, pid().result) == (42, os.getpid())

    def test_after_passing(changed):
        assert changed == set()

    def test_meddles(pynenc_app):
        meddle(pynenc_app)

    def test_after_meddling(changed):
        assert changed == set()

    def test_fails(pynenc_app, pynenc_runner):
        meddle(pynenc_app)
        assert fail().result is None

    def test_after_failing(changed):
        assert changed == set()

    def test_errors(broken):
        raise AssertionError("not reached")

    def test_after_an_error(changed):
        assert changed == set()

    def test_errors_at_the_end(broken_at_the_end):
        pass

    def test_after_an_error_at_the_end(changed):
        assert changed == set()

    def test_with_a_worker(pynenc_app, pynenc_worker):
        assert add(20, 22).result == 42

    def test_after_a_worker(changed):
        assert changed == set()
"""


@pytest.mark.slow
def test_whatever_a_test_does_the_app_is_restored(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    for module, source in (("fresh", FRESH), ("used", USED)):
        (pytester.path / "src" / "shop" / f"{module}.py").write_text(dedent(source))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_fresh=TESTS.format(name="fresh"), test_used=TESTS.format(name="used"))
    result = run(pytester)
    result.assert_outcomes(passed=20, failed=2, errors=4)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
