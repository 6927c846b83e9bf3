"""A run of many tests, and what its process and its engine's take of the machine early and late."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.plugin.helpers import ARGUMENTS

# kinds of tests take turns, so that both samples follow one of the same kind
TURN = 20
SHOP = """
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    @app.task(max_retries=2, retry_for=(OSError,))
    def charge(x: int) -> int:
        if charge.invocation.num_retries == 0:
            raise OSError
        return x
"""
TESTS = """
    import threading

    import pytest
    from shop import add, charge

    leaked = []

    @pytest.mark.parametrize("number", range({count}))
    def test_shop(request, pynenc_app, number):
        {leak}
        if number % {turn} == 5:
            request.getfixturevalue("pynenc_worker")
        elif number % 2:
            request.getfixturevalue("pynenc_runner")
        else:
            add(number, 1)
            assert pynenc_app.orchestrator.count_invocations() == 1
            return
        assert add(number, 1).result == number + 1
        assert charge(number).result == number
        assert sum(add.parallelize([(number, each) for each in range(3)]).results) == 3 * number + 3
"""
CONFTEST = """
    import gc
    import json
    import os
    from pathlib import Path

    import psutil
    from pytest_pynenc_mongo import engines

    seen = []

    def pytest_runtest_logfinish(nodeid):
        seen.append(nodeid)
        if len(seen) in {at}:
            gc.collect()
            pids = {{"pytest": os.getpid(), "engine": config.stash[engines.KEY].pid}}
            sample = {{name: taken(pid) for name, pid in pids.items() if pid}}
            with Path({file!r}).open("a") as lines:
                lines.write(json.dumps(sample) + "\\n")

    def taken(pid):
        process = psutil.Process(pid)
        return [process.memory_info().rss / 2**20, process.num_threads(), process.num_fds()]

    def pytest_configure(config):
        globals()["config"] = config
"""


@dataclass(frozen=True)
class Taken:
    """What a process takes of its machine."""

    mib: float
    threads: int
    descriptors: int


@dataclass(frozen=True)
class Growth:
    """A process after some tests, and after all."""

    name: str
    early: Taken
    late: Taken

    def wrong(self, mib: float) -> list[str]:
        """Say what has grown: threads and descriptors at all, memory by more than some MiB."""
        grown = {
            "threads": (self.late.threads - self.early.threads, 0),
            "descriptors": (self.late.descriptors - self.early.descriptors, 0),
            "MiB": (self.late.mib - self.early.mib, mib),
        }
        return [f"{self.name}: {more:+.1f} {unit}" for unit, (more, bound) in grown.items() if more > bound]

    def __str__(self) -> str:
        early, late = self.early, self.late
        return (
            f"{self.name}: {early.mib:.1f} to {late.mib:.1f} MiB, {early.threads} to {late.threads} threads, "
            f"{early.descriptors} to {late.descriptors} descriptors"
        )


def measured(
    directory: Path, url: str, early: int, count: int, seconds: float, leak: str = ""
) -> list[Growth]:
    """Run `count` tests; return how the run's processes have grown since the one of number `early`.

    :param leak: what each test does first
    :raises AssertionError: if not all tests pass
    """
    samples = directory / "samples"
    # one more: with the last test of a run the engine ends
    values = {"count": count + 1, "turn": TURN, "leak": leak, "at": (early, count), "file": str(samples)}
    for name, source in (("shop.py", SHOP), ("test_shop.py", TESTS), ("conftest.py", CONFTEST)):
        text = dedent(source)
        (directory / name).write_text(text if name == "shop.py" else text.format(**values))
    (directory / "pytest.ini").write_text("[pytest]\npythonpath = .\npynenc_app = shop:app\n")
    command = [sys.executable, "-m", "pytest", "-q", *ARGUMENTS, f"--pynenc-mongo-url={url}"]
    outer = ("PYTEST_", "PYNENC_", "CI", "BUILD_NUMBER")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert f"{count + 1} passed" in done.stdout, done.stdout + done.stderr
    first, last = (json.loads(line) for line in samples.read_text().splitlines())
    return [Growth(name, Taken(*first[name]), Taken(*last[name])) for name in first]
