"""What a runner in the test process has started ends with it, however that ends."""

import os
import signal
from pathlib import Path

import pytest

from tests.plugin.helpers import Marked, looks_for_processes, make_shop, start, wait_until

pytestmark = looks_for_processes

START_SECONDS = 30.0
GONE_SECONDS = 2.0

TESTS = """
    import os
    import pathlib
    import signal
    import threading

    import pytest
    from shop.app import add, hang

    HERE = pathlib.Path(os.environ["NOTES"])

    @pytest.fixture
    def pynenc_app_config():
        few = {"num_processes": 2, "min_processes": 2, "max_processes": 2}
        return {"runner_cls": os.environ["RUNNER"], **few}

    def test_hangs(pynenc_app, pynenc_runner, pynenc_wait):
        assert add(20, 22).result == 42
        hang(str(HERE / "started"))
        pynenc_wait.until((HERE / "started").exists)
        if os.environ["STOPPED"]:
            # as ProcessRunner does with one that waits for another task
            for child in pynenc_runner.child_runner_ids.values():
                os.kill(child.process.pid, signal.SIGSTOP)
        (HERE / "hangs").touch()
        threading.Event().wait()
"""
ENDINGS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "timeout": None}


# each runner and way to start a process, and each ending; PersistentProcessRunner always spawns
CASES = [
    ("ProcessRunner", "fork", "SIGKILL"),
    ("ProcessRunner", "spawn", "SIGTERM"),
    ("ProcessRunner", "forkserver", "timeout"),
    ("PersistentProcessRunner", "fork", "SIGKILL"),
    ("PersistentProcessRunner", "fork", "timeout"),
    ("MultiThreadRunner", "fork", "SIGTERM"),
    ("MultiThreadRunner", "spawn", "SIGKILL"),
    ("MultiThreadRunner", "forkserver", "SIGKILL"),
]


@pytest.mark.parametrize(("runner", "method", "ending"), CASES)
def test_they_end_within_two_seconds(
    pytester: pytest.Pytester, runner: str, method: str, ending: str, tmp_path: Path
) -> None:
    marked = Marked()
    make_shop(pytester)
    pytester.makeconftest(f"import multiprocessing; multiprocessing.set_start_method({method!r}, force=True)")
    pytester.makepyfile(TESTS)
    timeout = ("--timeout=12", "--timeout-method=thread") if ending == "timeout" else ()
    # a stopped one cannot watch, and the system watches its parent, which a fork server is
    stopped = "yes" if runner == "ProcessRunner" and method != "forkserver" else ""
    environment = {"NOTES": str(tmp_path), "RUNNER": runner, "TMPDIR": str(tmp_path), "STOPPED": stopped}
    process = start(pytester, *timeout, **environment, **{marked.name: marked.value})
    try:
        wait_until((tmp_path / "hangs").exists, START_SECONDS, "a task that hangs")
        # pytest, MongoDB, the runner's manager and at least one process that runs the task
        assert len(marked.pids()) >= 4
        if (number := ENDINGS[ending]) is not None:
            os.kill(process.pid, number)
        process.wait(START_SECONDS)
        wait_until(lambda: not marked.pids(), GONE_SECONDS, f"all gone, not {marked.pids()}")
    finally:
        for pid in {process.pid, *marked.pids()}:
            _kill(pid)
        process.wait()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
