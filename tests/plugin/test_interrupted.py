"""Ctrl-C in a test that hangs: all is gone, and the run says which test it was and what that waited for."""

import os
import signal
from typing import Any

import pytest

from tests.plugin.helpers import (
    ENGINES,
    Marked,
    looks_for_processes,
    make_shop,
    output,
    run,
    start,
    wait_until,
)
from tests.reproducible import in_thorough_runs

pytestmark = looks_for_processes

START_SECONDS = 30.0
# far less than the 30 s that a runner and a worker may take to stop
END_SECONDS = 12.0
TESTS = """
    import os
    import pathlib
    import pytest
    from shop.app import hang

    NOTES = pathlib.Path(os.environ["NOTES"])

    @pytest.fixture
    def pynenc_app_config():
        return {"runner_cls": os.environ["RUNNER"]}

    def test_fails():
        assert "milk" == "cream"

    def test_hangs_in_a_runner(pynenc_app, pynenc_runner):
        assert hang(str(NOTES / "runner")).result

    def test_hangs_in_a_worker(pynenc_app, pynenc_worker, pynenc_wait):
        assert pynenc_wait(hang(str(NOTES / "worker")))

    def test_hangs_in_a_block(pynenc_use_app, pynenc_runner_factory):
        from shop.app import app

        with pynenc_use_app(app):
            pynenc_runner_factory(app)
            assert hang.parallelize([(str(NOTES / "block"),)]).results.__next__()

    def test_never_runs():
        (NOTES / "never").touch()
"""


def interrupt(pytester: pytest.Pytester, begun: tuple[str, ...], *arguments: str, runner: str) -> str:
    """Press Ctrl-C once the tasks have begun; return what the run printed, once nothing of it is left."""
    make_shop(pytester)
    pytester.makepyfile(test_hang=TESTS)
    marked = Marked()
    notes = {"NOTES": str(pytester.path), "RUNNER": runner, marked.name: marked.value}
    process: Any = start(pytester, *arguments, **notes)
    output = pytester.path / "output.txt"

    def has_begun() -> bool:
        assert process.poll() is None, output.read_text()
        return all((pytester.path / name).exists() for name in begun)

    try:
        wait_until(has_begun, START_SECONDS, f"tasks {begun}")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(END_SECONDS) == pytest.ExitCode.INTERRUPTED, output.read_text()
        wait_until(lambda: not marked.pids(), END_SECONDS, "the end of all processes")
    finally:
        marked.end()
    return output.read_text()


def check_is_quiet(output: str) -> None:
    assert "Traceback" not in output
    assert "Logging error" not in output
    assert len(output.splitlines()) < 50, output


WHERE = {
    "test_hangs_in_a_runner": "runner",
    "test_hangs_in_a_worker": "worker",
    "test_hangs_in_a_block": "block",
}


# what hangs in a process of its own; thorough runs: each place on each engine, each runner on one
SERIAL = [
    ("test_hangs_in_a_runner", "ProcessRunner", "mongomock"),
    ("test_hangs_in_a_worker", "ThreadRunner", "mongomock"),
]
MORE_SERIAL = [
    ("test_hangs_in_a_runner", "ThreadRunner", "mongomock"),
    ("test_hangs_in_a_runner", "ProcessRunner", "embedded"),
    ("test_hangs_in_a_worker", "ThreadRunner", "embedded"),
    ("test_hangs_in_a_block", "ThreadRunner", "mongomock"),
    ("test_hangs_in_a_runner", "PersistentProcessRunner", "mongomock"),
    ("test_hangs_in_a_runner", "MultiThreadRunner", "embedded"),
    ("test_hangs_in_a_block", "ThreadRunner", "embedded"),
]


@pytest.mark.parametrize(("test", "runner", "engine"), [*SERIAL, *map(in_thorough_runs, MORE_SERIAL)])
def test_serial(pytester: pytest.Pytester, test: str, runner: str, engine: str) -> None:
    selected = ("-k", f"test_fails or {test} or test_never_runs")
    printed = interrupt(pytester, (WHERE[test],), *ENGINES[engine], *selected, runner=runner)
    check_is_quiet(printed)
    # what failed before is shown, what comes after does not run
    assert "FAILED test_hang.py::test_fails" in printed
    assert not (pytester.path / "never").exists()
    told = [line for line in printed.splitlines() if line.startswith("interrupted: ")]
    assert len(told) == 1
    assert told[0].startswith(f"interrupted: test_hang.py::{test}, in line ")
    assert ", waited: hang is " in told[0]


XDIST = [
    ("ThreadRunner", "mongomock"),
    ("ThreadRunner", "embedded"),
    ("MultiThreadRunner", "mongomock"),
    ("ProcessRunner", "mongomock"),
    ("PersistentProcessRunner", "embedded"),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("runner", "engine"), XDIST)
def test_xdist(pytester: pytest.Pytester, runner: str, engine: str) -> None:
    selected = ("-k", "test_hangs_in_a_runner or test_hangs_in_a_worker", "-n", "2")
    printed = interrupt(pytester, ("runner", "worker"), *ENGINES[engine], *selected, runner=runner)
    check_is_quiet(printed)
    for test in ("test_hangs_in_a_runner", "test_hangs_in_a_worker"):
        assert f"interrupted: test_hang.py::{test}, in line " in printed
    assert printed.count(", waited: hang is ") == 2


def test_ctrl_c_ends_a_process_of_a_runner_without_a_word(pytester: pytest.Pytester) -> None:
    """It reaches each process of the terminal, and a slow machine lets it speak before it is killed."""
    make_shop(pytester)
    pytester.makepyfile(
        """
        import multiprocessing
        import os
        import signal
        import pytest
        from pytest_pynenc_mongo import RunnerError
        from shop.app import hang

        @pytest.fixture
        def pynenc_app_config():
            return {"runner_cls": "ProcessRunner"}

        @pytest.mark.parametrize("method", ["fork", "spawn"])
        def test_one(pynenc_app, method, request, pynenc_wait, tmp_path):
            multiprocessing.set_start_method(method, force=True)
            # as in a terminal: what a script starts in its background ignores Ctrl-C, and so do its children
            signal.signal(signal.SIGINT, signal.default_int_handler)
            runner = request.getfixturevalue("pynenc_runner")
            invocation = hang(str(tmp_path / "started"))
            pynenc_wait.until((tmp_path / "started").exists)
            (child,) = runner.child_runner_ids.values()
            os.kill(child.process.pid, signal.SIGINT)
            with pytest.raises(RunnerError, match="that ran hang ended with SIGINT"):
                invocation.result
        """
    )
    result = run(pytester, "-s")
    result.assert_outcomes(passed=2)
    assert "Traceback" not in output(result)
