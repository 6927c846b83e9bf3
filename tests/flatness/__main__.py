"""What 500 tests leave behind in pytest's process and the engine's, by hand: `python -m tests.flatness`.

Exits with 1 if threads or file descriptors have grown between the hundredth test and the last one, or memory
by more than a bound.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.flatness.flat import measured

EARLY = 100
LONGEST_SECONDS = 1800.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.flatness", description=__doc__)
    parser.add_argument("--url", default="mongomock://", help="mongomock://, embedded:// or a server")
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--mib", type=float, default=8.0, help="by how much memory may grow")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        early = min(EARLY, options.tests // 2)
        growths = measured(Path(directory), options.url, early, options.tests, LONGEST_SECONDS)
    wrong = [each for growth in growths for each in growth.wrong(options.mib)]
    print(
        f"{options.url}, from test {early} to test {options.tests}, {time.monotonic() - began:.0f} s: "
        f"{'; '.join(map(str, growths))}; grown: {wrong or 'nothing'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
