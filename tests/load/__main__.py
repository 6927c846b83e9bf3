"""Thousands of tasks under random kills, by hand: `python -m tests.load --url embedded:// --tasks 5000`.

Exits with 1 if anything is stuck, lost, done twice, held or left in the queue.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_pynenc_mongo import engines, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.options import Options
from tests.kills import shop
from tests.load.load import LOAD_SETTINGS, Load, Peak
from tests.storage.helpers import new_name


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument(
        "--url", action="append", help="mongomock://, embedded:// or a server; several in turn"
    )
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    outcomes = [
        carried(url, options.tasks, options.workers, options.seed)
        for url in options.url or ["mongomock://", "embedded://"]
    ]
    return 0 if all(outcomes) else 1


def carried(url: str, tasks: int, workers: int, seed: int) -> bool:
    """Have an engine carry a load, and print a line of figures; return whether all is well."""
    with running(url) as (engine_url, pids), tempfile.TemporaryDirectory() as directory:
        database = TestDatabase(TestServer(engine_url), new_name())
        peak = Peak({"this process": os.getpid(), **pids})
        with wiring.rewired(shop.app, wiring.settings(database, LOAD_SETTINGS)) as app, peak.watched():
            load = Load(app, Path(directory), workers, seed)
            outcome = load.carry(tasks)
    wrong = load.wrong()
    memory = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in peak.mib.items())
    print(
        f"{url}, {workers} workers, seed {seed}: {outcome.calls} calls and {load.events} events, "
        f"{outcome.invocations} invocations in {load.seconds:.0f} s "
        f"({outcome.invocations / load.seconds:.1f} a second), {outcome.kills} kills, "
        f"{load.delivered} delivered, {load.swept} results without an owner swept; at most {memory}; "
        f"wrong: {wrong or 'nothing'}",
        flush=True,
    )
    return not wrong


@contextmanager
def running(url: str) -> Iterator[tuple[str, dict[str, int]]]:
    """Start the engine that a URL means, if it does not run already; return its URL and its process."""
    with engines.running(Options(url, "tests", "")) as engine:
        yield engine.url, {"the engine": engine.pid} if engine.pid else {}


if __name__ == "__main__":
    sys.exit(main())
