"""From the root of a clone any path will do, and the types that users annotate with are at hand."""

import subprocess
import sys
from pathlib import Path

import pytest

import pytest_pynenc_mongo
from tests.plugin.helpers import run
from tests.reproducible import in_thorough_runs

ROOT = Path(__file__).parents[2]
CRASH = "test_nobody_waits_for_a_dead_worker"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((".",), id="."),
        in_thorough_runs([("-c", "examples/pytest.ini", "examples")], "-c examples/pytest.ini examples"),
        in_thorough_runs([("examples",)], "examples"),
        in_thorough_runs([("examples/tests/test_crash.py",)], "examples/tests/test_crash.py"),
    ],
)
def test_a_test_of_the_example_runs_from_the_root(arguments: tuple[str, ...]) -> None:
    # of the product's own tests their first conftest.py and a few files are enough
    few = f"--ignore-glob={ROOT}/tests/*/*"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", few, "-k", CRASH, *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert result.returncode == pytest.ExitCode.OK, result.stdout + result.stderr
    assert "1 passed" in result.stdout


def test_the_example_needs_no_plugin_but_this_one_and_xdist() -> None:
    others = [f"-pno:{name}" for name in ("timeout", "socket", "hypothesispytest", "anyio", "cacheprovider")]
    command = [sys.executable, "-m", "pytest", *others, "--collect-only", "-q"]
    result = subprocess.run(
        command, cwd=ROOT / "examples", capture_output=True, text=True, timeout=50, check=False
    )
    assert result.returncode == pytest.ExitCode.OK, result.stdout + result.stderr
    assert f"test_crash.py::{CRASH}" in result.stdout


def test_the_types_of_the_fixtures_are_public(pytester: pytest.Pytester) -> None:
    assert all(hasattr(pytest_pynenc_mongo, name) for name in pytest_pynenc_mongo.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = pytest_pynenc_mongo.Nothing  # type: ignore[attr-defined]
    pytester.makepyfile(
        """
        import sys
        from pytest_pynenc_mongo import Engine, TestDatabase, TestServer, Wait, Worker

        def test_engine(pynenc_mongo_engine):
            assert isinstance(pynenc_mongo_engine, Engine)

        def test_database(pynenc_mongo_database, pynenc_mongo_db):
            assert isinstance(pynenc_mongo_database, TestDatabase)
            assert isinstance(pynenc_mongo_database.server, TestServer)
            assert pynenc_mongo_database.handle == pynenc_mongo_db

        def test_worker(pynenc_wait, pynenc_worker):
            assert isinstance(pynenc_wait, Wait)
            assert isinstance(pynenc_worker, Worker)
        """
    )
    # a class whose name begins with Test is not taken for one of the user's
    run(pytester).assert_outcomes(passed=3)
