"""(d) What a test pays: the fixture `pynenc_app`, and pytest's start with the plugin."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import life
from benchmarks.progress import shown
from benchmarks.shop import app
from benchmarks.stores import Store
from benchmarks.timing import Samples, seconds
from pytest_pynenc_mongo import wiring
from tests.commands import logged_commands

_BARE = ("-p", "no:pytest_pynenc_mongo")
_STARTS = {
    "bare pytest": (*_BARE, "test_nothing.py"),
    "with the plugin": ("test_nothing.py",),
    "with a test that requests pynenc_app": ("test_app.py",),
}
_TESTS = {
    "test_nothing.py": "def test_nothing() -> None: pass\n",
    "test_app.py": "def test_app(pynenc_app) -> None: pass\n",
}


def measure(stores: Sequence[Store], repetitions: int) -> dict[str, Samples]:
    """Return seconds by what a test stores and store; pynenc's SQLite takes no part, it has no fixture."""
    samples: dict[str, Samples] = {}
    mongo = [store for store in stores if store.url]
    rounds = [(store, stored) for _ in range(repetitions) for store in mongo for stored in (False, True)]
    for store, stored in shown(rounds, "what a test pays"):
        name = "pynenc_app, test stored one task" if stored else "pynenc_app, test stored nothing"
        samples.setdefault(name, {}).setdefault(store.name, []).append(_fixture(store, stored=stored))
    return samples


def commands(stores: Sequence[Store]) -> dict[str, dict[str, int]]:
    """Return how many commands the fixture costs a test that stores nothing, after one that stored a task."""
    counts = {}
    for store in stores:
        if store.url:
            with logged_commands(store.url) as counter:
                _fixture(store, stored=True)
                counter.take()
                _fixture(store, stored=False)
                counts[store.name] = len(counter.take())
    return {"pynenc_app, test stored nothing": counts}


def _fixture(store: Store, *, stored: bool) -> float:
    """Do what the fixture does before and after a test; return the seconds without the test itself."""
    with wiring.rewired(app, store.settings):
        pass  # what is imported late is imported now
    rewired = wiring.rewired(app, store.settings)
    taken = seconds(rewired.__enter__)
    try:
        if stored:
            invocation = life.enqueue()
            life.run(*life.dequeue(app))
            life.read(invocation)
    finally:
        if store.database:
            taken += seconds(store.database.purge)
        taken += seconds(lambda: rewired.__exit__(None, None, None))
    return taken


def measure_start(repetitions: int) -> Samples:
    """Return the seconds of whole runs of pytest, interleaved."""
    samples: Samples = {}
    with tempfile.TemporaryDirectory(prefix="bench-start-") as directory:
        for name, source in _TESTS.items():
            Path(directory, name).write_text(source)
        rounds = [name for _ in range(repetitions + 1) for name in _STARTS]
        for place, name in enumerate(shown(rounds, "pytest's start")):
            taken = seconds(lambda name=name: _run_pytest(directory, _STARTS[name]))  # type: ignore[misc]
            if place >= len(_STARTS):  # the first round fills the file cache
                samples.setdefault(name, []).append(taken)
    return samples


def _run_pytest(directory: str, arguments: Sequence[str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
