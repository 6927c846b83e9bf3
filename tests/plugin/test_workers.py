"""`pynenc_worker`: a worker in another operating-system process."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, WAIT_UNTIL, make_shop, output, run

TESTS = """
    import os
    import pathlib
    import pytest
    from shop.app import add, app, fail, hang, pid, ship
    from conftest import wait_until

    def test_works_and_is_stopped(pynenc_app, pynenc_worker):
        assert pynenc_app is app
        assert (pynenc_worker.is_alive, pynenc_worker.exit_code) == (True, None)
        # tasks run in another process
        assert pid().result == pynenc_worker.pid != os.getpid()
        assert sorted(add.parallelize([(n, n) for n in range(5)]).results) == [0, 2, 4, 6, 8]
        # its log has what a task prints, and pynenc's own lines
        wait_until(lambda: "the shop is open" in pynenc_worker.log)
        wait_until(lambda: "status:success" in pynenc_worker.log)
        # a task that raises is no matter to it
        with pytest.raises(ValueError, match="sold out"):
            fail().result
        wait_until(lambda: "ValueError: sold out" in pynenc_worker.log)
        assert pynenc_worker.is_alive
        pynenc_worker.stop()
        assert (pynenc_worker.is_alive, pynenc_worker.exit_code) == (False, 0)
        assert "STOPPED  ThreadRunner" in pynenc_worker.log
        assert not add(1, 2).status.is_final()
        pynenc_worker.stop()
        assert pynenc_worker.exit_code == 0

    def test_killed(pynenc_worker, tmp_path):
        invocation = hang(str(tmp_path / "started"))
        wait_until((tmp_path / "started").exists)
        wait_until(lambda: invocation.status.name == "RUNNING")
        pynenc_worker.kill()
        assert not pynenc_worker.is_alive
        assert pynenc_worker.exit_code == -9
        with pytest.raises(ProcessLookupError):
            os.kill(pynenc_worker.pid, 0)
        waiting = add(1, 2)
        assert not invocation.status.is_final()
        assert not waiting.status.is_final()
        pynenc_worker.kill()
        pynenc_worker.stop()
        assert pynenc_worker.exit_code == -9

    def test_beside_a_runner_here(pynenc_runner, pynenc_worker):
        pids = set(pid.parallelize([()] * 40).results)
        assert pids <= {os.getpid(), pynenc_worker.pid}

    class TestProcesses:
        @pytest.fixture
        def pynenc_app_config(self):
            return {"runner_cls": "PersistentProcessRunner", "num_processes": 1}

        def test_its_runner_is_the_app_s(self, pynenc_worker, tmp_path):
            assert pid().result not in (os.getpid(), pynenc_worker.pid)
            child = pid().result
            assert hang(str(tmp_path / "started"))
            wait_until((tmp_path / "started").exists)
            pynenc_worker.kill()
            wait_until(lambda: not is_running(child))

    def is_running(pid):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        # a killed one whose parent does not ask for it
        return ") Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()
"""


@pytest.mark.slow
def test_a_worker_s_life(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_shop(pytester)
    pytester.makeconftest(WAIT_UNTIL)
    pytester.makepyfile(TESTS)
    run(pytester, *on_engine).assert_outcomes(passed=4)


@pytest.mark.thorough
@pytest.mark.slow
def test_runners_and_workers_of_two_xdist_workers_do_not_meet(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import os
        import pytest
        from shop.app import pid

        @pytest.mark.parametrize("number", range(6))
        def test_runner(number, pynenc_app, pynenc_runner):
            assert set(pid.parallelize([()] * 5).results) == {os.getpid()}

        @pytest.mark.parametrize("number", range(2))
        def test_worker(number, pynenc_app, pynenc_worker):
            assert set(pid.parallelize([()] * 5).results) == {pynenc_worker.pid}
        """
    )
    run(pytester, "-n", "2").assert_outcomes(passed=8)


@pytest.mark.slow
def test_what_test_modules_hold_reaches_the_worker(pytester: pytest.Pytester) -> None:
    own_app = """
        import os
        from pynenc import Pynenc

        app = Pynenc(config_values={"app_id": "own", "runner_cls": "ThreadRunner"})

        @app.task
        def pid():
            return os.getpid()

        def test_pid(pynenc_worker):
            assert pid().result == pynenc_worker.pid
    """
    own_task = """
        from shop import app

        @app.app.task
        def greet(name):
            return f"hello {name}"

        def test_greet(pynenc_app, pynenc_worker):
            assert pynenc_app is app.app
            assert app.pid().result == pynenc_worker.pid
            assert greet("Ann").result == "hello Ann"
    """
    make_shop(pytester)
    tests = pytester.mkdir("tests")
    (tests / "package").mkdir()
    (tests / "package" / "__init__.py").touch()
    (tests / "package" / "test_inner.py").write_text(dedent(own_app))
    (tests / "test_app.py").write_text(dedent(own_app))
    (tests / "test_task.py").write_text(dedent(own_task))
    # from where no test module can be imported by its name
    mode = ("--import-mode=importlib", "-c", "pytest.ini", "--rootdir=tests")
    run(pytester, *mode, "tests").assert_outcomes(passed=3)


def test_a_worker_that_cannot_import_the_app_says_why(pytester: pytest.Pytester) -> None:
    broken = """
    import sys

    if sys.argv[0].endswith("worker_main.py"):
        raise RuntimeError("no licence for workers")
    """
    make_shop(pytester, source=dedent(broken) + dedent(SHOP))
    pytester.makepyfile("def test_one(pynenc_worker): pass", test_two="def test_two(pynenc_worker): pass")
    result = run(pytester)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "the worker for app 'shop' did not start: process * ended with exit code 1; its log ends with:",
            "RuntimeError: no licence for workers",
        ]
    )
    # it is the worker's traceback that the user sees, not ours
    for sign_of_our_traceback in ("During handling of", "start_worker", "who_runs_tasks.py"):
        assert sign_of_our_traceback not in output(result)
    assert result.duration < 20


@pytest.mark.slow
def test_a_worker_that_dies_fails_the_test_that_waits_for_it(pytester: pytest.Pytester) -> None:
    crash = """
    @app.task
    def crash() -> None:
        print("the lights went out", flush=True)
        os._exit(3)
    """
    make_shop(pytester, source=dedent(SHOP) + dedent(crash))
    pytester.makeconftest(WAIT_UNTIL)
    pytester.makepyfile(
        """
        import asyncio
        from conftest import wait_until
        from shop.app import crash

        def test_does_not_wait(pynenc_app, pynenc_worker):
            crash()
            wait_until(lambda: not pynenc_worker.is_alive)

        def test_waits(pynenc_app, pynenc_worker):
            crash().result

        def test_waits_asynchronously(pynenc_app, pynenc_worker):
            asyncio.run(asyncio.wait_for(crash().async_result(), 10))
        """
    )
    result = run(pytester, seconds=20)
    # it is reported when the test ends, too, so that a test which does not wait does not miss it; once
    result.assert_outcomes(passed=1, failed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_does_not_wait*", "*exit code 3*", "*the lights*"]
    )
    for name in ("test_waits", "test_waits_asynchronously"):
        result.stdout.re_match_lines(
            [
                f"_+ {name} _+$",
                "E .*RunnerError: process .* that ran crash ended with exit code 3",
                ".*lights",
            ]
        )
    assert not [line for line in output(result).splitlines() if line.startswith("E") and "Timeout" in line]


def test_a_worker_that_does_not_stop_is_killed_and_reported(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makeconftest(WAIT_UNTIL)
    pytester.makepyfile(
        """
        import pytest
        from conftest import wait_until
        from shop.app import hang

        @pytest.fixture
        def hanging_worker(pynenc_worker, tmp_path):
            hang(str(tmp_path / "started"))
            wait_until((tmp_path / "started").exists)
            # the ini would shorten the time to start, too
            pynenc_worker._stop_seconds = 1.0
            return pynenc_worker

        def test_one(hanging_worker):
            pass
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["worker * did not stop within 1 s and was killed; its log ends with:"])
    assert "During handling of" not in output(result)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_breakpoint_in_a_worker_names_the_remedy(
    pytester: pytest.Pytester,
    on_engine: tuple[str, ...],
    in_mode: tuple[str, ...],
    some_runners: tuple[str, ...],
) -> None:
    stop = """
    @app.task
    def stop() -> int:
        breakpoint()
        return 3
    """
    make_shop(pytester, source=dedent(SHOP) + dedent(stop))
    pytester.makepyfile(
        f"""
        import pytest
        from shop.app import stop

        @pytest.fixture(params={some_runners})
        def pynenc_app_config(request):
            return {{"runner_cls": request.param}}

        def test_one(pynenc_app, pynenc_worker):
            with pytest.raises(RuntimeError, match="has no terminal: request pynenc_runner"):
                stop().result

        def test_a_choice_of_the_user_s(pynenc_app, monkeypatch, request):
            monkeypatch.setenv("PYTHONBREAKPOINT", "0")
            request.getfixturevalue("pynenc_worker")
            assert stop().result == 3
        """
    )
    run(pytester, *on_engine, *in_mode, seconds=100).assert_outcomes(passed=2 * len(some_runners))
