"""`pynenc_recover`: a task survives the death of whoever ran it, without a minute's wait."""

import pytest

from tests.plugin.helpers import make_shop, run

SOURCE = """
    import os
    import pathlib
    import signal
    import threading
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def bake(oven: str) -> str:
        # the first one never gets further
        try:
            pathlib.Path(oven).touch(exist_ok=False)
        except FileExistsError:
            return "a cake"
        threading.Event().wait()

    @app.task
    def explode(oven: str) -> str:
        try:
            pathlib.Path(oven).touch(exist_ok=False)
        except FileExistsError:
            return "a cake"
        os.kill(os.getpid(), signal.SIGKILL)

    @app.task
    def dine(oven: str) -> str:
        return bake(oven).result

    @app.task
    def pid() -> int:
        return os.getpid()
"""
CONFTEST = """
    import pytest

    @pytest.fixture
    def statuses(pynenc_app):
        def statuses(invocation):
            history = pynenc_app.state_backend.get_history(invocation.invocation_id)
            return [each.status_record.status.value for each in history]

        return statuses
"""
SURVIVES = """
    import pytest
    from pynenc.invocation import InvocationStatus
    from shop.app import bake, dine, pid

    @pytest.fixture(params=%s)
    def pynenc_app_config(request):
        return {"runner_cls": request.param, "num_processes": 2, "min_processes": 2, "max_processes": 2}

    def test_another_worker_bakes(
        pynenc_app, pynenc_worker, pynenc_worker_factory, pynenc_wait, pynenc_recover, statuses, tmp_path
    ):
        cake = bake(str(tmp_path / "oven"))
        pynenc_wait.until((tmp_path / "oven").exists)
        pynenc_worker.kill()
        assert pynenc_recover() == [cake]
        assert statuses(cake)[-2:] == ["running_recovery", "rerouted"]
        pynenc_worker_factory(pynenc_app)
        assert pynenc_wait(cake) == "a cake"
        assert pynenc_recover() == []

    def test_a_worker_that_lives_takes_over(
        pynenc_app, pynenc_worker_factory, pynenc_wait, pynenc_recover, tmp_path
    ):
        first = pynenc_worker_factory(pynenc_app)
        cake = bake(str(tmp_path / "oven"))
        pynenc_wait.until((tmp_path / "oven").exists)
        pynenc_worker_factory(pynenc_app)
        first.kill()
        assert pynenc_recover() == [cake]
        assert pynenc_wait(cake) == "a cake"

    def test_what_a_worker_that_lives_runs_is_its_own(
        pynenc_app, pynenc_worker_factory, pynenc_wait, pynenc_recover, statuses, tmp_path
    ):
        first = pynenc_worker_factory(pynenc_app)
        dead = bake(str(tmp_path / "dead"))
        pynenc_wait.until((tmp_path / "dead").exists)
        second = pynenc_worker_factory(pynenc_app)
        first.kill()
        # the second one is the only one now
        alive = bake(str(tmp_path / "alive"))
        pynenc_wait.until((tmp_path / "alive").exists)
        assert pynenc_recover() == [dead]
        assert pynenc_wait(dead) == "a cake"
        assert statuses(alive) == ["registered", "pending", "running"]
        second.kill()

    def test_a_task_that_waits_for_another_one(
        pynenc_app, pynenc_worker, pynenc_worker_factory, pynenc_wait, pynenc_recover, tmp_path
    ):
        dinner = dine(str(tmp_path / "oven"))
        pynenc_wait.until((tmp_path / "oven").exists)
        pynenc_worker.kill()
        recovered = pynenc_recover()
        assert dinner in recovered and len(recovered) == 2
        pynenc_worker_factory(pynenc_app)
        assert pynenc_wait(dinner) == "a cake"
"""


@pytest.fixture(autouse=True)
def shop(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SOURCE)
    pytester.makeconftest(CONFTEST)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_task_survives_its_worker(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], some_runners: tuple[str, ...]
) -> None:
    pytester.makepyfile(SURVIVES % (some_runners,))
    run(pytester, *on_engine, seconds=200).assert_outcomes(passed=4 * len(some_runners))


CRASHES = """
    import os
    import pytest
    from pynenc.invocation import InvocationStatus
    from shop.app import app, explode, pid

    def test_a_worker_that_a_task_kills(
        pynenc_app, pynenc_worker, pynenc_worker_factory, pynenc_recover, pynenc_wait, tmp_path, waits_for
    ):
        cake = explode(str(tmp_path / "oven"))
        waits_for(lambda: not pynenc_worker.is_alive)
        pynenc_worker.kill()  # it was meant to end
        assert pynenc_recover() == [cake]
        pynenc_worker_factory(pynenc_app)
        assert pynenc_wait(cake) == "a cake"

    @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
    @pytest.mark.parametrize(
        "runner_cls",
        [
            pytest.param(name, marks=pytest.mark.pynenc_mongo(runner=name, config={"num_processes": 1}))
            for name in os.environ["RUNNERS"].split()[1:]
        ]
    )
    def test_a_child_of_a_runner_that_lives(
        request, runner_cls, executor, pynenc_app, pynenc_recover, pynenc_wait, waits_for, tmp_path
    ):
        request.getfixturevalue(executor)
        cake = explode(str(tmp_path / "oven"))
        # before, a slow runner may have taken the message and not said so: it would be queued again, in vain
        waits_for((tmp_path / "oven").exists)
        waits_for(lambda: pynenc_recover() == [cake])
        assert pynenc_wait(cake) == "a cake"

    def test_a_runner_of_which_nobody_has_heard(pynenc_app, pynenc_recover, pynenc_runner, pynenc_wait):
        pynenc_runner.running = False
        assert pynenc_runner.wait_until_stopped(10)
        call = pid()
        orchestrator = pynenc_app.orchestrator
        assert pynenc_app.broker.retrieve_invocation() == call.invocation_id
        orchestrator._atomic_status_transition(call.invocation_id, InvocationStatus.PENDING, "nobody")
        assert pynenc_recover() == [call]

    def test_two_apps(pynenc_app, pynenc_app_factory, pynenc_worker_factory, pynenc_recover, waits_for):
        other = pynenc_app_factory(app_id="other")
        call = other.get_task(pid.task_id)()
        assert other.broker.retrieve_invocation() == call.invocation_id
        assert pynenc_recover() == []
        assert pynenc_recover(other) == [call]
"""
WAITS_FOR = """

    import threading
    import time

    @pytest.fixture
    def waits_for():
        def waits_for(condition):
            deadline = time.monotonic() + 20
            while not condition():
                assert time.monotonic() < deadline
                threading.Event().wait(0.02)

        return waits_for
"""


@pytest.mark.slow
def test_other_ways_to_die(
    pytester: pytest.Pytester,
    on_engine: tuple[str, ...],
    some_runners: tuple[str, ...],
) -> None:
    pytester.makeconftest(CONFTEST + WAITS_FOR)
    pytester.makepyfile(CRASHES)
    run(pytester, *on_engine).assert_outcomes(passed=3 + 2 * len(some_runners[1:]))
