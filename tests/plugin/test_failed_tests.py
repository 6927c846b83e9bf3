"""A test that has failed is torn down at once, whatever its tasks do, and fails once."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, make_shop, output, run
from tests.reproducible import in_thorough_runs

# a runner and a worker may take 30 s to stop
SOON_SECONDS = 20.0
FAILING = """
    import multiprocessing
    import os
    import threading
    import time
    import pytest
    from shop.app import add, doze, hang

    def test_worker(pynenc_app, pynenc_worker, pynenc_wait, tmp_path):
        hang(str(tmp_path / "started"))
        pynenc_wait.until((tmp_path / "started").exists)
        assert add(1, 2).result == 4

    def test_runner(pynenc_app, pynenc_runner, pynenc_wait, tmp_path):
        hang(str(tmp_path / "started"))
        pynenc_wait.until((tmp_path / "started").exists)
        assert add(1, 2).result == 5

    def test_runner_with_a_task_that_sleeps_and_sleeps(pynenc_app, pynenc_runner, pynenc_wait, tmp_path):
        doze(str(tmp_path / "started"))
        pynenc_wait.until((tmp_path / "started").exists)
        assert add(1, 2).result == 6

    @pytest.mark.timeout(2, func_only=True)
    def test_timeout(pynenc_app, pynenc_worker, tmp_path):
        hang(str(tmp_path / "started")).result

    @pytest.mark.parametrize("runner", os.environ["RUNNERS"].split()[1:])
    class TestProcesses:
        @pytest.fixture
        def pynenc_app_config(self, runner):
            # one that hangs, and one for the task that the test waits for
            return {"runner_cls": runner, "num_processes": 2, "min_processes": 2, "max_processes": 2}

        def test_runner(self, pynenc_app, pynenc_runner, pynenc_wait, tmp_path):
            hang(str(tmp_path / "started"))
            pynenc_wait.until((tmp_path / "started").exists)
            assert add(1, 2).result == 4

        def test_nothing_is_left(self, runner):
            assert multiprocessing.active_children() == []

    def test_goes_on(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3
"""
# ends as soon as somebody may end a thread, being in Python again and again
DOZE = """
    import time

    @app.task
    def doze(started: str) -> None:
        open(started, "x").close()
        while True:
            time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_waits_for_its_tasks_and_processes(
    pytester: pytest.Pytester,
    on_engine: tuple[str, ...],
    in_mode: tuple[str, ...],
    some_runners: tuple[str, ...],
) -> None:
    # longer than the run may take: no test waits for that
    make_shop(pytester, "pynenc_mongo_runner_timeout = 300", source=dedent(SHOP) + dedent(DOZE))
    pytester.makepyfile(FAILING)
    with_processes = len(some_runners[1:])
    result = run(pytester, *on_engine, *in_mode, "--dist=loadfile", seconds=100)
    # a timeout fails a test once, too
    result.assert_outcomes(failed=4 + with_processes, passed=1 + with_processes)
    assert "Timeout (>2.0s)" in output(result)
    left_behind = [line for line in output(result).splitlines() if "was left behind" in line]
    assert len(left_behind) == 1
    assert left_behind[0].startswith("ThreadRunner of shop was left behind: shop.app.hang (invocation ")


LATE = """
    import threading
    import pytest
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("late").memory().build()
    awake, done, threads = threading.Event(), [], []

    @app.task
    def sleep(started) -> str:
        threads.append(threading.current_thread())
        open(started, "x").close()
        awake.wait()
        done.append("late")
        return "late"

    def test_ends_before_its_task(pynenc_runner, pynenc_wait, tmp_path):
        sleep(str(tmp_path / "started"))
        pynenc_wait.until((tmp_path / "started").exists)
        assert {passes}

    def test_the_task_ends_before_it_does_anything_else():
        awake.set()
        threads[0].join(10)
        assert not threads[0].is_alive()
        assert done == []
"""


@pytest.mark.slow
@pytest.mark.parametrize("passes", [True, in_thorough_runs([False])])
def test_a_task_that_outlives_its_test_writes_nowhere(pytester: pytest.Pytester, passes: bool) -> None:
    (pytester.path / "pytest.ini").write_text("[pytest]\npynenc_mongo_runner_timeout = 3\n")
    pytester.makepyfile(LATE.format(passes=passes))
    result = run(pytester, seconds=SOON_SECONDS)
    if passes:
        # the test has nothing to say of it otherwise
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(
            ["ThreadRunner of late did not stop within 3 s: *.sleep (*) still runs in a thread, which *"]
        )
    else:
        result.assert_outcomes(failed=1, passed=1)
        result.stdout.fnmatch_lines(["ThreadRunner of late was left behind: *.sleep (invocation *"])
