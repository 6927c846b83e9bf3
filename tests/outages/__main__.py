"""A runner behind a server that fails, by hand: `python -m tests.outages --engine mongomock`.

Exits with 1 if a runner ends, or a task does not succeed.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_pynenc_mongo import engines
from pytest_pynenc_mongo.options import Options
from tests import secantus_main
from tests.faulty import NOT_PRIMARY, Broken, Fault, Refused
from tests.outages.gauntlet import BUSY, RUNNERS, EndedError, Gauntlet, gauntlet
from tests.storage.helpers import new_name

FAULTS: dict[str, Fault] = {
    "not-primary": Refused(NOT_PRIMARY),
    "closed": Broken.BEFORE,
    "answer-lost": Broken.AFTER,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.outages", description=__doc__)
    parser.add_argument("--engine", choices=("mongomock", "embedded", "replica-set"), default="mongomock")
    parser.add_argument("--runner", choices=RUNNERS, action="append")
    parser.add_argument("--fault", choices=FAULTS, action="append")
    parser.add_argument("--away", type=float, help="take the server away for some seconds instead")
    options = parser.parse_args()
    good = True
    with running(options.engine) as url:
        for runner in options.runner or RUNNERS:
            for name in ["away"] if options.away else options.fault or FAULTS:
                good = run(options.engine, url, runner, name, options.away) and good
    return 0 if good else 1


def run(engine: str, url: str, runner: str, name: str, away: float | None) -> bool:
    with (
        tempfile.TemporaryDirectory() as directory,
        gauntlet(url, new_name(), runner, Path(directory)) as course,
    ):
        with contextlib.suppress(EndedError):
            go_through(course, name, away)
        outcome = course.outcome
        print(
            f"{engine} {runner} {name}: {len(course.struck)} commands spoilt, "
            f"wrong: {outcome.wrong() or 'nothing'}",
            flush=True,
        )
        return not outcome.wrong()


def go_through(course: Gauntlet, name: str, away: float | None) -> None:
    if away:
        course.be_away(away)
        return
    course.strike_idle(FAULTS[name])
    for kind in BUSY:
        course.strike_busy(FAULTS[name], kind)


@contextmanager
def running(engine: str) -> Iterator[str]:
    if engine != "replica-set":
        with engines.running(Options(f"{engine}://", "tests", "")) as started:
            yield started.url
        return
    with (
        tempfile.TemporaryDirectory() as directory,
        secantus_main.running(secantus_main.replica_set, Path(directory)) as url,
    ):
        yield url


if __name__ == "__main__":
    sys.exit(main())
