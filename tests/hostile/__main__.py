"""Hostile values at every door, and damaged documents behind it: `python -m tests.hostile`.

For each engine: so many damaged documents, each read in every way, and so many hostile inputs. Exits with 1
if one of them leads to another value, or to an error that does not say what is wrong.
"""

import argparse
import sys
from collections.abc import Sequence

from tests.hostile.trying import Tally, try_documents, try_inputs
from tests.outages.__main__ import running

ENGINES = ("mongomock", "embedded")
HEADER = ("engine", "what", "how many", "right", "named errors", "wrong", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="both by default")
    parser.add_argument("--documents", type=int, default=10_000, metavar="COUNT")
    parser.add_argument("--inputs", type=int, default=10_000, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    row(HEADER)
    row(["---"] * len(HEADER))
    wrong: list[str] = []
    for engine in options.engine or ENGINES:
        with running(engine) as url:
            for what, attempt, count in (
                ("damaged documents", try_documents, options.documents),
                ("hostile inputs", try_inputs, options.inputs),
            ):
                tally: Tally = attempt(url, options.seed, count)
                figures = (tally.tried, tally.right, tally.named, len(tally.wrong))
                row([engine, what, *(f"{each:,}" for each in figures), f"{tally.seconds:.0f}"])
                wrong += tally.wrong
    for each in wrong:
        print(each)
    return 1 if wrong else 0


def row(cells: Sequence[str]) -> None:
    print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
