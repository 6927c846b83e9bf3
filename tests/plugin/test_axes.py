"""Of the engines and modes that a test may run in, it runs in some, and all tests together in each."""

import itertools
from collections.abc import Collection

import pytest

from tests.engines import SERVER
from tests.plugin.axes import in_turn
from tests.plugin.helpers import ENGINES, MODES

NAMES = [f"test_{number}" for number in range(100)]


@pytest.mark.parametrize("axes", [(ENGINES,), (ENGINES, MODES)], ids=["engine", "engine and mode"])
def test_each_runs_in_half_of_them_and_about_half_run_in_each(axes: tuple[Collection[str], ...]) -> None:
    cells = list(itertools.product(*axes))
    chosen = [in_turn(cells, name) for name in NAMES]
    assert {len(each) for each in chosen} == {len(cells) // 2}
    for cell in cells:
        assert 30 < sum(cell in each for each in chosen) < 70


def test_of_engine_and_mode_each_is_there() -> None:
    for name in NAMES:
        engines, modes = zip(*in_turn(list(itertools.product(ENGINES, MODES)), name), strict=True)
        assert (set(engines), set(modes)) == (set(ENGINES), set(MODES))


def test_a_server_that_was_given_and_modes_alone_are_all_run() -> None:
    given = list(itertools.product([SERVER], MODES))
    modes = [(mode,) for mode in MODES]
    for name in NAMES:
        assert in_turn(given, name) == given
        assert in_turn(modes, name) == modes


def test_a_name_has_its_turn_for_good() -> None:
    assert in_turn([(engine,) for engine in ENGINES], "test_one") == [("mongomock",)]
    assert in_turn([(engine,) for engine in ENGINES], "test_two") == [("embedded",)]
