"""docs/coverage.md: task code is measured under every runner, in the test process and in workers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.helpers import ARGUMENTS

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
TASKS = """
import os
from pynenc import Pynenc

few = {"num_processes": 1, "min_processes": 1, "max_processes": 1}
app = Pynenc(config_values={"app_id": __name__, "runner_cls": __name__, **few})

@app.task
def in_a_runner(x: int) -> int:
    return 2 * x

@app.task
def in_a_worker(x: int) -> int:
    return 3 * x

@app.task
def in_another_worker(x: int) -> int:
    return 4 * x

def nowhere() -> int:
    return 5
"""
TESTS = """
import pytest
from {runner} import in_a_runner, in_a_worker, in_another_worker

pytestmark = pytest.mark.pynenc_mongo(app="{runner}:app")

def test_runner(pynenc_app, pynenc_runner):
    assert in_a_runner(1).result == 2

def test_worker(pynenc_app, pynenc_worker):
    assert in_a_worker(1).result == 3

def test_another_worker(pynenc_app, pynenc_worker):
    assert in_another_worker(1).result == 4
"""


def settings_of_page() -> str:
    found = re.search(r"```ini\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_task_code_is_measured(pytester: pytest.Pytester, some_runners: tuple[str, ...]) -> None:
    """Each runner has a module of tasks, of its name."""
    (pytester.path / ".coveragerc").write_text(f"{settings_of_page()}source = .\n", encoding="utf-8")
    for runner in some_runners:
        (pytester.path / f"{runner}.py").write_text(TASKS, encoding="utf-8")
        (pytester.path / f"test_{runner}.py").write_text(TESTS.format(runner=runner), encoding="utf-8")

    def coverage(*arguments: str) -> None:
        command = [sys.executable, "-m", "coverage", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr

    coverage("run", "-m", "pytest", *ARGUMENTS)
    coverage("combine")
    coverage("json", "-o", "measured.json")
    measured = json.loads((pytester.path / "measured.json").read_text(encoding="utf-8"))
    last = len(TASKS.splitlines())
    missing = {runner: measured["files"][f"{runner}.py"]["missing_lines"] for runner in some_runners}
    assert missing == {runner: [last] for runner in some_runners}
