"""Apps, runners and workers made on demand, and the marker that says what one test wants."""

import pytest

from tests.plugin.helpers import make_shop, output, run

# what a runner sees of its app while it stops: after the app is back, that would be production
NOTED_STOPS = """
    import pytest

    stops = []

    @pytest.fixture
    def note_stop():
        def note(runner):
            on_stop = runner.on_stop

            def noted():
                stops.append(type(runner.app.broker).__name__)
                on_stop()

            runner.on_stop = noted

        return note

    @pytest.fixture
    def noted_stops():
        found = stops[:]
        stops.clear()
        return found
"""


def test_no_runner_outlives_the_time_of_its_app_on_the_test_database(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makeconftest(NOTED_STOPS)
    pytester.makepyfile(
        """
        import os
        from shop.app import app, pid

        ended = []

        def test_block(pynenc_use_app, pynenc_runner_factory, note_stop):
            with pynenc_use_app(app) as used:
                assert used is app
                note_stop(pynenc_runner_factory(app))
                assert pid().result == os.getpid()
            assert type(app.broker).__name__ == "MemBroker"

        def test_after_block(noted_stops):
            assert noted_stops == ["MongoBroker"]

        def test_fixtures_in_another_order(pynenc_runner_factory, pynenc_app, note_stop):
            note_stop(pynenc_runner_factory(pynenc_app))
            assert pid().result == os.getpid()

        def test_after_fixtures_in_another_order(noted_stops):
            assert noted_stops == ["MongoBroker"]

        def test_worker(pynenc_worker_factory, pynenc_use_app):
            with pynenc_use_app(app):
                worker = pynenc_worker_factory(app)
                assert pid().result == worker.pid
            assert not worker.is_alive
        """
    )
    run(pytester).assert_outcomes(passed=5)


def test_factories_make_several_of_each(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import os
        import pytest
        from shop.app import add, app, pid

        def double(x: int) -> int:
            return x * 2

        def test_apps(pynenc_app_factory, pynenc_runner_factory):
            one = pynenc_app_factory(app_id="one", max_retries=7)
            two = pynenc_app_factory()
            assert one is not two
            assert (one.app_id, one.conf.app_id) == ("one", "one")
            assert two.app_id not in ("one", "pynenc")
            for made in (one, two):
                assert type(made.trigger).__name__ == "MongoTrigger"
            task = one.task(double)
            assert task.conf.max_retries == 7
            pynenc_runner_factory(one)
            assert task(21).result == 42
            assert two.broker.count_invocations() == 0

        def test_workers(pynenc_app, pynenc_worker_factory):
            workers = [pynenc_worker_factory(pynenc_app) for _ in range(2)]
            assert workers[0].pid != workers[1].pid
            pids = set()
            while len(pids) < 2:
                pids |= set(pid.parallelize([()] * 10).results)
            assert pids == {worker.pid for worker in workers}
            # one is enough
            workers[0].kill()
            assert pid().result == workers[1].pid

        @pytest.fixture
        def pynenc_mongo_seed():
            return lambda app: add(1, 2)

        def test_seed(pynenc_app, pynenc_mongo_db):
            assert app.broker.count_invocations() == 1
            assert "shop.broker" in "".join(pynenc_mongo_db.list_collection_names())
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_the_marker_says_what_one_test_wants(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import os
        import pytest
        import shop.app
        from pynenc import Pynenc

        app = Pynenc(config_values={"app_id": "own"})
        pytestmark = pytest.mark.pynenc_mongo(config={"max_retries": 2, "logging_level": "error"})

        @pytest.mark.pynenc_mongo(
            app="shop.app:app", runner="MultiThreadRunner", config={"logging_level": "debug"}
        )
        def test_marked(pynenc_app, pynenc_runner):
            assert pynenc_app is shop.app.app
            assert type(pynenc_runner).__name__ == "MultiThreadRunner"
            assert pynenc_app.conf.logging_level == "debug"
            assert shop.app.pid.conf.max_retries == 2
            assert shop.app.pid().result != os.getpid()

        def test_of_the_module(pynenc_app):
            assert pynenc_app is app
            assert (app.conf.logging_level, app.conf.runner_cls) == ("error", "DummyRunner")

        @pytest.mark.pynenc_mongo(app="shop.nowhere:app")
        def test_wrong(pynenc_app):
            pass
        """
    )
    result = run(pytester, "--strict-markers")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*marker*'shop.nowhere:app': importing 'shop.nowhere' failed*"])
    assert "ini pynenc_app" not in output(result)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_a_marker_of_another_form_is_refused(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    pytester.makepyfile(
        test_shop="""
        import pytest

        @pytest.mark.pynenc_mongo(runner_cls="ThreadRunner")
        def test_one(pynenc_app):
            pass
        """
    )
    result = run(pytester, *arguments)
    assert "test_shop.py::test_one: @pytest.mark.pynenc_mongo has no argument runner_cls" in output(result)
    for sign_of_a_traceback in ("Traceback", "INTERNALERROR", "pytest_pynenc_mongo/"):
        assert sign_of_a_traceback not in output(result)
    assert result.ret != pytest.ExitCode.OK
