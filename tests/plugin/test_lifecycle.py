"""However a run ends, no process and no directory of it is left, and a server is as it was."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.plugin.helpers import (
    SHOP,
    Marked,
    looks_for_processes,
    make_shop,
    start,
    wait_until,
)
from tests.reproducible import in_thorough_runs

pytestmark = looks_for_processes

# those that the run starts itself, and that must end with it
START_SECONDS = 30.0
END_SECONDS = 30.0

TESTS = """
    import os
    import pathlib
    import threading
    import pytest
    from shop.app import add, hang, leave, pid

    HERE = pathlib.Path(os.environ["NOTES"])

    @pytest.fixture
    def pynenc_app_config():
        return {"runner_cls": os.environ.get("RUNNER", "ThreadRunner"), "num_processes": 1}

    def note(name, text=""):
        # complete as soon as it is there
        (HERE / f"{name}.part").write_text(str(text))
        (HERE / f"{name}.part").rename(HERE / name)

    def test_hangs(pynenc_app, pynenc_worker, pynenc_mongo_database):
        note("database", pynenc_mongo_database.name)
        note("worker", pynenc_worker.pid)
        assert add(20, 22).result == 42
        note(f"hangs in {os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
        threading.Event().wait()

    def test_hangs_too(pynenc_app, pynenc_worker, pynenc_mongo_database):
        test_hangs(pynenc_app, pynenc_worker, pynenc_mongo_database)

    def test_passes(pynenc_app, pynenc_runner, pynenc_worker):
        assert add(20, 22).result == 42

    def test_fails(pynenc_app, pynenc_runner, pynenc_worker):
        add(1, 2)
        raise LookupError("as it must")

    def test_dies(pynenc_app, pynenc_worker):
        os._exit(3)

    def test_exits(pynenc_app, pynenc_runner, pynenc_worker):
        assert add(20, 22).result == 42
        pytest.exit("enough", returncode=7)

    def test_has_a_task_that_hangs(pynenc_app, pynenc_worker, pynenc_wait, tmp_path):
        hang(str(tmp_path / "started"))
        pynenc_wait.until((tmp_path / "started").exists)
        pynenc_worker.kill()

    def test_has_a_task_that_exits(pynenc_app, pynenc_worker, pynenc_wait):
        leave()
        pynenc_wait.until(lambda: not pynenc_worker.is_alive)
"""
LEAVE = """
    @app.task
    def leave() -> None:
        os._exit(5)
"""


class Run:
    """A run of pytest, its processes and the directory that its temporary files go to."""

    def __init__(self, pytester: pytest.Pytester, temporary: Path) -> None:
        self._pytester = pytester
        self.temporary = temporary
        self.marked = Marked()
        self.process: Any = None
        make_shop(pytester, source=SHOP + LEAVE)
        pytester.makepyfile(TESTS)

    def start(self, *arguments: str, runner: str = "ThreadRunner") -> Any:
        self.process = start(
            self._pytester,
            *arguments,
            TMPDIR=str(self.temporary),
            NOTES=str(self.temporary),
            RUNNER=runner,
            **{self.marked.name: self.marked.value},
        )
        return self.process

    def note(self, name: str) -> str:
        """Return what a test noted, once it did."""

        def noted() -> bool:
            assert self.process.poll() is None, self.output
            return (self.temporary / name).exists()

        wait_until(noted, START_SECONDS, f"note {name!r}")
        return self.note_of_the_past(name)

    def note_of_the_past(self, name: str) -> str:
        """Return what a test noted before its run ended."""
        return (self.temporary / name).read_text()

    @property
    def output(self) -> str:
        return (self._pytester.path / "output.txt").read_text()

    @property
    def directories(self) -> list[str]:
        """Return the directories that the engines have, or had."""
        return [directory.name for directory in self.temporary.glob("pynenc-mongo*")]

    def interrupt(self) -> None:
        """Press Ctrl-C, which reaches all processes of the terminal, and check that nothing is left."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(END_SECONDS) == pytest.ExitCode.INTERRUPTED
        wait_until(self.is_gone, 1.0, "the end of all")
        assert "KeyboardInterrupt" in self.output
        assert "Traceback" not in self.output

    def is_gone(self) -> bool:
        return not self.marked.pids() and not self.directories


@pytest.fixture
def inner(pytester: pytest.Pytester) -> Iterator[Run]:
    # short: the path of a socket in it must not be longer than 107 bytes
    directory = tempfile.mkdtemp(prefix="life-")
    run = Run(pytester, Path(directory))
    yield run
    run.marked.end()
    if run.process is not None:
        run.process.wait()
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    ("arguments", "end", "seconds"),
    [
        pytest.param((), signal.SIGKILL, 5.0, id="SIGKILL"),
        in_thorough_runs(((), signal.SIGTERM, 5.0), "SIGTERM"),
        # xdist's own processes wait five seconds for their test before they interrupt it
        in_thorough_runs((("-n", "2"), signal.SIGKILL, 5.0 + 10.0), "xdist-SIGKILL"),
    ],
)
def test_nothing_outlives_a_killed_run(
    inner: Run,
    on_own_engine: tuple[str, ...],
    arguments: tuple[str, ...],
    end: signal.Signals,
    seconds: float,
) -> None:
    process = inner.start(*on_own_engine, "-k", "test_hangs", *arguments)
    workers = {"gw0", "gw1"} if arguments else {"main"}
    for name in workers:
        inner.note(f"hangs in {name}")
    # there is something to leave: pytest (and its xdist workers), servers and worker processes
    assert len(inner.directories) == len(workers)
    assert len(inner.marked.pids()) >= 3 * len(workers)
    process.send_signal(end)
    assert process.wait(END_SECONDS) == -end
    wait_until(lambda: not inner.marked.pids(), seconds, "the end of all processes")
    # whoever ended last has cleaned up before
    assert inner.directories == []


def test_a_worker_ends_with_a_killed_run(inner: Run, embedded_url: str) -> None:
    # on a server that lives on: nothing but the end of the run can end the worker
    process = inner.start(
        f"--pynenc-mongo-url={embedded_url}", "-k", "test_hangs and not too", runner="PersistentProcessRunner"
    )
    worker = int(inner.note("worker"))
    inner.note("hangs in main")
    assert worker in inner.marked.pids()
    # the worker's own child and its manager too
    assert len(inner.marked.pids()) >= 4
    process.kill()
    process.wait(END_SECONDS)
    wait_until(lambda: worker not in inner.marked.pids(), 2.0, "the end of the worker")
    wait_until(inner.is_gone, 2.0, "the end of what the worker started")
    with MongoClient[dict[str, Any]](embedded_url) as client:
        client.drop_database(inner.note_of_the_past("database"))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments", [pytest.param((), id="serial"), in_thorough_runs([("-n", "2")], "xdist")]
)
def test_nothing_is_left_of_an_interrupted_run(
    inner: Run, embedded_url: str, arguments: tuple[str, ...]
) -> None:
    with MongoClient[dict[str, Any]](embedded_url) as client:
        before = client.list_database_names()
        inner.start(f"--pynenc-mongo-url={embedded_url}", "-k", "test_hangs", *arguments)
        for name in ("gw0", "gw1") if arguments else ("main",):
            inner.note(f"hangs in {name}")
        inner.interrupt()
        assert client.list_database_names() == before


@pytest.mark.thorough
def test_nothing_is_left_of_an_interrupted_run_with_its_own_engine(
    inner: Run, on_own_engine: tuple[str, ...]
) -> None:
    inner.start(*on_own_engine, "-k", "test_hangs and not too")
    inner.note("hangs in main")
    inner.interrupt()


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        in_thorough_runs((("-k", "test_fails or test_passes", "-x"), pytest.ExitCode.TESTS_FAILED), "serial"),
        pytest.param(("-k", "test_passes", "-n", "2"), pytest.ExitCode.OK, id="xdist"),
        in_thorough_runs((("-k", "test_exits"), 7), "pytest.exit"),
        # nobody is at the keyboard: the debugger reads the end of its input, and quits
        in_thorough_runs((("-k", "test_fails", "--pdb"), pytest.ExitCode.INTERRUPTED), "pdb"),
        in_thorough_runs((("-k", "test_has_a_task_that_hangs"), pytest.ExitCode.OK), "hanging task"),
        # its worker is gone when the test ends, which is reported
        in_thorough_runs(
            (("-k", "test_has_a_task_that_exits"), pytest.ExitCode.TESTS_FAILED), "exiting task"
        ),
    ],
)
def test_nothing_is_left_of_a_run_that_ends(
    inner: Run, on_own_engine: tuple[str, ...], arguments: tuple[str, ...], exit_code: int
) -> None:
    process = inner.start(*on_own_engine, *arguments)
    assert process.wait(END_SECONDS) == exit_code, inner.output
    assert inner.marked.pids() == set()
    assert inner.directories == []


def test_nothing_is_left_of_a_run_whose_test_ends_the_process(
    inner: Run, on_own_engine: tuple[str, ...]
) -> None:
    process = inner.start(*on_own_engine, "-k", "test_dies")
    assert process.wait(END_SECONDS) == 3
    wait_until(inner.is_gone, 5.0, f"the end of {inner.directories}")
