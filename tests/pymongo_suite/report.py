"""`make pymongo-suite`: run pymongo's own tests on the mongomock server, and say in a table how they went.

They come with pymongo's source distribution, which pip fetches in the version that is installed. A failing
test is accepted only if `known.py` gives the reason for it, and what is listed there must fail.
"""

import argparse
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pymongo
from pymongo.uri_parser import parse_uri

from tests.pymongo_suite.known import NOT_ASKED, REASONS

FILES = ("test_collection", "test_cursor", "test_bulk", "test_crud_unified", "test_database", "test_client")

_CACHE = Path(sys.prefix) / "pymongo-suite"
_TEST_SECONDS = 60
_FILE_SECONDS = 600.0


class Failure(NamedTuple):
    """A test that did not pass, and what it says."""

    test: str
    text: str

    @property
    def line(self) -> str:
        lines = [line for line in self.text.splitlines() if line.startswith("E  ")]
        return lines[0][1:].strip() if lines else self.text[-200:]


class Outcome(NamedTuple):
    """What one file's run says; tests by `Class::name`."""

    passed: Sequence[str]
    failures: Sequence[Failure]
    skipped: Sequence[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the files; return 1 if the outcome is not the one that `known.py` foretells."""
    chosen = _read(arguments)
    tests = fetched(pymongo.version)
    outcomes: dict[str, Outcome] = {}
    for file in chosen.files or FILES:
        with _server(chosen.url) as (host, port):
            outcomes[file] = run(tests, file, host, port)
    _print_table(outcomes)
    if chosen.url:
        return 0  # the reasons are those of mongomock
    judged = [_print_judged(file, outcome) for file, outcome in outcomes.items()]
    return int(any(judged))


def fetched(version: str) -> Path:
    """Return a directory that holds `test`, the tests of this version of pymongo; pip gets them once."""
    directory = _CACHE / version
    if (directory / "test").exists():
        return directory
    _CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as fresh:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        options = ["--no-deps", "--no-binary", ":all:", "--dest", fresh, f"pymongo=={version}"]
        subprocess.run([*command, *options], check=True)
        (archive,) = Path(fresh).glob("pymongo-*.tar.gz")
        with tarfile.open(archive) as distribution:
            distribution.extractall(fresh, filter="data")
        # without the packages beside it, which would be imported instead of the installed ones
        directory.mkdir(exist_ok=True)
        (archive.with_name(archive.name.removesuffix(".tar.gz")) / "test").rename(directory / "test")
    return directory


def run(tests: Path, file: str, host: str, port: int) -> Outcome:
    """Run one file on a server, in a process of its own that knows nothing of this one's environment."""
    with tempfile.TemporaryDirectory(prefix="pymongo-suite-") as directory:
        report, log = Path(directory) / "report.xml", Path(directory) / "log"
        plugins = ["-p", "no:pytest_pynenc_mongo", "-p", "no:cacheprovider"]
        # pymongo's own settings ask for plugins that these tests do without
        settings = ["-c", os.devnull, f"--rootdir={tests}", f"--timeout={_TEST_SECONDS}"]
        command = [sys.executable, "-m", "pytest", f"test/{file}.py", *plugins, *settings]
        if file in NOT_ASKED:
            command += ["-k", " and ".join(f"not {name}" for name in NOT_ASKED[file])]
        environment = {"PATH": os.environ["PATH"], "DB_IP": host, "DB_PORT": str(port)}
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, f"--junitxml={report}"], cwd=tests, env=environment, stdout=output, stderr=output
            )
            try:
                process.wait(_FILE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not report.exists():
            return Outcome((), [Failure("all of it", log.read_text()[-2000:])], ())
        return _outcome(report)


@contextmanager
def _server(url: str | None) -> Iterator[tuple[str, int]]:
    """Yield where a server listens: a new one over mongomock, or the one that is asked for."""
    if url:
        yield parse_uri(url)["nodelist"][0]
        return
    warnings.simplefilter("ignore")  # mongomock's imports
    from pynenc_mongo.mongomock_server.server import serve

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()


def _read(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help=f"of {', '.join(FILES)}; default: all")
    parser.add_argument("--url", help="another server, for comparison: nothing is judged then")
    return parser.parse_args(arguments)


def _outcome(report: Path) -> Outcome:
    passed: list[str] = []
    failures: list[Failure] = []
    skipped: list[str] = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        test = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
        wrong = [*case.iter("failure"), *case.iter("error")]
        if wrong:
            failures.append(Failure(test, wrong[0].text or ""))
        else:
            (passed if case.find("skipped") is None else skipped).append(test)
    return Outcome(passed, failures, skipped)


def _print_table(outcomes: Mapping[str, Outcome]) -> None:
    print(f"{'pymongo ' + pymongo.version:<20} passed  failed  skipped")
    counts = {file: [*map(len, outcome)] for file, outcome in outcomes.items()}
    for file, (passed, failed, skipped) in counts.items():
        print(f"{file:<20} {passed:>6}  {failed:>6}  {skipped:>7}")
    passed, failed, skipped = (sum(column) for column in zip(*counts.values(), strict=True))
    print(f"{'all':<20} {passed:>6}  {failed:>6}  {skipped:>7}")


def _print_judged(file: str, outcome: Outcome) -> bool:
    """Print each failure with its reason; return whether one has none, or a reason has none to explain."""
    reasons = REASONS.get(file, {})
    print(f"\n{file}")
    unexpected = False
    for failure in outcome.failures:
        reason = _reason(reasons, failure.test)
        unexpected |= reason is None
        print(f"  {failure.test}: {reason or f'UNEXPECTED: {failure.line}'}")
    for test in outcome.passed:
        if _reason(reasons, test) is not None:
            unexpected = True
            print(f"  {test}: PASSES, and known.py says why it cannot")
    for pattern in reasons:
        if not any(fnmatchcase(failure.test, pattern) for failure in outcome.failures):
            unexpected = True
            print(f"  {pattern}: names no failing test any more")
    return unexpected


def _reason(reasons: Mapping[str, str], test: str) -> str | None:
    return next((reason for pattern, reason in reasons.items() if fnmatchcase(test, pattern)), None)


if __name__ == "__main__":
    sys.exit(main())
