"""`pynenc_runner`: every runner of pynenc, in a thread of the test process."""

import pytest

from tests.plugin.helpers import RUNNERS, make_shop, output, run

TESTS = f"""
    import multiprocessing
    import os
    import signal
    import threading
    import pytest
    from shop.app import add, app, pid

    @pytest.fixture(params={RUNNERS})
    def pynenc_app_config(request):
        return {{"runner_cls": request.param}}

    START_METHOD = multiprocessing.get_start_method(allow_none=True)
    SIGNALS = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    @pytest.fixture(autouse=True)
    def the_process_is_as_it_was_after_each(request):
        yield
        assert multiprocessing.get_start_method(allow_none=True) == START_METHOD
        assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == SIGNALS
        assert multiprocessing.active_children() == []
        assert [thread.name for thread in threading.enumerate() if "Runner" in thread.name] == []

    def test_runner(pynenc_app, pynenc_runner, pynenc_app_config):
        runner = pynenc_app_config["runner_cls"]
        assert pynenc_app is app
        assert type(pynenc_runner).__name__ == runner
        results = set(pid.parallelize([() for _ in range(4)]).results)
        assert (results == {{os.getpid()}}) is (os.getpid() in results) is (runner == "ThreadRunner")
        assert add(20, 22).result == 42
"""


@pytest.mark.slow
def test_each_runner_runs_tasks_and_leaves_the_process_as_it_was(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    run(pytester, *on_engine).assert_outcomes(passed=4)


START_METHODS = """
    import multiprocessing
    import os
    import pytest
    from shop.app import add, app, pid

    multiprocessing.set_start_method("{method}", force=True)

    @pytest.fixture(params=["ThreadRunner", "ProcessRunner", "PersistentProcessRunner", "MultiThreadRunner"])
    def pynenc_app_config(request):
        return {{"runner_cls": request.param}}

    def test_runner(pynenc_app, pynenc_runner, pynenc_app_config):
        assert add(20, 22).result == 42
        assert (pid().result == os.getpid()) is (pynenc_app_config["runner_cls"] == "ThreadRunner")

    def test_worker(pynenc_app, pynenc_worker, pynenc_app_config):
        assert add(20, 22).result == 42

    def test_the_method_is_as_it_was():
        assert multiprocessing.get_start_method() == "{method}"
"""


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_each_runner_runs_tasks_however_processes_start(
    pytester: pytest.Pytester, method: str, on_engine: tuple[str, ...]
) -> None:
    """Beside the system's own method, in the test above."""
    make_shop(pytester)
    pytester.makepyfile(START_METHODS.format(method=method))
    run(pytester, *on_engine, seconds=100).assert_outcomes(passed=9)


def test_a_task_that_raises_fails_nothing_but_its_invocation(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import threading
        import pytest
        from shop.app import add, fail

        def test_the_test_sees_the_exception(pynenc_app, pynenc_runner):
            with pytest.raises(ValueError, match="sold out"):
                fail().result
            assert add(20, 22).result == 42

        def test_nothing_of_it_is_left(pynenc_app, pynenc_runner):
            assert add(20, 22).result == 42

        def test_another_thread_that_raises_still_fails_its_test(pynenc_app, pynenc_runner):
            def burn():
                raise OSError("burnt")

            thread = threading.Thread(target=burn)
            thread.start()
            thread.join()
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_another_thread_that_raises_still_fails_its_test*"])


def test_a_runner_that_pynenc_does_not_have_is_named(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def pynenc_app_config():
            return {"runner_cls": "RocketRunner"}

        def test_one(pynenc_runner):
            pass
        """
    )
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*RocketRunner*"])


def test_a_runner_that_dies_fails_the_test_that_waits_for_it(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        from shop.app import pid

        def test_one(pynenc_app, pynenc_runner):
            def iteration():
                raise MemoryError("no more rooms")

            pynenc_runner.runner_loop_iteration = iteration
            pid().result
        """
    )
    result = run(pytester, seconds=20)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *RunnerError: *ThreadRunner of shop failed: no more rooms*"])


STUCK = """
    import multiprocessing
    import threading
    import pytest
    from pynenc.runner.persistent_process_runner import PersistentProcessRunner
    from shop.app import add

    START_METHOD = multiprocessing.get_start_method(allow_none=True)

    class StuckRunner(PersistentProcessRunner):
        def _on_start(self):
            super()._on_start()
            threading.Event().wait()

    @pytest.mark.pynenc_mongo(runner="StuckRunner")
    def test_stuck(pynenc_app, pynenc_runner):
        pass

    def test_what_comes_after(pynenc_app, pynenc_runner):
        assert add(20, 22).result == 42
        assert multiprocessing.get_start_method(allow_none=True) == START_METHOD
        assert multiprocessing.active_children() == []
"""


@pytest.mark.slow
def test_a_runner_that_is_stuck_in_its_start_is_told_once(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], in_mode: tuple[str, ...]
) -> None:
    make_shop(pytester, "pynenc_mongo_runner_timeout = 2")
    pytester.makepyfile(STUCK)
    result = run(pytester, *on_engine, *in_mode, "--dist=loadfile")
    result.assert_outcomes(passed=1, errors=1)
    assert output(result).count("StuckRunner of shop did not start within 2 s\n") == 1
    assert "did not stop" not in output(result)


@pytest.mark.thorough
@pytest.mark.slow
def test_more_files_are_open_than_select_can_count(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        import contextlib
        import os
        import resource
        import pytest
        from shop.app import add

        FILES = 1100

        @pytest.fixture(scope="session", autouse=True)
        def many_files():
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            if hard != resource.RLIM_INFINITY and hard < 2 * FILES:
                pytest.skip(f"this system allows {hard} open files")
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * FILES), hard))
            with contextlib.ExitStack() as stack:
                files = [stack.enter_context(open(os.devnull)) for _ in range(FILES)]
                assert files[-1].fileno() > 1023
                yield

        @pytest.mark.parametrize("runner", ["ThreadRunner", "ProcessRunner"])
        def test_many(request, runner, pynenc_use_app, pynenc_runner_factory, pynenc_worker_factory):
            from shop.app import app

            for factory in (pynenc_runner_factory, pynenc_worker_factory):
                with pynenc_use_app(app, runner_cls=runner):
                    factory(app)
                    assert add(20, 22).result == 42
        """
    )
    result = run(pytester, *on_engine)
    result.assert_outcomes(passed=2)
