"""What runs by the clock in a test: nothing because it began, and pynenc's own tasks when asked only."""

import pytest

from tests.plugin.helpers import make_shop, run

SOURCE = """
    import os
    from pynenc import PynencBuilder
    from pynenc.trigger.trigger_builder import on_cron

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def pid() -> int:
        return os.getpid()

    @app.task(triggers=on_cron("0 3 * * *"))
    def audit() -> str:
        return "audited"

    @app.task(triggers=on_cron("* * * * *"))
    def count() -> int:
        return os.getpid()
"""
CONFTEST = """
    import datetime
    import pytest

    RECOVERIES = {
        f"pynenc.core_tasks.recover_{status}_invocations" for status in ("pending", "running")
    }

    @pytest.fixture
    def invocations(pynenc_app):
        def invocations():
            ids = pynenc_app.orchestrator.get_invocation_ids_paginated(limit=100)
            return sorted(
                str(pynenc_app.state_backend.get_invocation(each).task.task_id) for each in ids
            )

        return invocations

    @pytest.fixture
    def looked(pynenc_app, pynenc_wait):
        # the trigger loop of a runner has begun and ended as often as said, from now on
        def runs():
            return {
                each.atomic_service_run_id
                for each in pynenc_app.orchestrator.get_atomic_service_executions_in_timerange(
                    datetime.datetime.min.replace(tzinfo=datetime.UTC), datetime.datetime.now(datetime.UTC)
                )
                if each.end_time
            }

        def looked(times=2):
            before = runs()
            pynenc_wait.until(lambda: len(runs() - before) >= times)

        return looked
"""

QUIET = """
    import pytest
    from shop.app import pid

    @pytest.fixture(params=["pynenc_runner", "pynenc_worker"])
    def executor(request, pynenc_app):
        return request.getfixturevalue(request.param)

    def test_only_what_the_test_calls_runs(pynenc_app, executor, invocations, looked):
        assert pid().result
        looked()
        assert invocations() == ["shop.app.pid"]

    def test_a_worker_that_starts_later_brings_no_cron_with_it(
        pynenc_app, executor, pynenc_worker_factory, invocations, looked
    ):
        looked()
        pynenc_worker_factory(pynenc_app)
        looked()
        assert invocations() == []
"""


@pytest.fixture(autouse=True)
def shop(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SOURCE)
    pytester.makeconftest(CONFTEST)


@pytest.mark.slow
def test_no_cron_fires_because_a_test_began_and_no_core_task_runs(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    pytester.makepyfile(QUIET)
    run(pytester, *on_engine).assert_outcomes(passed=4)


@pytest.mark.thorough
@pytest.mark.slow
def test_nor_in_any_other_runner(pytester: pytest.Pytester, some_runners: tuple[str, ...]) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from shop.app import pid

        @pytest.fixture(params={some_runners[1:]})
        def pynenc_app_config(request):
            return {{"runner_cls": request.param, "num_processes": 1, "min_processes": 1, "max_processes": 1}}

        @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
        def test_only_what_the_test_calls_runs(request, executor, pynenc_app, invocations, looked):
            request.getfixturevalue(executor)
            assert pid().result
            looked()
            assert invocations() == ["shop.app.pid"]
        """
    )
    run(pytester).assert_outcomes(passed=2 * len(some_runners[1:]))


ITS_TIME = """
    import datetime
    import pytest
    from shop.app import app, count

    EVERY_MINUTE = "cron_* * * * *"

    def long_ago():
        return datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=2)

    @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
    def test_a_cron_runs_when_its_time_comes(request, executor, pynenc_app, pynenc_wait, invocations):
        # a minute is over
        assert pynenc_app.trigger.store_last_cron_execution(EVERY_MINUTE, long_ago())
        request.getfixturevalue(executor)
        pynenc_wait.until(lambda: invocations() == ["shop.app.count"])

    @pytest.mark.pynenc_mongo(config={"mongo_new_crons_fire": True})
    def test_as_in_pynenc_new_crons_fire_at_once_where_a_test_says_so(
        pynenc_app, pynenc_runner, pynenc_wait, invocations
    ):
        pynenc_wait.until(lambda: invocations() == ["shop.app.audit", "shop.app.count"])
"""


@pytest.mark.slow
def test_a_cron_whose_time_comes_runs(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    pytester.makepyfile(ITS_TIME)
    run(pytester, *on_engine).assert_outcomes(passed=3)


CORE = """
    import pytest
    from conftest import RECOVERIES
    from pynenc.identifiers.task_id import TaskId
    from shop.app import app

    RUNNING = TaskId("pynenc.core_tasks", "recover_running_invocations")
    EVERY_MINUTE = {"recover_running_invocations_cron": "* * * * *", "mongo_new_crons_fire": True}

    @pytest.fixture(params=["pynenc_runner", "pynenc_worker"])
    def executor(request):
        return request.param

    def test_a_core_task_runs_when_it_is_called(request, executor, pynenc_app, pynenc_wait):
        request.getfixturevalue(executor)
        assert pynenc_wait(pynenc_app.get_task(RUNNING)()) is None

    def has_run(app, task_id):
        return app.orchestrator.filter_final(list(app.orchestrator.get_task_invocation_ids(task_id)))

    @pytest.mark.pynenc_mongo(config=EVERY_MINUTE)
    def test_the_marker_asks_for_a_schedule(request, executor, pynenc_app, pynenc_wait, invocations):
        request.getfixturevalue(executor)
        pynenc_wait.until(lambda: has_run(pynenc_app, RUNNING))
        assert RECOVERIES & set(invocations()) == {str(RUNNING)}

    class TestFixture:
        @pytest.fixture
        def pynenc_app_config(self):
            return EVERY_MINUTE

        def test_so_does_the_fixture(self, request, executor, pynenc_app, pynenc_wait):
            request.getfixturevalue(executor)
            pynenc_wait.until(lambda: has_run(pynenc_app, RUNNING))

    def test_afterwards_the_app_is_as_pynenc_made_it():
        assert "register_core_tasks" not in vars(app)
"""


@pytest.mark.slow
def test_core_tasks_run_when_they_are_called_or_asked_for(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    pytester.makepyfile(CORE)
    run(pytester, *on_engine).assert_outcomes(passed=7)


def test_pynenc_s_own_schedule_stays_where_no_test_is_set_up(pytester: pytest.Pytester) -> None:
    """The control: who puts an app on a database by hand has pynenc as it is."""
    pytester.makepyfile(
        """
        from pynenc import Pynenc
        from pytest_pynenc_mongo import wiring

        def registered(app):
            app.register_core_tasks()
            return {task_id.func_name for task_id in app._deferred_trigger_tasks if "core" in task_id.module}

        def test_by_hand(pynenc_mongo_database):
            app = Pynenc(config_values={"app_id": "by hand"})
            with wiring.rewired(app, wiring.settings(pynenc_mongo_database)):
                assert registered(app) == {"recover_pending_invocations", "recover_running_invocations"}
                assert app.trigger.conf.mongo_new_crons_fire

        def test_by_fixture(pynenc_app):
            pynenc_app.register_core_tasks()
            assert registered(pynenc_app) == set()
            assert not pynenc_app.trigger.conf.mongo_new_crons_fire
        """
    )
    run(pytester).assert_outcomes(passed=2)


def test_a_schedule_of_the_app_s_own_is_not_the_test_s(pytester: pytest.Pytester) -> None:
    """Production's settings say when to recover; a test asks for it by itself."""
    (pytester.path / "src" / "shop" / "app.py").write_text(
        "from pynenc import Pynenc\n"
        'app = Pynenc(config_values={"app_id": "shop", "recover_running_invocations_cron": "* * * * *"})\n'
    )
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
        @pytest.mark.pynenc_mongo(config={"mongo_new_crons_fire": True})
        def test_nothing_runs(request, executor, pynenc_app, invocations, looked):
            request.getfixturevalue(executor)
            looked()
            assert invocations() == []
        """
    )
    run(pytester).assert_outcomes(passed=2)
