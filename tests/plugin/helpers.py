"""Runs of pytest inside a test, in a process of their own, as a user starts them."""

import contextlib
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pymongo import MongoClient

from tests.plugin import forked

# a run that hangs fails here, before the outer test's own timeout
RUN_SECONDS = 50.0
# pynenc's runners, the only one without processes first
RUNNERS = ("ThreadRunner", "ProcessRunner", "PersistentProcessRunner", "MultiThreadRunner")
EMBEDDED = "--pynenc-mongo-url=embedded://"
ENGINES = {"mongomock": (), "embedded": (EMBEDDED,)}  # the options of an inner run, by engine
MODES = {"serial": (), "xdist": ("-n", "2")}

# other plugins of this environment, which cost time
_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio")
# where a test hangs is told before its run is given up
ARGUMENTS = (*_PLUGINS, "-W", "error", "-o", "faulthandler_timeout=25")

SHOP = """
    import os
    import threading
    from pynenc import PynencBuilder
    from pynenc.trigger.trigger_builder import on_event

    # each process of a runner is an interpreter that imports pynenc: no more of them than need be
    few = {"num_processes": 1, "min_processes": 1, "max_processes": 1}
    app = PynencBuilder().app_id("shop").memory().custom_config(**few).build()

    @app.task
    def pid() -> int:
        print("the shop is open")
        return os.getpid()

    @app.task(max_retries=3, retry_for=(OSError,))
    def add(x: int, y: int) -> int:
        return x + y

    @app.task
    def fail() -> None:
        raise ValueError("sold out")

    @app.task(triggers=on_event("ordered"))
    def ship() -> str:
        return "shipped"

    @app.task
    def hang(started: str) -> None:
        open(started, "x").close()
        threading.Event().wait()
"""

# tasks that end, that end once there is a file, and that fail
WAITING_SHOP = """
    import os
    import threading
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def double(x: int) -> int:
        return 2 * x

    @app.task
    def when(sign: str) -> str:
        while not os.path.exists(sign):
            threading.Event().wait(0.01)
        return sign

    @app.task
    def fail(why: str) -> None:
        raise ValueError(why)
"""


# a conftest.py's: waits for what this process sees
WAIT_UNTIL = """
    import threading
    import time

    def wait_until(condition, seconds=10.0):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, condition
            threading.Event().wait(0.01)
"""


def run(pytester: pytest.Pytester, *arguments: str, seconds: float = RUN_SECONDS) -> pytest.RunResult:
    """Run pytest in the folder of `pytester`, where warnings are errors; it fails if that takes longer.

    The process is forked where it makes no difference to it, and new where it would.
    """
    with pytest.MonkeyPatch.context() as patch:
        if forked.can_fork():
            patch.setattr(pytester, "popen", forked.popen)
        return run_new(pytester, *arguments, seconds=seconds)


def run_new(pytester: pytest.Pytester, *arguments: str, seconds: float = RUN_SECONDS) -> pytest.RunResult:
    """Do what `run` does in a new process, whatever the costs."""
    try:
        return pytester.runpytest_subprocess(*ARGUMENTS, *arguments, timeout=seconds)
    except pytester.TimeoutExpired:
        said = [(pytester.path / name).read_text(errors="replace") for name in ("stdout", "stderr")]
        pytest.fail("\n".join([f"the run has not ended within {seconds:g} s; it has printed:", *said]))


def output(result: pytest.RunResult) -> str:
    """Return all that a run printed."""
    return f"{result.stdout.str()}\n{result.stderr.str()}"


def make_shop(pytester: pytest.Pytester, *ini_lines: str, source: str = SHOP) -> None:
    """Write a user's own project: package `shop` under `src`, its app named in the ini."""
    package = pytester.path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "app.py").write_text(_dedented(source))
    make_ini(pytester, "pythonpath = src", "pynenc_app = shop.app:app", *ini_lines)


def make_ini(pytester: pytest.Pytester, *lines: str) -> None:
    (pytester.path / "pytest.ini").write_text("\n".join(["[pytest]", *lines, ""]))


def make_sitecustomize(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Have every Python process of an inner run execute `source` before anything else."""
    directory = pytester.path / "site"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(_dedented(source))
    monkeypatch.setenv("PYTHONPATH", str(directory), prepend=os.pathsep)


def wait_until[T](condition: Callable[[], T], seconds: float, what: str) -> T:
    """Return the first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        Event().wait(0.02)
    return answer


def everything(client: MongoClient[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    """Return all documents and indexes of a server, but for its own log of writes."""
    return {
        (database, collection): (
            list(client[database][collection].find()),
            client[database][collection].index_information(),
        )
        for database in set(client.list_database_names()) - {"local"}
        for collection in client[database].list_collection_names()
    }


def closed_port() -> int:
    """Return a port of this machine where nothing listens."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
    return port


# a module's marks: it starts pytest as users do, and looks what processes are left
looks_for_processes = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds processes in /proc"),
]


class Marked:
    """All processes of a run, however they were started: they share one environment variable."""

    name = "PYNENC_MONGO_TEST_RUN"

    def __init__(self) -> None:
        self.value = uuid.uuid4().hex

    def pids(self) -> set[int]:
        """Return those that are alive."""
        needle = f"{self.name}={self.value}".encode()
        return {
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and needle in _environment_of(entry)
        }

    def end(self) -> None:
        """End all that is left of them."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _environment_of(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def start(pytester: pytest.Pytester, *arguments: str, **environment: str) -> Any:
    """Start pytest, as if in a terminal of its own, and go on; it writes to the file `output.txt`."""
    with (pytester.path / "output.txt").open("w") as log, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        command = [sys.executable, "-m", "pytest", f"--basetemp={pytester.path}/base", *ARGUMENTS, *arguments]
        # whatever ignores Ctrl-C (a shell's background job does) has children that ignore it, too
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return pytester.popen(command, stdout=log, stderr=log, start_new_session=True)
        finally:
            signal.signal(signal.SIGINT, before)


def _dedented(source: str) -> str:
    from textwrap import dedent

    return dedent(source).lstrip()
