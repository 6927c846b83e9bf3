"""Every command of a task's life fails in every way, on every engine: `make faults`.

Prints one table; exits with 1 unless its four columns in the middle are zeros.
"""

import argparse
import json
import math
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from tests.faults import plan
from tests.faults.injections import Injection, Outcome, commands_of_a_life
from tests.faults.table import Table, put_into

STEPS = {"mongomock": 5, "embedded": 13, "replica-set": 13}
QUICK = 10  # times fewer


def main() -> int:
    options = _options()
    table = Table()
    with ProcessPoolExecutor(
        options.jobs, multiprocessing.get_context("spawn"), initializer=plan.be_quiet
    ) as pool:
        for engine in options.engine or plan.ENGINES:
            with plan.ENGINES[engine]() as url:
                _run_on(pool, engine, url, options, table)
    print(table)
    for note in table.notes:
        print(note)
    if options.json:
        options.json.write_text(json.dumps(table.as_json(), indent=1) + "\n", encoding="utf-8")
    if options.page:
        page = put_into(options.page.read_text(encoding="utf-8"), table)
        options.page.write_text(page, encoding="utf-8")
    return 0 if table.is_right else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--engine", choices=plan.ENGINES, action="append", help="may be given several times")
    parser.add_argument("--fault", action="append", help="those that begin so; may be given several times")
    parser.add_argument("--step", type=int, help="strike each so many-th command, 1 for all of them")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    parser.add_argument("--seconds", type=float, default=math.inf, help="an engine's: then none begins")
    parser.add_argument("--seed", type=int, default=1, help="in which order")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="at once")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--page", type=Path, help="put the table into this page")
    return parser.parse_args()


def _run_on(
    pool: ProcessPoolExecutor,
    engine: str,
    url: str,
    options: argparse.Namespace,
    table: Table,
) -> None:
    injections = _planned(engine, url, options)
    jobs = [pool.submit(plan.run, url, injection) for injection in injections]
    began, wrong = time.monotonic(), list[Outcome]()
    for outcome in _done(jobs, began + options.seconds):
        if outcome.is_right:
            table.add(engine, outcome)
        else:
            wrong.append(outcome)
            print(f"{engine}: {outcome.injection}: {outcome.wrong}", file=sys.stderr, flush=True)
    _judge(pool, engine, wrong, table)
    injected = table.total(engine).injected
    print(f"{engine}: {injected} injections in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _planned(engine: str, url: str, options: argparse.Namespace) -> list[Injection]:
    step = options.step or STEPS[engine] * (QUICK if options.quick else 1)
    commands = commands_of_a_life(url)
    wanted = tuple(options.fault or [""])
    planned = [
        injection
        for fault in plan.faults_of(engine)
        if fault.startswith(wanted)
        for injection in plan.chosen(fault, commands, step)
    ]
    random.Random(options.seed).shuffle(planned)
    return planned


def _done(jobs: Sequence[Future[Outcome]], ends: float) -> Iterator[Outcome]:
    for job in as_completed(jobs):
        try:
            yield job.result()
        except CancelledError:
            continue
        if time.monotonic() > ends:
            for each in jobs:
                each.cancel()


def _judge(pool: ProcessPoolExecutor, engine: str, wrong: Sequence[Outcome], table: Table) -> None:
    """Count what went wrong: as the engine's own, where the same injection on mongomock goes right."""
    if engine != "replica-set":
        again: Sequence[Outcome | None] = [None] * len(wrong)
    else:
        with plan.ENGINES["mongomock"]() as url:
            again = list(pool.map(partial(plan.run, url), [outcome.injection for outcome in wrong]))
    for outcome, elsewhere in zip(wrong, again, strict=True):
        is_engines_own = elsewhere is not None and elsewhere.is_right and elsewhere.command == outcome.command
        table.add(engine, outcome, is_engines_own=is_engines_own)
        whose = "the engine's own" if is_engines_own else "wrong"
        found = {column: texts for column, texts in outcome.wrong.items() if texts}
        injection = outcome.injection
        table.notes.append(
            f"{whose}: {engine}, {injection.kind}, command {injection.number}, {outcome.command}: {found}"
        )


if __name__ == "__main__":
    sys.exit(main())
