"""Of the engines and modes that a test may run in, it runs in one, and all tests together in each mode."""

import itertools

from tests.engines import SERVER
from tests.plugin.axes import in_turn, two_runners
from tests.plugin.helpers import ENGINES, MODES, RUNNERS

NAMES = [f"test_{number}" for number in range(200)]


def test_each_runs_on_the_usual_engine_in_one_mode_and_each_mode_has_its_share() -> None:
    chosen = [in_turn(list(itertools.product(ENGINES, MODES)), name) for name in NAMES]
    assert {len(each) for each in chosen} == {1}
    assert {engine for each in chosen for engine, _ in each} == {"mongomock"}
    for mode in MODES:
        share = len(NAMES) / len(MODES)
        assert 0.6 * share < sum(("mongomock", mode) in each for each in chosen) < 1.4 * share


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
    cells = list(itertools.product(ENGINES, MODES))
    assert in_turn(cells, "test_one") == [("mongomock", "serial")]
    assert in_turn(cells, "test_two") == [("mongomock", "xdist")]
    assert in_turn([(engine,) for engine in ENGINES], "test_three") == [("mongomock",)]
    assert two_runners("test_one") == two_runners("test_one")
