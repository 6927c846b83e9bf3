"""How a run may end, and what is left of it two seconds later: `python -m tests.endings`.

Each way to end, with each runner in the test process and in a worker, on both engines that a run starts.
A row says after how many seconds pytest had ended, and what was left 2 s after that: processes, and the
directories of the engines with their sockets.
"""

import argparse
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import NamedTuple

from tests.plugin.helpers import ARGUMENTS, ENGINES, RUNNERS, Marked, wait_until

FIXTURES = ("pynenc_runner", "pynenc_worker")
START_SECONDS = 60.0
END_SECONDS = 30.0
LEFT_AFTER_SECONDS = 2.0

TEST = """
import os
import pathlib
import threading

import pytest
from pynenc import Pynenc

app = Pynenc(config_values={"app_id": "endless", "runner_cls": os.environ["RUNNER"], "num_processes": 1})


@app.task
def hang(path: str) -> None:
    pathlib.Path(path).touch()
    threading.Event().wait()


def test_endless(pynenc_app, request):
    request.getfixturevalue(os.environ["FIXTURE"])
    begun = pathlib.Path(os.environ["NOTES"], "begun")
    invocation = hang(str(begun))
    if os.environ["CRASH"]:
        while not begun.exists():
            threading.Event().wait(0.01)
        os._exit(3)
    invocation.result
"""


class Ending(NamedTuple):
    """One way to end: options of pytest, and what is done to it once its task has begun."""

    options: tuple[str, ...]
    end: Callable[[int], None] = lambda pid: None
    crash: str = ""


def _send(number: signal.Signals) -> Callable[[int], None]:
    return lambda pid: os.kill(pid, number)


ENDINGS = {
    "Ctrl-C": Ending((), lambda pid: os.killpg(pid, signal.SIGINT)),
    "Ctrl-C, -n 2": Ending(("-n", "2"), lambda pid: os.killpg(pid, signal.SIGINT)),
    "SIGTERM": Ending((), _send(signal.SIGTERM)),
    "SIGKILL": Ending((), _send(signal.SIGKILL)),
    "--timeout": Ending(("--timeout", "4")),
    "--timeout, thread": Ending(("--timeout", "4", "--timeout-method", "thread")),
    "xdist worker crash": Ending(("-n", "2"), crash="yes"),
}


@dataclass
class Row:
    """What came of one run."""

    ending: str
    fixture: str
    runner: str
    engine: str
    exit_code: int | None  # None if it hung
    seconds: float
    processes: list[str]
    directories: list[str]

    @property
    def is_clean(self) -> bool:
        return not self.processes and not self.directories

    def __str__(self) -> str:
        left = "nothing" if self.is_clean else ", ".join((*self.processes, *self.directories))
        where = f"| {self.ending} | {self.fixture} | {self.runner} | {self.engine} "
        return f"{where}| {self.exit_code} | {self.seconds:.1f} | {left} |"


def observe(ending: str, fixture: str, runner: str, engine: str) -> Row:
    """Let one run end, and look what is left of it."""
    directory = Path(tempfile.mkdtemp(prefix="end-"))
    marked = Marked()
    try:
        (directory / "test_endless.py").write_text(TEST)
        process = _start(directory, marked, ENDINGS[ending], fixture, runner, engine)
        _await(directory / "begun", process)
        begun = time.monotonic()
        ENDINGS[ending].end(process.pid)
        exit_code = _exit_code_of(process)
        seconds = time.monotonic() - begun
        Event().wait(LEFT_AFTER_SECONDS)
        left = [_command_of(pid) for pid in marked.pids()]
        directories = [each.name for each in directory.glob("pynenc-mongo*")]
        return Row(ending, fixture, runner, engine, exit_code, seconds, left, directories)
    finally:
        marked.end()
        shutil.rmtree(directory, ignore_errors=True)


def _start(
    directory: Path, marked: Marked, ending: Ending, fixture: str, runner: str, engine: str
) -> "subprocess.Popen[bytes]":
    ours = {"RUNNER": runner, "FIXTURE": fixture, "CRASH": ending.crash, marked.name: marked.value}
    places = {"TMPDIR": str(directory), "NOTES": str(directory)}
    command = [sys.executable, "-m", "pytest", *ARGUMENTS, *ENGINES[engine], *ending.options]
    # whatever ignores Ctrl-C has children that ignore it, too; only the main thread may say otherwise
    command = ["env", "--default-signal=INT", *command]
    with (directory / "output.txt").open("w") as log:
        return subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **ours, **places},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _await(path: Path, process: "subprocess.Popen[bytes]") -> None:
    wait_until(lambda: path.exists() or process.poll() is not None, START_SECONDS, "the task's begin")
    if not path.exists():
        raise RuntimeError(f"the task did not begin: {(path.parent / 'output.txt').read_text()}")


def _exit_code_of(process: "subprocess.Popen[bytes]") -> int | None:
    try:
        return process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _command_of(pid: int) -> str:
    try:
        return f"{pid}: {Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()[:80]}"
    except OSError:
        return f"{pid}"


def main(endings: Iterable[str], runners: Iterable[str], engines: Iterable[str]) -> int:
    combinations = list(itertools.product(endings, FIXTURES, runners, engines))
    print("| ending | fixture | runner | engine | exit code | seconds | left |")
    print("|---|---|---|---|---|---|---|", flush=True)
    dirty = 0
    with ThreadPoolExecutor(2) as pool:
        for row in pool.map(lambda each: observe(*each), combinations):
            print(row, flush=True)
            dirty += not row.is_clean
    print(f"{len(combinations)} runs, {dirty} of them left something")
    return min(dirty, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.endings", description=__doc__)
    parser.add_argument("--ending", action="append", choices=ENDINGS)
    parser.add_argument("--runner", action="append", choices=RUNNERS)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    chosen = parser.parse_args()
    sys.exit(main(chosen.ending or ENDINGS, chosen.runner or RUNNERS, chosen.engine or ENGINES))
