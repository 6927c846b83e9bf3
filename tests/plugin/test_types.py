"""mypy --strict and pyright pass a user's annotated test file, and find what is wrong in another one."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import pytest_pynenc_mongo
from tests.plugin.shown import projects_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "types.md"
SECONDS = 300.0  # for a checker without a cache, beside others

WRONG = """
from pynenc import Pynenc
from pytest_pynenc_mongo import AppFactory, Assert, RunnerFactory, UseApp, Wait, Worker, Wurker  # wrong
from tea import brew

def test_results(pynenc_wait: Wait) -> None:
    number: int = pynenc_wait(brew(1))  # wrong
    numbers: list[int] = pynenc_wait([brew(1)])  # wrong
    pynenc_wait.status(brew(1), "running")  # wrong
    pynenc_wait(1)  # wrong
    pynenc_wait.until(True)  # wrong

async def test_coroutines(pynenc_wait: Wait) -> None:
    number: int = await pynenc_wait.async_result(brew(1))  # wrong
    text: str = pynenc_wait.async_result(brew(1))  # wrong

def test_asserts(pynenc_assert: Assert) -> None:
    pynenc_assert.called_with(brew, "two")  # wrong
    pynenc_assert.called("brew")  # wrong
    pynenc_assert.ran_in(brew(1), 4244)  # wrong
    pynenc_assert.ran(brew)  # wrong

def test_others(
    pynenc_app: Pynenc,
    pynenc_worker: Worker,
    pynenc_use_app: UseApp,
    pynenc_app_factory: AppFactory,
    pynenc_runner_factory: RunnerFactory,
) -> None:
    pynenc_worker.prices  # wrong
    pynenc_worker.stop(9)  # wrong
    pynenc_use_app("shop")  # wrong
    app: str = pynenc_app_factory(app_id="shop")  # wrong
    pynenc_runner_factory()  # wrong
"""
MYPY_INI = "[mypy]\nstrict = true\n\n[mypy-pynenc.*]\nfollow_untyped_imports = true\n"


@pytest.fixture(scope="module")
def user_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's annotated tests, `tea.py`, as the page shows them, and `wrong.py`, which is not well."""
    (project,) = projects_of(PAGE)
    (text,) = project.values()
    directory = tmp_path_factory.mktemp("typed")
    (directory / "tea.py").write_text(text, encoding="utf-8")
    (directory / "wrong.py").write_text(WRONG, encoding="utf-8")
    (directory / "mypy.ini").write_text(MYPY_INI)
    (directory / "pyrightconfig.json").write_text("{}")
    assert MYPY_INI in PAGE.read_text("utf-8")
    return directory


def found_by(directory: Path, *command: str) -> set[tuple[str, int]]:
    """Return the file and the line of each error that a checker finds."""
    done = subprocess.run(
        [sys.executable, "-m", *command, "tea.py", "wrong.py"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    errors = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?::| -) error", done.stdout)
    assert errors, done.stdout + done.stderr
    return {(name, int(line)) for name, line in errors}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(
    "command",
    [("mypy", "--cache-dir=cache"), ("pyright", "--pythonpath", sys.executable)],
    ids=["mypy --strict", "pyright"],
)
def test_what_is_right_passes_and_what_is_wrong_is_found(
    user_project: Path, command: tuple[str, ...]
) -> None:
    wrong = {("wrong.py", at) for at, line in enumerate(WRONG.split("\n"), 1) if line.endswith("# wrong")}
    assert found_by(user_project, *command) == wrong


def test_the_checked_file_uses_every_fixture_and_every_type(user_project: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse((user_project / "tea.py").read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    used = {argument.arg for function in functions for argument in function.args.args}
    overridden = {function.name for function in functions}
    fixtures = {
        name
        for path in (ROOT / "pytest_pynenc_mongo" / "fixtures").glob("*.py")
        for name in re.findall(r"^def (pynenc_\w+)", path.read_text("utf-8"), flags=re.MULTILINE)
    }
    assert fixtures - used - overridden == set()
    text = (user_project / "tea.py").read_text()
    not_fixtures = {"PynencMongoTestError", "TestServer"}
    unused = {name for name in pytest_pynenc_mongo.__all__ if not re.search(rf"\b{name}\b", text)}
    assert unused == not_fixtures


def test_a_wheel_says_that_both_packages_are_typed(tmp_path: Path) -> None:
    build = "import sys, hatchling.build; hatchling.build.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, timeout=50, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert {"pynenc_mongo/py.typed", "pytest_pynenc_mongo/py.typed"} <= set(archive.namelist())
