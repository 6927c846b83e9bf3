"""Runs tests on a copy of the sources that has one guard less; the checkout is never edited."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.mutants.guards import Guard
from tests.mutants.witness import HOME, NOTES

# all that tests read; the caches of Python with it, which spare each copy their making
SOURCES = (
    *("pynenc_mongo", "pytest_pynenc_mongo", "tests", "benchmarks", "examples", "docs"),
    *("README.md", "conftest.py", "pyproject.toml"),
)
RUN_SECONDS = 100.0
CONTROL_SECONDS = 400.0

# files that other processes rename at once: compiled ones
_BEING_WRITTEN = shutil.ignore_patterns("*.pyc.*")
_WITNESS = Path(__file__).with_name("witness.py")
_PLUGINS = ("-p", "mutants_witness", "-p", "no:cacheprovider")
_TESTS_FAILED = 1
# a copy that fails with one of these is not without its guard, it is broken
_BROKEN = frozenset({"ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "UnboundLocalError"})
_TIMEOUT = "Timeout "  # what pytest-timeout says first


class NoVerdictError(Exception):
    """The tests neither passed nor failed by what they assert."""


@dataclass(frozen=True)
class Report:
    """What came of one test, or of its setup or teardown where that failed."""

    test: str
    when: str
    outcome: str
    error: str
    message: str

    @property
    def is_of_a_kind_that_counts(self) -> bool:
        is_broken = self.error in _BROKEN or self.message.startswith(_TIMEOUT)
        return self.when == "call" and self.outcome == "failed" and not is_broken


@dataclass(frozen=True)
class Run:
    exit_code: int
    reports: tuple[Report, ...]
    seconds: float
    output: str

    def of(self, test: str) -> list[Report]:
        """Return the reports of a test, with all of its parameters where its id names none."""
        return [each for each in self.reports if each.test == test or each.test.startswith(f"{test}[")]


@dataclass(frozen=True)
class Verdict:
    guard: Guard
    is_caught: bool
    what: str
    seconds: float


def copy(home: Path, tree: Path) -> None:
    """Copy the sources, and put beside them what has every Python of a run import the copy."""
    tree.mkdir(parents=True)
    for name in SOURCES:
        if (source := home / name).is_dir():
            shutil.copytree(source, tree / name, ignore=_BEING_WRITTEN)
        elif source.exists():
            shutil.copy2(source, tree / name)
    for module in ("mutants_witness.py", "sitecustomize.py"):
        shutil.copy2(_WITNESS, tree / module)


def check(home: Path, tree: Path, tests: Iterable[str]) -> Run:
    """Have tests pass on an unchanged copy: the control.

    :raises NoVerdictError: naming those that do not
    """
    chosen = list(dict.fromkeys(tests))
    done = run(home, tree, chosen, CONTROL_SECONDS)
    if wrong := [test for test in chosen if {each.outcome for each in done.of(test)} != {"passed"}]:
        raise NoVerdictError(f"these do not pass with all guards in place: {', '.join(wrong)}\n{done.output}")
    return done


def judge(home: Path, tree: Path, guard: Guard) -> Verdict:
    """Take a guard out of a copy, and see whether each of its tests fails.

    :raises guards.MovedError: if it is not where the table says
    """
    take_out(guard, tree)
    began = time.monotonic()
    try:
        done = run(home, tree, guard.tests, RUN_SECONDS)
        survived = survivors_of(guard, done)
    except NoVerdictError as error:
        return Verdict(guard, is_caught=False, what=f"no verdict: {error}", seconds=time.monotonic() - began)
    what = f"survived {', '.join(survived)}" if survived else "caught"
    return Verdict(guard, is_caught=not survived, what=what, seconds=done.seconds)


def take_out(guard: Guard, tree: Path) -> None:
    file = tree / guard.file
    source = guard.taken_out(file.read_text(encoding="utf-8"))
    compile(source, guard.file, "exec")
    file.write_text(source, encoding="utf-8")
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
        compiled.unlink()


def survivors_of(guard: Guard, done: Run) -> list[str]:
    """Return which tests of a guard passed without it.

    :raises NoVerdictError: if one did neither pass nor fail by what it asserts
    """
    passed = [test for test in guard.tests if {each.outcome for each in done.of(test)} == {"passed"}]
    failed = [test for test in guard.tests if any(each.is_of_a_kind_that_counts for each in done.of(test))]
    others = [test for test in guard.tests if test not in passed and test not in failed]
    if others or done.exit_code != (_TESTS_FAILED if failed else 0):
        raise NoVerdictError(f"pytest ended with {done.exit_code}\n{done.output}")
    return passed


def run(home: Path, tree: Path, tests: Sequence[str], seconds: float) -> Run:
    """Run tests in a copy.

    :raises NoVerdictError: if pytest does not end in time, or something of the checkout was imported
    """
    notes = tree / "notes.json"
    command = [sys.executable, "-m", "pytest", *_PLUGINS, "-q", "--tb=short", *tests]
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=_environment(home, tree, notes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NoVerdictError(f"pytest did not end in {seconds:g} s") from error
    finally:
        _end_what_is_left(notes)
    if not notes.exists():
        raise NoVerdictError(f"pytest ended with {done.returncode} on its way\n{done.stdout}")
    seen = json.loads(notes.read_text(encoding="utf-8"))
    if seen["strangers"]:
        raise NoVerdictError(f"imported from the checkout: {', '.join(seen['strangers'])}")
    reports = tuple(Report(**each) for each in seen["reports"])
    return Run(done.returncode, reports, time.monotonic() - began, done.stdout)


def _environment(home: Path, tree: Path, notes: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**inherited, "PYTHONPATH": str(tree), HOME: os.path.realpath(home), NOTES: str(notes)}


def _end_what_is_left(notes: Path) -> None:
    """End the processes of a run that outlived it, known by its variable: a guard against that may be out."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(NOTES) == str(notes):
                process.kill()
        except psutil.Error:
            continue
