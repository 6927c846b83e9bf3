"""Random kills, by hand: `python -m tests.kills --url mongomock:// --seed 1`.

Exits with 1 if anything is stuck, lost, done twice or held.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_pynenc_mongo import engines, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.options import Options
from tests.kills import shop
from tests.kills.storm import SETTINGS, Outcome, Storm
from tests.storage.helpers import new_name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--url", default="mongomock://", help="mongomock://, embedded:// or a server")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--runner", default="ThreadRunner")
    options = parser.parse_args()
    good = True
    for seed in options.seed or [1]:
        outcome = storm(options.url, seed, options.workers, options.seconds, options.runner)
        wrong = outcome.wrong()
        good = good and not wrong
        print(
            f"{options.url} {options.runner} seed {seed}: {outcome.kills} kills, {outcome.calls} calls, "
            f"{outcome.invocations} invocations, quiet after {outcome.seconds_to_quiet:.1f} s, "
            f"wrong: {wrong or 'nothing'}",
            flush=True,
        )
    return 0 if good else 1


def storm(url: str, seed: int, workers: int, seconds: float, runner: str) -> Outcome:
    with running(url) as engine_url, tempfile.TemporaryDirectory() as directory:
        database = TestDatabase(TestServer(engine_url), new_name())
        values = wiring.settings(database, {**SETTINGS, "runner_cls": runner})
        with wiring.rewired(shop.app, values) as app:
            return Storm(app, Path(directory), workers, seed).blow(seconds)


@contextmanager
def running(url: str) -> Iterator[str]:
    """Start the engine that a URL means, if it does not run already; return where it answers."""
    if url.startswith("mongodb"):
        yield url
        return
    with engines.running(Options(url, "tests", "")) as engine:
        yield engine.url


if __name__ == "__main__":
    sys.exit(main())
