"""A worker, and what its runner starts, starts in any project that pytest runs."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, make_ini, make_shop, output, run
from tests.reproducible import in_thorough_runs

PACKAGED_APP = """
    import os
    from pynenc import Pynenc
    from .prices import PRICE

    few = {"num_processes": 1, "min_processes": 1, "max_processes": 1}
    app = Pynenc(config_values={"app_id": "packaged", **few})

    @app.task
    def price(cups: int) -> tuple[int, int]:
        return cups * PRICE, os.getpid()
"""
PACKAGED_TESTS = """
    import os
    import pytest
    from .helper_app import app, price

    @pytest.fixture(params={runners})
    def pynenc_app_config(request):
        return {{"runner_cls": request.param}}

    def test_runner(pynenc_app, pynenc_runner, pynenc_wait):
        assert pynenc_app is app
        assert pynenc_wait(price(2), timeout=15)[0] == 6

    def test_worker(pynenc_app, pynenc_worker, pynenc_wait):
        value, pid = pynenc_wait(price(2), timeout=15)
        assert value == 6
        assert pid != os.getpid()
"""


def run_as_command(pytester: pytest.Pytester, *arguments: str) -> str:
    """Run as the command `pytest` does: with no entry for the working directory on `sys.path`."""
    command = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command, cwd=pytester.path, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    return result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    pytest.version_tuple < (8, 1), reason="pytest 8.0 has no relative imports in importlib mode"
)
@pytest.mark.parametrize(
    ("method", "packages"),
    [
        pytest.param("fork", True, id="fork-packages"),
        in_thorough_runs(["spawn", False], "spawn-folders"),
        in_thorough_runs(["fork", False], "fork-folders"),
        in_thorough_runs(["spawn", True], "spawn-packages"),
    ],
)
def test_it_finds_what_importlib_mode_has_imported(
    pytester: pytest.Pytester, packages: bool, method: str, some_runners: tuple[str, ...]
) -> None:
    """Modules of packages that no entry of `sys.path` leads to, with relative imports between them."""
    unit = pytester.path / "tests" / "unit"
    unit.mkdir(parents=True)
    if packages:
        (unit / "__init__.py").touch()
        (unit.parent / "__init__.py").touch()
    (unit / "prices.py").write_text("PRICE = 3\n")
    (unit / "helper_app.py").write_text(dedent(PACKAGED_APP))
    (unit / "test_prices.py").write_text(dedent(PACKAGED_TESTS.format(runners=some_runners)))
    pytester.makeconftest(f"import multiprocessing; multiprocessing.set_start_method({method!r}, force=True)")
    make_ini(pytester)
    said = run_as_command(pytester, "--import-mode=importlib", "tests")
    assert f" {2 * len(some_runners)} passed" in said, said


@pytest.mark.thorough
@pytest.mark.slow
def test_files_named_like_the_standard_library_s_do_no_harm(
    pytester: pytest.Pytester, on_own_engine: tuple[str, ...]
) -> None:
    for name in ("types", "queue", "secrets", "selectors", "hmac", "csv"):
        (pytester.path / f"{name}.py").write_text(f"raise RuntimeError('this is the user s own {name}')\n")
    make_shop(pytester)
    (pytester.path / "test_pid.py").write_text(
        dedent(
            """
            import pytest
            from shop.app import pid

            @pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner"])
            def test_worker(runner, pynenc_use_app, pynenc_worker_factory):
                from shop.app import app
                with pynenc_use_app(app, runner_cls=runner, num_processes=1):
                    worker = pynenc_worker_factory(app)
                    assert (pid().result == worker.pid) is (runner == "ThreadRunner")
            """
        )
    )
    said = run_as_command(pytester, "--import-mode=importlib", *on_own_engine)
    assert " 2 passed" in said, said


def test_a_relative_entry_of_the_search_path_means_what_it_meant(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    make_ini(pytester, "pynenc_app = shop.app:app")
    pytester.makeconftest("import sys; sys.path.insert(0, 'src')")
    pytester.makepyfile(
        """
        from shop.app import pid

        def test_one(pynenc_app, monkeypatch, tmp_path, pynenc_worker_factory):
            for place in ("a", "b"):
                (tmp_path / place).mkdir()
                monkeypatch.chdir(tmp_path / place)
                assert pid().invocation_id
                worker = pynenc_worker_factory(pynenc_app)
                assert pid().result == worker.pid
                worker.stop()
        """
    )
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_warnings_that_are_errors_everywhere(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    make_shop(pytester)
    pytester.makepyfile(
        """
        from shop.app import pid

        def test_one(pynenc_app, pynenc_worker_factory):
            for _ in range(2):
                worker = pynenc_worker_factory(pynenc_app)
                assert pid().result == worker.pid
                worker.stop()
        """
    )
    run(pytester).assert_outcomes(passed=1)


REGISTERED = """
    import os

    import pytest

    def brew(cups: int) -> tuple[int, int]:
        return cups * 2, os.getpid()

    calls = []

    def fails_twice() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("no water")
        return len(calls)

    @pytest.mark.parametrize("runner", ["ThreadRunner", "PersistentProcessRunner"])
    def test_on_the_fixture_s_app(runner, pynenc_app_factory, pynenc_worker_factory, pynenc_wait):
        app = pynenc_app_factory(app_id="kettle", runner_cls=runner, num_processes=1)
        task = app.task(brew)
        retried = app.task(fails_twice, max_retries=5, retry_for=(OSError,))
        worker = pynenc_worker_factory(app)
        value, pid = task(3).result
        assert value == 6
        assert (pid == worker.pid) is (runner == "ThreadRunner")
        # with its options
        assert retried().result == 3

    def test_by_what_triggers_it(pynenc_app, pynenc_worker_factory, pynenc_wait):
        from pynenc.trigger.trigger_builder import on_event

        task = pynenc_app.task(brew, triggers=on_event("thirst").with_args_static({"cups": 4}))
        pynenc_worker_factory(pynenc_app)
        pynenc_app.trigger.emit_event("thirst", {})
        pynenc_wait.until(lambda: list(pynenc_app.orchestrator.get_task_invocation_ids(task.task_id)))
        pynenc_wait.idle()

    def test_a_function_that_no_other_process_finds(pynenc_app, pynenc_worker_factory):
        def local() -> None:
            pass

        local.__qualname__ = "local"  # pynenc itself refuses it otherwise
        pynenc_app.task(local)
        pynenc_worker_factory(pynenc_app)

    def test_a_later_test_has_nothing_of_it(pynenc_app, pynenc_worker):
        assert pynenc_worker.is_alive
"""


@pytest.mark.slow
def test_a_task_that_the_test_registers_is_known_to_the_worker(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(REGISTERED)
    result = run(pytester)
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["*the worker for app 'shop' cannot have task *.local: another process finds neither *; write *"]
    )


def test_what_a_task_reads_from_standard_input_is_nothing(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    reading = """
    import subprocess
    import sys

    @app.task
    def cat() -> bytes:
        return subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout.decode()

    @app.task
    def read() -> str:
        return sys.stdin.read()

    @app.task
    def ask() -> str:
        return input("your name? ")
    """
    make_shop(pytester, source=dedent(SHOP) + dedent(reading))
    pytester.makepyfile(
        """
        import pytest
        from shop.app import ask, cat, read

        def test_one(pynenc_app, pynenc_worker, pynenc_wait):
            assert pynenc_wait(cat(), timeout=10) == ""
            assert pynenc_wait(read(), timeout=10) == ""
            with pytest.raises(EOFError):
                pynenc_wait(ask(), timeout=10)
        """
    )
    run(pytester, *on_engine).assert_outcomes(passed=1)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_runner_whose_processes_keep_dying_is_reported(pytester: pytest.Pytester) -> None:
    broken = """
    import multiprocessing
    import sys

    multiprocessing.set_start_method("spawn", force=True)
    if "--multiprocessing-fork" in sys.orig_argv:
        raise RuntimeError("no licence for children")
    """
    make_shop(pytester, source=dedent(broken) + dedent(SHOP))
    pytester.makepyfile(
        """
        import pytest
        from shop.app import pid

        @pytest.fixture(params=["PersistentProcessRunner", "MultiThreadRunner"])
        def pynenc_app_config(request):
            return {"runner_cls": request.param}

        def test_runner(pynenc_app, pynenc_runner):
            pid().result

        @pytest.mark.parametrize("pynenc_app_config", ["MultiThreadRunner"], indirect=True)
        def test_worker(pynenc_app, pynenc_worker):
            pid().result
        """
    )
    result = run(pytester)
    assert result.parseoutcomes()["failed"] == 3
    dead = "die before they run anything, the last one with exit code 1"
    for runner in ("PersistentProcessRunner", "MultiThreadRunner"):
        assert f"the processes of {runner} {dead}" in output(result)
    result.stdout.fnmatch_lines(["*RuntimeError: no licence for children*"])
