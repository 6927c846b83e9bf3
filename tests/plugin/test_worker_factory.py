"""`pynenc_worker_factory(app, count=, env=, runner=)`: workers as a test wants them."""

import pytest

from tests.plugin.helpers import SHOP, make_shop, output, run

MODE = """
    import shop.settings

    MODE = os.environ.get("SHOP_MODE", "none")

    @app.task
    def mode() -> tuple[str, str, str]:
        # at import, in a task, and in a process that a task's module may start
        return MODE, os.environ.get("SHOP_MODE", "none"), shop.settings.MODE
"""
SETTINGS = """
import os

MODE = os.environ.get("SHOP_MODE", "none")
"""
RUNNERS = """
    from pynenc.runner.thread_runner import ThreadRunner

    class OwnRunner(ThreadRunner):
        pass
"""
TESTS = """
    import os
    import pytest
    from pynenc.runner.process_runner import ProcessRunner
    from pynenc.runner.thread_runner import ThreadRunner
    from pytest_pynenc_mongo import PynencMongoTestError, RunnerError
    from runners import OwnRunner
    from shop.app import app, mode, pid

    def test_several_by_one_call(pynenc_app, pynenc_worker_factory):
        workers = pynenc_worker_factory(app, count=2)
        assert type(workers) is tuple
        pids = set()
        while len(pids) < 2:
            pids |= set(pid.parallelize([()] * 10).results)
        assert pids == {worker.pid for worker in workers}
        (one,) = pynenc_worker_factory(app, count=1)
        assert one.is_alive and one.pid not in pids

    def test_an_environment_of_its_own(pynenc_app, pynenc_worker_factory, monkeypatch):
        monkeypatch.setenv("SHOP_MODE", "test")
        worker = pynenc_worker_factory(app, env={"SHOP_MODE": "worker"})
        assert mode().result == ("worker", "worker", "worker")
        assert os.environ["SHOP_MODE"] == "test"
        worker.stop()
        pynenc_worker_factory(app)
        assert mode().result == ("test", "test", "test")

    def test_the_store_s_is_refused(pynenc_app, pynenc_worker_factory):
        for name in ("PYNENC__MONGO_URL", "PYNENC__CONFIGBROKER__MONGO_DB", "PYNENC__BROKER_CLS"):
            with pytest.raises(PynencMongoTestError) as refused:
                pynenc_worker_factory(app, env={name: "mongodb://production"})
            assert str(refused.value) == (
                f"{name} cannot be set in env of pynenc_worker_factory: a worker stores where its test does"
            )
        same = {"PYNENC__MONGO_URL": os.environ["PYNENC__MONGO_URL"], "PYNENC__LOGGING_LEVEL": "debug"}
        pynenc_worker_factory(app, env=same)
        assert pid().result

    def test_what_is_no_variable_is_refused(pynenc_app, pynenc_worker_factory):
        with pytest.raises(PynencMongoTestError, match="env has 'SHOP_CUPS': 3, and variables are texts"):
            pynenc_worker_factory(app, env={"SHOP_CUPS": 3})
        for count in (0, -1, True):
            with pytest.raises(PynencMongoTestError, match=f"count is {count}, not a number of workers"):
                pynenc_worker_factory(app, count=count)

    @pytest.mark.parametrize("runner", ["ProcessRunner", ProcessRunner])
    def test_another_runner(pynenc_app, pynenc_worker_factory, runner):
        worker = pynenc_worker_factory(app, runner=runner)
        assert pid().result not in (worker.pid, os.getpid())

    def test_a_runner_of_one_s_own(pynenc_app, pynenc_worker_factory):
        worker = pynenc_worker_factory(app, runner=OwnRunner)
        assert pid().result == worker.pid
        assert "Starting OwnRunner" in worker.log

    def test_a_runner_that_is_none(pynenc_app, pynenc_worker_factory):
        with pytest.raises(PynencMongoTestError, match="there is no runner 'ThreadRuner'"):
            pynenc_worker_factory(app, runner="ThreadRuner")

        class Hidden(ThreadRunner):
            pass

        with pytest.raises(RunnerError, match="cannot have runner Hidden: another process finds no class"):
            pynenc_worker_factory(app, runner=Hidden)
"""


@pytest.mark.slow
def test_workers_as_a_test_wants_them(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SHOP + MODE)
    (pytester.path / "src" / "shop" / "settings.py").write_text(SETTINGS)
    pytester.makepyfile(TESTS, runners=RUNNERS)
    run(pytester).assert_outcomes(passed=8)


EAGER = """
    import asyncio
    import os
    import pytest
    from pynenc import Pynenc
    from pytest_pynenc_mongo import RunnerError
    from shop.app import add, app, fail, notes, order, pid, tick, wait_a_little

    pytestmark = pytest.mark.pynenc_mongo(eager=True)

    def test_tasks_run_at_the_call(pynenc_app, pynenc_wait):
        notes.clear()
        order("tea")
        # one that was asked for nothing has run, and what it called, too
        assert notes == ["tea", "tea is ordered"]
        assert pid().result == os.getpid()
        assert list(add.parallelize([(1, 2), (3, 4)]).results) == [3, 7]
        assert pynenc_wait(add(20, 22)) == 42
        assert pynenc_app.broker.count_invocations() == 0

    def test_what_a_task_raises_waits_for_who_asks(pynenc_app):
        failed = fail()
        assert failed.status.name == "FAILED"
        for _ in range(2):
            with pytest.raises(ValueError, match="sold out"):
                failed.result

    def test_a_task_runs_once_and_is_retried(pynenc_app):
        notes.clear()
        ticked = tick(2)
        assert notes == ["tick"] * 3
        assert [ticked.result, ticked.result] == [3, 3]
        assert len(notes) == 3

    def test_an_asynchronous_task(pynenc_app):
        assert wait_a_little().result == "waited"

        async def within_a_loop():
            waited = wait_a_little()
            return waited.result, await waited.async_result()

        assert asyncio.run(within_a_loop()) == ("waited", "waited")

    def test_nobody_else_runs_them(
        pynenc_app, pynenc_worker_factory, pynenc_runner_factory, pynenc_event
    ):
        with pytest.raises(RunnerError, match="app 'shop' is eager: .* not by a trigger "):
            pynenc_event("ordered", {})
        for start, who in ((pynenc_worker_factory, "a worker"), (pynenc_runner_factory, "a runner")):
            with pytest.raises(RunnerError, match=f"app 'shop' is eager: .* not by {who} "):
                start(pynenc_app)

    def test_asks_for_a_worker(pynenc_worker):
        pass

    @pytest.mark.pynenc_mongo(eager=False)
    def test_the_nearest_marker_wins(pynenc_app, pynenc_worker, monkeypatch):
        assert pid().result == pynenc_worker.pid

    @pytest.mark.pynenc_mongo(eager=False)
    def test_of_the_user_s_own_setting(pynenc_app_factory, pynenc_worker_factory):
        own = pynenc_app_factory(dev_mode_force_sync_tasks=True)
        with pytest.raises(RunnerError, match="dev_mode_force_sync_tasks comes from the test"):
            pynenc_worker_factory(own)
        # pynenc's own way, and another app's
        assert type(own.task(tick.func)(0)).__name__ == "ConcurrentInvocation"
"""
EAGER_TASKS = """
    import asyncio

    notes: list[str] = []

    @app.task
    def order(what: str) -> None:
        notes.append(what)
        note(f"{what} is ordered")

    @app.task
    def note(text: str) -> None:
        notes.append(text)

    @app.task(max_retries=3, retry_for=(OSError,))
    def tick(until: int) -> int:
        notes.append("tick")
        if len(notes) <= until:
            raise OSError("not yet")
        return len(notes)

    @app.task
    async def wait_a_little() -> str:
        await asyncio.sleep(0)
        return "waited"
"""


def test_tasks_of_an_eager_test_run_at_the_call(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shop(pytester, source=SHOP + EAGER_TASKS)
    pytester.makepyfile(EAGER)
    # the marker wins
    monkeypatch.setenv("PYNENC__DEV_MODE_FORCE_SYNC_TASKS", "true")
    result = run(pytester)
    result.assert_outcomes(passed=7, errors=1)
    assert "ERROR at setup of test_asks_for_a_worker" in output(result)
    assert "Leave out a worker, or mark the test with pynenc_mongo(eager=False)" in output(result)
