"""(f) What a test pays for who runs its tasks: set-up, call and teardown, the fixtures taking turns."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stores import Store
from benchmarks.timing import Samples

_CONFTEST = """
import json
import os

TIMES = []

def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.callspec.params["turn"])

def pytest_runtest_logreport(report):
    TIMES.append((report.nodeid, report.when, report.duration))

def pytest_sessionfinish():
    with open(os.environ["TIMES"], "w") as file:
        json.dump(TIMES, file)
"""
_TESTS = """
import pytest
from pynenc import Pynenc

app = Pynenc(config_values={"app_id": "bench"})

@app.task
def add(x: int, y: int) -> int:
    return x + y

@pytest.mark.parametrize("turn", range(%d))
class Test:
    def test_pynenc_app(self, turn, pynenc_app):
        pass

    def test_pynenc_runner(self, turn, pynenc_runner):
        assert add(1, turn).result == 1 + turn

    def test_pynenc_worker(self, turn, pynenc_worker):
        assert add(1, turn).result == 1 + turn

    @pytest.mark.pynenc_mongo(worker_scope="session")
    def test_pynenc_worker_of_the_session(self, turn, pynenc_worker):
        assert add(1, turn).result == 1 + turn
"""
_PHASES = {"setup": "set-up", "call": "call", "teardown": "teardown"}


def measure(stores: Sequence[Store], turns: int) -> dict[str, Samples]:
    """Return the seconds of each phase, by fixture and engine; the first turn does not count."""
    samples: dict[str, Samples] = {}
    for store in stores:
        for nodeid, phase, taken in _run(store.url, turns + 1) if store.url else ():
            fixture, _, turn = nodeid.rpartition("::test_")[2].rstrip("]").partition("[")
            if turn != "0":
                name = f"{fixture}, {_PHASES[phase]}"
                samples.setdefault(name, {}).setdefault(store.name, []).append(taken)
    return samples


def _run(url: str, turns: int) -> list[tuple[str, str, float]]:
    with tempfile.TemporaryDirectory(prefix="bench-fixtures-") as directory:
        Path(directory, "conftest.py").write_text(_CONFTEST)
        Path(directory, "test_fixtures.py").write_text(_TESTS % turns)
        times = Path(directory, "times.json")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--pynenc-mongo-url={url}",
        ]
        subprocess.run(
            command, cwd=directory, check=True, capture_output=True, env={**os.environ, "TIMES": str(times)}
        )
        found: list[tuple[str, str, float]] = json.loads(times.read_text())
        return found
