"""Of the engines and modes that a test may run in, it runs in some, and all tests together in each."""

import itertools
from collections.abc import Collection

import pytest

from tests.engines import SERVER
from tests.plugin.axes import in_turn, two_runners
from tests.plugin.helpers import ENGINES, MODES, RUNNERS

NAMES = [f"test_{number}" for number in range(200)]


@pytest.mark.parametrize("axes", [(ENGINES,), (ENGINES, MODES)], ids=["engine", "engine and mode"])
def test_each_runs_in_one_of_them_and_each_has_its_share(axes: tuple[Collection[str], ...]) -> None:
    cells = list(itertools.product(*axes))
    chosen = [in_turn(cells, name) for name in NAMES]
    assert {len(each) for each in chosen} == {1}
    for cell in cells:
        share = len(NAMES) * (2 if "mongomock" in cell else 1) / len(cells) / 1.5
        assert 0.6 * share < sum(cell in each for each in chosen) < 1.4 * share


def test_of_the_runners_there_is_the_one_without_processes_and_another_one() -> None:
    chosen = {two_runners(name) for name in NAMES}
    assert chosen == {("ThreadRunner", other) for other in RUNNERS[1:]}


def test_a_server_that_was_given_and_modes_alone_are_all_run() -> None:
    given = list(itertools.product([SERVER], MODES))
    modes = [(mode,) for mode in MODES]
    for name in NAMES:
        assert in_turn(given, name) == given
        assert in_turn(modes, name) == modes


def test_a_name_has_its_turn_for_good() -> None:
    assert in_turn([(engine,) for engine in ENGINES], "test_one") == [("mongomock",)]
    assert in_turn([(engine,) for engine in ENGINES], "test_three") == [("embedded",)]
    assert two_runners("test_one") == two_runners("test_one")
