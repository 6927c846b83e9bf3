"""What a runner in the test process has started ends with it, however that ends."""

import os
import signal
from pathlib import Path

import pytest

from tests.plugin.helpers import ENGINES, Marked, looks_for_processes, start, wait_until
from tests.reproducible import in_thorough_runs

pytestmark = looks_for_processes

START_SECONDS = 30.0
GONE_SECONDS = 2.0

# pynenc's PersistentProcessRunner changes the way to start processes, so it comes last
WITH_PROCESSES = ("ProcessRunner", "MultiThreadRunner", "PersistentProcessRunner")
# one app for each of them, in a module of its name
APP = """
    import threading
    from pynenc import Pynenc

    few = {"num_processes": 1, "min_processes": 1, "max_processes": 1}
    app = Pynenc(config_values={"app_id": __name__, "runner_cls": __name__, **few})

    @app.task
    def hang(started: str) -> None:
        open(started, "x").close()
        threading.Event().wait()
"""
TESTS = """
    import importlib
    import os
    import pathlib
    import signal
    import threading
    from contextlib import ExitStack

    import pytest

    HERE = pathlib.Path(os.environ["NOTES"])

    @pytest.fixture
    def hanging(copy, pynenc_use_app, pynenc_runner_factory, pynenc_wait):
        with ExitStack() as apps:
            for runner in os.environ["RUNNERS"].split():
                module = importlib.import_module(runner)
                running = pynenc_runner_factory(apps.enter_context(pynenc_use_app(module.app)))
                started = HERE / f"{runner}-{copy}"
                module.hang(str(started))
                pynenc_wait.until(started.exists)
                if runner == "ProcessRunner":
                    # as it does with one that waits for another task
                    for child in running.child_runner_ids.values():
                        os.kill(child.process.pid, signal.SIGSTOP)
            (HERE / f"hangs-{copy}.new").write_text(str(os.getpid()))
            (HERE / f"hangs-{copy}.new").rename(HERE / f"hangs-{copy}")
            yield

    @pytest.mark.parametrize("copy", range(int(os.environ["COPIES"])))
    def test_hangs(hanging, copy):
        threading.Event().wait()
"""
ENDINGS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "timeout": None}
TIMEOUT = ("--timeout=1", "--timeout-method=thread", "-o", "timeout_func_only=true")
XDIST = ("-n", "2", "--max-worker-restart=0")

# in thorough runs: each way to start a process with each ending, on each engine, serial and under xdist
CASES = [
    ("spawn", "SIGKILL", "mongomock", 1),
]
MORE_CASES = [
    ("fork", "timeout", "mongomock", 1),
    ("fork", "SIGKILL", "mongomock", 1),
    ("spawn", "SIGTERM", "mongomock", 1),
    ("forkserver", "timeout", "mongomock", 1),
    ("fork", "SIGTERM", "embedded", 2),
    ("fork", "timeout", "embedded", 1),
    ("spawn", "SIGKILL", "embedded", 2),
    ("spawn", "timeout", "mongomock", 2),
    ("forkserver", "SIGKILL", "embedded", 1),
    ("forkserver", "SIGTERM", "mongomock", 2),
]


@pytest.mark.parametrize(
    ("method", "ending", "engine", "copies"), [*CASES, *map(in_thorough_runs, MORE_CASES)]
)
def test_they_end_within_two_seconds(
    pytester: pytest.Pytester, method: str, ending: str, engine: str, copies: int, tmp_path: Path
) -> None:
    marked = Marked()
    pytester.makepyfile(**dict.fromkeys(WITH_PROCESSES, APP))
    pytester.makeconftest(f"import multiprocessing; multiprocessing.set_start_method({method!r}, force=True)")
    pytester.makepyfile(test_hangs=TESTS)
    arguments = ENGINES[engine] + (TIMEOUT if ending == "timeout" else ()) + (XDIST if copies > 1 else ())
    environment = {
        "NOTES": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "COPIES": str(copies),
        "RUNNERS": " ".join(WITH_PROCESSES),
    }
    process = start(pytester, *arguments, **environment, **{marked.name: marked.value})
    try:
        notes = [tmp_path / f"hangs-{copy}" for copy in range(copies)]
        wait_until(lambda: all(note.exists() for note in notes), START_SECONDS, "tasks that hang")
        if (number := ENDINGS[ending]) is not None:
            # pytest, MongoDB, each runner's manager and at least one process that runs the task
            assert len(marked.pids()) >= 2 + 5 * copies
            for note in notes:
                os.kill(int(note.read_text()), number)
        process.wait(START_SECONDS)
        wait_until(lambda: not marked.pids(), GONE_SECONDS, f"all gone, not {marked.pids()}")
    finally:
        marked.end()
        process.wait()
