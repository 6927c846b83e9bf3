"""A sample of `make faults`: each fault at one command, and nothing is wrong afterwards."""

import random
from collections.abc import Sequence

import pytest

from tests.faults import plan, quiet
from tests.faults.injections import COLUMNS, Injection, Outcome, commands_of_a_life
from tests.faults.table import BEGIN, END, Table, put_into
from tests.reproducible import in_thorough_runs

SEED = 1
# each fault on mongomock, and some on each of the others, which take several seconds
CASES = [
    *(("mongomock", fault) for fault in plan.faults_of("mongomock")),
    *(("embedded", fault) for fault in ("unconfirmed (64)", "killed before")),
    *(("replica-set", fault) for fault in ("not primary (10107)", "killed after")),
]
MORE_CASES = [
    *(("embedded", fault) for fault in ("closed after", "paused after")),
    *(("replica-set", fault) for fault in ("2 s late, limit 1 s", "server killed before")),
]
_lives: dict[str, Sequence[str]] = {}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("engine", "fault"), [*CASES, *map(in_thorough_runs, MORE_CASES)])
def test_after_a_fault_nothing_is_lost_or_done_twice_or_stuck_or_leaked(
    request: pytest.FixtureRequest, engine: str, fault: str
) -> None:
    url = request.getfixturevalue(f"{engine.replace('-', '_')}_url")
    dice = random.Random(f"{SEED} {engine} {fault}")
    found = plan.run(url, dice.choice(plan.chosen(fault, life_on(engine, url), 1)))
    assert found.command
    assert {column: texts for column, texts in found.wrong.items() if texts} == {}, found


def test_control_without_pynencs_recoveries_what_a_dead_process_had_in_its_hands_is_stuck(
    mongomock_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet, "RECOVERIES", [])
    popped = life_on("mongomock", mongomock_url).index("findAndModify broker_messages") + 1
    found = plan.run(mongomock_url, Injection("killed after", popped))
    assert [column for column, texts in found.wrong.items() if texts] == ["stuck"]


def test_control_without_the_sweep_parts_that_nobody_names_are_leaked(
    mongomock_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet, "sweep", lambda: 0)
    stored = life_on("mongomock", mongomock_url).index("insert client_data_store_payload_parts") + 1
    found = plan.run(mongomock_url, Injection("killed after", stored))
    assert [column for column, texts in found.wrong.items() if texts] == ["leaked"]


def life_on(engine: str, url: str) -> Sequence[str]:
    if engine not in _lives:
        _lives[engine] = commands_of_a_life(url)
    return _lives[engine]


# the table


def outcome(fault: str, **wrong: list[str]) -> Outcome:
    return Outcome(
        Injection(fault, 1), "insert things", {column: wrong.get(column, []) for column in COLUMNS}
    )


def test_the_table_counts_what_the_run_has_found() -> None:
    table = Table()
    table.add("mongomock", outcome("closed before"))
    table.add("mongomock", outcome("closed before", lost=["one", "two"]))
    table.add("replica-set", outcome("closed before", double=["one"]), is_engines_own=True)
    table.add("replica-set", Outcome(Injection("closed before", 1000)))
    assert str(table).splitlines()[2:] == [
        "| mongomock | closed before | 2 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        "| replica-set | closed before | 1 | 0 | 0 | 0 | 0 | 1 | 0 | 0 | 0 |",
        "| mongomock | all | 2 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        "| replica-set | all | 1 | 0 | 0 | 0 | 0 | 1 | 0 | 0 | 0 |",
        "| all | all | 3 | 1 | 0 | 0 | 0 | 1 | 0 | 0 | 0 |",
    ]
    assert not table.is_right


@pytest.mark.parametrize("column", COLUMNS)
def test_whatever_is_wrong_is_seen(column: str) -> None:
    """The control."""
    table = Table()
    table.add("mongomock", outcome("closed before"))
    assert table.is_right
    table.add("mongomock", outcome("closed before", **{column: ["something"]}))
    assert not table.is_right


def test_a_page_gets_the_table_in_place_of_an_old_one() -> None:
    table = Table()
    table.add("mongomock", outcome("closed before"))
    page = put_into(f"before\n{BEGIN}\nold\n{END}\nafter\n", table)
    assert page == f"before\n{BEGIN}\n\n{table}\n{END}\nafter\n"


def test_each_command_is_struck_by_one_fault_or_the_other() -> None:
    commands = ["insert things"] * 40
    struck = {each.number for fault in plan.RUNS for each in plan.chosen(fault, commands, 9)}
    assert struck == set(range(1, 41))
