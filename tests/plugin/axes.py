"""Which engines and modes the inner runs of a test have: all of them would take too long each time.

What a test of the plugin is about is the same on each engine, or a test of the stores tells. So a test takes
the engine that most users have, which is the quicker one, too, and one mode; which, its name decides, for
good. Of pynenc's runners it takes two.
"""

import zlib
from collections.abc import Sequence

from tests.plugin.helpers import ENGINES, RUNNERS

_USUAL = "mongomock"


def in_turn(cells: Sequence[tuple[str, ...]], name: str) -> list[tuple[str, ...]]:
    """Return the one of `cells` that a test of this name runs.

    A server that was given to the run is there to be tried: all of its cells stay. So do all modes of a test
    that asks for no engine.
    """
    turns = [cell for cell in cells if cell[0] == _USUAL]
    return [cell for cell in cells if cell[0] not in ENGINES or cell == turns[_number(name) % len(turns)]]


def two_runners(name: str) -> tuple[str, ...]:
    """Return the runner that starts no process, and the one that does whose turn it is."""
    first, *others = RUNNERS
    return first, others[_number(name) % len(others)]


def _number(name: str) -> int:
    return zlib.crc32(name.encode())
