"""The table of guards is true of the code, and the runner tells what is caught from what survives."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import __main__ as command
from tests.mutants import guards, running
from tests.mutants.guards import Guard, MovedError
from tests.mutants.running import NoVerdictError, Report, Run

ROOT = Path(__file__).parents[2]
TABLE = guards.read()

# a till with two guards, of which one is tested
TILL = """
def change(paid: int, price: int) -> int:
    if paid < price:
        raise ValueError("not enough")
    if not isinstance(paid, int):
        raise TypeError("no number")
    return paid - price
"""
TESTS = """
import till
import pytest

def test_who_pays_too_little_gets_nothing():
    with pytest.raises(ValueError, match="not enough"):
        till.change(1, 2)

def test_who_pays_more_gets_change():
    assert till.change(3, 2) == 1
"""
TOO_LITTLE = "tests/test_till.py::test_who_pays_too_little_gets_nothing"
MORE = "tests/test_till.py::test_who_pays_more_gets_change"


def guard_of(condition: str, instead: str, *tests: str) -> Guard:
    return Guard(f"guard: {condition}", "examples/till.py", condition, instead, "", tests)


TESTED = guard_of("paid < price", "False", TOO_LITTLE)
UNTESTED = guard_of("not isinstance(paid, int)", "False", MORE)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout of the till."""
    files = {"examples/till.py": TILL, "tests/test_till.py": TESTS}
    files["pyproject.toml"] = '[tool.pytest.ini_options]\npythonpath = ["examples"]\n'
    for name, text in files.items():
        file = tmp_path / "home" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "home"


# the table


def test_each_guard_is_once_in_its_file_and_without_it_the_file_knows_its_names(tmp_path: Path) -> None:
    for number, guard in enumerate(TABLE):
        source = guard.taken_out((ROOT / guard.file).read_text(encoding="utf-8"))
        (tmp_path / f"{number}.py").write_text(source)
    checked = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F821", str(tmp_path)]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_named_test_is_there() -> None:
    named = {test.partition("[")[0] for guard in TABLE for test in guard.tests}
    there = {
        f"{file}::{name}"
        for file in {test.partition("::")[0] for test in named}
        for name in functions_of(file)
    }
    assert sorted(named - there) == []


def functions_of(file: str) -> list[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_each_guard_has_a_name_of_its_own_a_reason_and_a_test() -> None:
    assert len({guard.name for guard in TABLE}) == len(TABLE) >= 25
    assert len({(guard.file, guard.guard, guard.instead) for guard in TABLE}) == len(TABLE)
    assert all(guard.why and guard.tests and guard.guard != guard.instead for guard in TABLE)


@pytest.mark.parametrize("source", ["", "if paid < price and paid < price:"])
def test_a_guard_that_is_not_once_in_its_file_has_moved(source: str) -> None:
    with pytest.raises(MovedError, match=r"the guard has moved: 'guard: paid < price' is [02] times"):
        TESTED.taken_out(source)


# the runner


@pytest.mark.thorough
def test_what_is_caught_is_told_from_what_survives(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "HOME", home)
    monkeypatch.setattr(guards, "read", lambda: (TESTED, UNTESTED))
    monkeypatch.setattr(sys, "argv", ["mutants"])
    before = (home / TESTED.file).read_text()
    assert command.main() == 1
    said = capsys.readouterr().out
    assert "control: 2 tests pass" in said
    assert f"NOT CAUGHT: survived {MORE}" in said
    assert "1 of 2 mutants are caught" in said
    assert (home / TESTED.file).read_text() == before


@pytest.mark.thorough
def test_a_test_that_fails_anyway_is_no_control(home: Path, tmp_path: Path) -> None:
    with (home / "tests/test_till.py").open("a") as file:
        file.write("\ndef test_fails():\n    assert False\n")
    with pytest.raises(NoVerdictError, match="with all guards in place: tests/test_till"):
        command.checked(
            home, tmp_path, [guard_of("paid < price", "False", MORE, "tests/test_till.py::test_fails")]
        )


def test_what_is_imported_from_the_checkout_is_no_verdict(home: Path, tmp_path: Path) -> None:
    (home / "stranger.py").touch()
    (home / "conftest.py").write_text(f"import sys; sys.path.append({str(home)!r}); import stranger")
    running.copy(home, tmp_path / "tree")
    with pytest.raises(NoVerdictError, match=r"imported from the checkout: .*/stranger\.py"):
        running.run(home, tmp_path / "tree", [MORE], 60.0)


WHERE = """
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pynenc_mongo
import pytest_pynenc_mongo
from pynenc_mongo.mongomock_server.process import python_command
from tests.mutants import guards

HERE = Path(__file__).parents[1]
PLACES = "import pynenc_mongo as a, pytest_pynenc_mongo as b; print(*a.__path__, *b.__path__)"
EXPECTED = f"{HERE}/pynenc_mongo {HERE}/pytest_pynenc_mongo"


def path_in_child(queue):
    queue.put(f"{pynenc_mongo.__path__[0]} {pytest_pynenc_mongo.__path__[0]}")


def test_where(tmp_path, monkeypatch):
    assert Path(guards.__file__).parent == HERE / "tests/mutants"
    (HERE / "places.py").write_text(PLACES)
    monkeypatch.chdir(tmp_path)
    for each in ([sys.executable, "-c", PLACES], python_command("places")):
        assert subprocess.run(each, capture_output=True, text=True, check=True).stdout.strip() == EXPECTED
    spawned, queue = get_context("spawn"), get_context("spawn").SimpleQueue()
    child = spawned.Process(target=path_in_child, args=(queue,))
    child.start()
    assert queue.get() == EXPECTED
    child.join()
"""


@pytest.mark.thorough
def test_each_python_of_a_run_imports_the_copy(tmp_path: Path) -> None:
    """Servers and workers are started by `python_command`, or spawned, or forked."""
    tree = tmp_path / "tree"
    running.copy(ROOT, tree)
    (tree / "tests/test_where.py").write_text(WHERE)
    running.check(ROOT, tree, ["tests/test_where.py::test_where"])


# what counts


def run_of(*reports: Report, exit_code: int = 1) -> Run:
    return Run(exit_code, reports, 0.0, "what pytest printed")


def report(error: str = "AssertionError", message: str = "", when: str = "call", test: str = MORE) -> Report:
    return Report(test, when, "failed" if error else "passed", error, message)


def test_a_failed_assertion_and_any_other_error_of_the_code_count() -> None:
    for error in ("AssertionError", "Failed", "KeyError", "MongoOutageError"):
        assert running.survivors_of(UNTESTED, run_of(report(error))) == []
    assert running.survivors_of(UNTESTED, run_of(report(""), exit_code=0)) == [MORE]
    with_parameters = run_of(report("", test=f"{MORE}[1]"), report(test=f"{MORE}[2]"))
    assert running.survivors_of(UNTESTED, with_parameters) == []


@pytest.mark.parametrize(
    "done",
    [
        run_of(report("ImportError")),
        run_of(report("NameError")),
        run_of(report("Failed", "Timeout (>60.0s) from pytest-timeout.")),
        run_of(report(when="setup")),
        run_of(report(), exit_code=2),
        run_of(exit_code=4),
        run_of(exit_code=5),
        run_of(report(test=TOO_LITTLE)),
    ],
    ids=lambda done: f"{[each.error + each.when for each in done.reports]}, {done.exit_code}",
)
def test_what_says_nothing_of_the_guard_does_not_count(done: Run) -> None:
    with pytest.raises(NoVerdictError, match="what pytest printed"):
        running.survivors_of(UNTESTED, done)
