"""Takes guards out of the code, one by one, and sees the named tests fail: `python -m tests.mutants`.

Each guard goes out of a copy of the sources, where exactly its tests run; before, all of them pass on an
unchanged copy. Exits with 1 if a guard is out and a test of it passes all the same.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants import guards, running
from tests.mutants.guards import Guard, MovedError
from tests.mutants.running import NoVerdictError, Verdict

HOME = Path(__file__).parents[2]
AT_ONCE = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help="a part of a guard's name; all by default")
    parser.add_argument("--list", action="store_true", help="say what is guarded, why, and by which tests")
    options = parser.parse_args()
    chosen = named(guards.read(), options.names)
    if not chosen:
        parser.error(f"no guard is named {' or '.join(options.names)}: see --list")
    if options.list:
        print("\n".join(map(described, chosen)))
        return 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        try:
            unchanged = checked(HOME, Path(directory), chosen)
        except (MovedError, NoVerdictError) as error:
            print(error, file=sys.stderr)
            return 1
        verdicts = list(printed(judged(HOME, unchanged, chosen), max(len(each.name) for each in chosen)))
    caught = sum(each.is_caught for each in verdicts)
    print(f"{caught} of {len(verdicts)} mutants are caught")
    return 0 if caught == len(verdicts) else 1


def named(table: Iterable[Guard], names: Sequence[str]) -> list[Guard]:
    return [each for each in table if not names or any(name in each.name for name in names)]


def described(guard: Guard) -> str:
    return "\n    ".join((guard.name, guard.why, guard.file, *guard.tests))


def checked(home: Path, directory: Path, chosen: Sequence[Guard]) -> Path:
    """Return an unchanged copy, on which all tests pass and where each guard is found.

    :raises NoVerdictError: if a test does not pass
    :raises MovedError: if a guard is not where the table says
    """
    unchanged = directory / "unchanged"
    running.copy(home, unchanged)
    for guard in chosen:
        guard.taken_out((unchanged / guard.file).read_text(encoding="utf-8"))
    control = running.check(home, unchanged, [test for guard in chosen for test in guard.tests])
    count, seconds = len(control.reports), control.seconds
    print(f"control: {count} tests pass with all guards in place, in {seconds:.0f} s\n", flush=True)
    return unchanged


def judged(home: Path, unchanged: Path, chosen: Sequence[Guard]) -> Iterator[Verdict]:
    """Return the verdict on each guard, in order."""

    def verdict(place: int) -> Verdict:
        tree = unchanged.with_name(str(place))
        running.copy(unchanged, tree)
        try:
            return running.judge(home, tree, chosen[place])
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(verdict, range(len(chosen)))


def printed(verdicts: Iterable[Verdict], width: int) -> Iterator[Verdict]:
    began = time.monotonic()
    print(f"{'guard':{width}} | caught in s | test")
    for verdict in verdicts:
        tests = ", ".join(test.removeprefix("tests/") for test in verdict.guard.tests)
        said = f"{verdict.seconds:11.1f} | {tests}" if verdict.is_caught else f"NOT CAUGHT: {verdict.what}"
        print(f"{verdict.guard.name:{width}} | {said}", flush=True)
        yield verdict
    print(f"\nin {time.monotonic() - began:.0f} s, {AT_ONCE} at a time: ", end="")


if __name__ == "__main__":
    sys.exit(main())
