"""Which engines and modes the inner runs of a test have: all of them would take too long each time.

What a test of the plugin is about is the same on each engine, or a test of the stores tells. So half of the
tests take one engine, half the other one; which, their names decide, for good.
"""

import zlib
from collections.abc import Sequence

from tests.plugin.helpers import ENGINES, MODES


def in_turn(cells: Sequence[tuple[str, ...]], name: str) -> list[tuple[str, ...]]:
    """Return those of `cells` that a test of this name runs: of two, one; of two times two, a diagonal.

    A server that was given to the run is there to be tried: all of its cells stay. So do all modes of a test
    that asks for no engine.
    """
    turn = zlib.crc32(name.encode()) % 2
    return [cell for cell in cells if cell[0] not in ENGINES or _place(cell) % 2 == turn]


def _place(cell: tuple[str, ...]) -> int:
    engine, *modes = cell
    return [*ENGINES].index(engine) + sum([*MODES].index(mode) for mode in modes)
