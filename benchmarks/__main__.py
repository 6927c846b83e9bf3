"""`python -m benchmarks`: measure, print tables, write JSON and pictures."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import commands, components, endtoend, fixtures, floor, growth, peer, report, stores, testcost
from benchmarks.stores import Store

SECTIONS = ("commands", "components", "end_to_end", "floor", "growth", "test", "fixtures", "start")
# needs what only `make bench-peer` installs
PEER = "peer"


class Size(NamedTuple):
    """How much is measured, and how often."""

    scale: components.Scale
    runners: Sequence[tuple[str, int]]
    growth: Sequence[int]
    lives: int  # of which the engine's own share is measured
    repetitions: int
    quick_repetitions: int  # of what takes milliseconds
    tests: int  # with each fixture


FULL = Size(
    components.FULL,
    (("ThreadRunner", 200), ("PersistentProcessRunner", 200), ("ProcessRunner", 200)),
    growth.SIZES,
    lives=100,
    repetitions=3,
    quick_repetitions=15,
    tests=20,
)
QUICK = Size(components.QUICK, (("ThreadRunner", 10),), growth.QUICK_SIZES, 5, 1, 1, 2)


def main(arguments: Sequence[str]) -> None:
    options = _parse(arguments)
    # what pynenc says while it runs is not what is measured
    logging.disable(logging.CRITICAL)
    figures = _read(options.json)
    with stores.opened(options.urls) as opened:
        for section, found in _measured(opened, options):
            # what took minutes is not lost with what comes after it
            figures |= {"machine": report.machine(), section: found}
            sys.stdout.write(f"\n{_tables(section, found)}\n")
            sys.stdout.flush()
            _write(options.json, figures)
    if options.plots:
        from benchmarks import plots

        plots.draw(figures, options.plots)


def _read(file: Path | None) -> dict[str, Any]:
    """Return the figures of an earlier run, of which sections may be measured again."""
    found: dict[str, Any] = json.loads(file.read_text()) if file and file.exists() else {}
    return found


def _write(file: Path | None, figures: Mapping[str, Any]) -> None:
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=1) + "\n")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--pynenc-mongo-url",
        dest="urls",
        action="append",
        default=[],
        metavar="URL",
        help="a MongoDB to measure too; may be given several times",
    )
    parser.add_argument("--quick", action="store_true", help="little of everything: whether it works at all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--plots", type=Path, metavar="DIRECTORY", help="write times.png and growth.png there"
    )
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="section",
        help=f"of {', '.join(SECTIONS)}, which are all without any, and {PEER}",
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.sections) - {*SECTIONS, PEER}:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    options.sections = options.sections or SECTIONS
    measured = {*_read(options.json), *options.sections}
    if options.plots and not {"components", "end_to_end", "growth"} <= measured:
        parser.error("--plots draws components, end_to_end and growth: measure all three")
    return options


def _measured(opened: Sequence[Store], options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    size = QUICK if options.quick else FULL
    steps: dict[str, Callable[[], Any]] = {
        "commands": lambda: commands.measure(opened) | testcost.commands(opened),
        "components": lambda: report.summary(components.measure(opened, size.scale, size.repetitions)),
        "end_to_end": lambda: report.summary(endtoend.measure(opened, size.runners, size.repetitions)),
        "floor": lambda: report.summary(floor.measure(opened, size.lives, size.repetitions)),
        "growth": lambda: report.summary(growth.measure(opened, size.growth, size.quick_repetitions)),
        "test": lambda: report.summary(testcost.measure(opened, size.quick_repetitions)),
        "fixtures": lambda: report.summary(fixtures.measure(opened, size.tests)),
        "start": lambda: report.summary({"pytest": testcost.measure_start(size.quick_repetitions)}),
        # the last one is the user's, or else embedded://
        PEER: lambda: report.summary(peer.measure(opened[-1], size.runners, size.repetitions), peer.OURS),
    }
    for section in options.sections:
        yield section, steps[section]()


def _tables(section: str, found: Mapping[str, Any]) -> str:
    if section == "commands":
        return report.count_table(found)
    return report.time_table(section.replace("_", " "), found)


if __name__ == "__main__":
    main(sys.argv[1:])
