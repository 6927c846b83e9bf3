"""What 500 tests leave behind in pytest's process and the engine's, by hand: `python -m tests.flatness`.

Exits with 1 if threads or file descriptors have grown between the hundredth test and the last one, or memory
by more than 8 MiB, 32 where the engine has a cache.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.flatness.flat import measured

EARLY = 100
# by how much memory may grow; SecantusDB has a cache of 256 MiB, which it fills
MIB = 8.0
MIB_WITH_A_CACHE = 32.0
LONGEST_SECONDS = 1800.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.flatness", description=__doc__)
    parser.add_argument("--url", default="mongomock://", help="mongomock://, embedded:// or a server")
    parser.add_argument("--tests", type=int, default=500)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        early = min(EARLY, options.tests // 2)
        growths = measured(Path(directory), options.url, early, options.tests, LONGEST_SECONDS)
    bounds = {"pytest": MIB, "engine": MIB if options.url == "mongomock://" else MIB_WITH_A_CACHE}
    wrong = [each for growth in growths for each in growth.wrong(bounds[growth.name])]
    print(
        f"{options.url}, from test {early} to test {options.tests}, {time.monotonic() - began:.0f} s: "
        f"{'; '.join(map(str, growths))}; grown: {wrong or 'nothing'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
