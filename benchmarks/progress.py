"""One line on a terminal that says how far a long run is; nothing anywhere else."""

import sys
import time
from collections.abc import Iterator, Sequence


def shown[Step](steps: Sequence[Step], title: str) -> Iterator[Step]:
    """Go through `steps` and show which one runs, and how long it all took so far."""
    start = time.monotonic()
    for place, step in enumerate(steps):
        _show(f"{title}: {place + 1} of {len(steps)} ({time.monotonic() - start:.0f} s) {step}")
        yield step
    _show("")


def _show(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line[:100]}")
        sys.stderr.flush()
