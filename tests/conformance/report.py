"""`make conformance`: run all of pynenc's suites on our engines, and say in a table how they went.

A failing test is accepted only if `known.py` lists it and it fails in the same way on pynenc's own SQLite
backends, now, on this machine.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.conformance.known import FAILING
from tests.conformance.suites import names
from tests.engines import BASELINE, ENGINES, SERVER

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# the largest family tree of pynmon has a thousand invocations
_TEST_SECONDS = 240
_SUITE_SECONDS = 2400.0

# a race that one run of a test loses another one may win
_SQLITE_ATTEMPTS = 5

_ENGINE_IN_NAME = re.compile(r"(?<=[\[-])(mongomock|embedded|server|sqlite)(?=[\]-])")


class Failure(NamedTuple):
    """A test that did not pass: where it stands, its name there, and what it says."""

    file: str
    test: str
    text: str

    @property
    def name(self) -> str:
        """The name without the engine, as `known.py` has it."""
        rest = _ENGINE_IN_NAME.sub("", self.test.rpartition("::")[2])
        return rest.replace("--", "-").replace("[-", "[").replace("-]", "]").removesuffix("[]")

    @property
    def line(self) -> str:
        lines = [line for line in self.text.splitlines() if line.startswith("E  ")]
        return " | ".join(line[1:].strip() for line in lines[:2]) or self.text[-200:]


@dataclass(frozen=True)
class Outcome:
    """What one run of pytest says."""

    passed: int
    skipped: int
    failures: tuple[Failure, ...]
    seconds: float


class Judged(NamedTuple):
    """A failure, and what became of it on pynenc's own backends."""

    failure: Failure
    accepted: bool
    evidence: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites; return 1 if a test failed that may not."""
    chosen = _read(arguments)
    options = [f"--pynenc-mongo-url={chosen.url}"] if chosen.url else []
    rows: list[tuple[str, ...]] = []
    judged: list[tuple[str, Judged]] = []
    for engine in chosen.engines:
        for suite in chosen.suites or names():
            outcome = run(engine, str(HERE / suite), *options)
            rows.append(_row(suite, engine, outcome))
            print(*rows[-1], flush=True)
            judged += [(engine, judge(failure)) for failure in outcome.failures]
    print()
    _print_table(rows)
    for engine, each in judged:
        _print_judged(engine, each)
    return int(any(not each.accepted for _, each in judged))


def run(engine: str, *tests: str) -> Outcome:
    """Run tests on an engine, in a process of their own; among `tests` may be pytest's options."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        report, log = Path(directory) / "report.xml", Path(directory) / "log"
        command = [sys.executable, "-m", "pytest", *tests, "--conformance", engine, "-q"]
        options = [f"--timeout={_TEST_SECONDS}", f"--junitxml={report}"]
        begin = time.monotonic()
        with log.open("w") as output:
            try:
                subprocess.run(
                    [*command, *options], stdout=output, stderr=output, check=False, timeout=_SUITE_SECONDS
                )
            except subprocess.TimeoutExpired:
                return _broken(tests, f"it took more than {_SUITE_SECONDS} seconds", begin)
        if not report.exists():
            return _broken(tests, log.read_text()[-2000:], begin)
        return _read_report(report, time.monotonic() - begin)


def judge(failure: Failure) -> Judged:
    """Run a failed test on SQLite, and compare."""
    known = FAILING.get(failure.name)
    test = f"{ROOT / failure.file}::{_ENGINE_IN_NAME.sub(BASELINE, failure.test)}"
    attempts = _SQLITE_ATTEMPTS if known else 1
    for attempt in range(1, attempts + 1):
        outcome = run(BASELINE, test)
        if outcome.failures:
            break
    else:
        return Judged(failure, accepted=False, evidence=f"SQLite: passed {attempts} of {attempts} times")
    evidence = f"SQLite, attempt {attempt}: {outcome.failures[0].line}"
    if known is None:
        return Judged(failure, accepted=False, evidence=evidence)
    same = all(re.search(known.sign, text) for text in (failure.text, outcome.failures[0].text))
    return Judged(failure, accepted=same, evidence=f"{evidence}\n    known: {known.reason}")


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(names())}; default: all")
    parser.add_argument("--engines", nargs="+", metavar="ENGINE", help="default: all of ours, and the server")
    parser.add_argument("--url", default="", help="a MongoDB server, mongodb://..., on which they run too")
    chosen = parser.parse_args(arguments)
    chosen.engines = chosen.engines or [*ENGINES, *([SERVER] if chosen.url else [])]
    return chosen


def _read_report(report: Path, seconds: float) -> Outcome:
    passed = skipped = 0
    failures: list[Failure] = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        wrong = [*case.iter("failure"), *case.iter("error")]
        if wrong:
            failures.append(_failure(case, wrong[0].text or ""))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Outcome(passed, skipped, tuple(failures), seconds)


def _failure(case: ElementTree.Element, text: str) -> Failure:
    """Find the file in a name such as `tests.conformance.unit.broker.test_x.TestClass`."""
    parts, within = case.get("classname", "").split("."), [case.get("name", "")]
    while parts and not (file := ROOT.joinpath(*parts).with_suffix(".py")).exists():
        within.insert(0, parts.pop())
    return Failure(str(file.relative_to(ROOT)), "::".join(within), text)


def _broken(tests: Sequence[str], why: str, begin: float) -> Outcome:
    return Outcome(0, 0, (Failure("", " ".join(tests), why),), time.monotonic() - begin)


def _row(suite: str, engine: str, outcome: Outcome) -> tuple[str, ...]:
    counts = outcome.passed, len(outcome.failures), outcome.skipped, round(outcome.seconds)
    return suite, engine, *map(str, counts)


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    header = ("suite", "engine", "passed", "failed", "skipped", "seconds")
    totals = [("all", engine, *_sums(rows, engine)) for engine in dict.fromkeys(row[1] for row in rows)]
    table = [header, *rows, *totals]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(cells))


def _sums(rows: Sequence[tuple[str, ...]], engine: str) -> Iterator[str]:
    for column in range(2, 6):
        yield str(sum(int(row[column]) for row in rows if row[1] == engine))


def _print_judged(engine: str, judged: Judged) -> None:
    print()
    print(
        f"{'accepted' if judged.accepted else 'UNEXPECTED'}: {judged.failure.name} in {judged.failure.file}"
    )
    print(f"    {engine}: {judged.failure.line}")
    print(f"    {judged.evidence}")


if __name__ == "__main__":
    sys.exit(main())
