"""Who does not use the plugin does not pay for it: nothing heavy is imported before a fixture is used."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.plugin.helpers import make_ini, make_sitecustomize, output, run
from tests.reproducible import in_thorough_runs

FIXTURES = {
    "pynenc_mongo_engine": "The MongoDB of this run",
    "pynenc_mongo_url": "The URL of the server",
    "pynenc_mongo_database": "The database of this run and xdist worker",
    "pynenc_app_config": "More pynenc `config_values`",
    "pynenc_app": "The app under test, on the test database",
    "pynenc_runner": "The app's runner, in a thread",
    "pynenc_worker": "A worker in another operating-system process",
}

# raises where one of them is imported, and writes it down for the case that somebody catches the error
BLOCKER = """
    import os
    import sys

    HEAVY = ("pynenc", "pymongo", "bson", "mongomock", "multiprocessing.managers")

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.startswith(tuple(f"{heavy}." for heavy in HEAVY)) or name in HEAVY:
                with open(os.environ["BLOCKED"], "a") as log:
                    log.write(f"{name}\\n")
                raise ImportError(f"{name} is blocked")

    sys.meta_path.insert(0, Blocker())
"""
OF_NO_CONCERN = """
    import pytest

    @pytest.fixture
    def shop(tmp_path):
        return tmp_path

    def test_one(shop):
        assert shop.is_dir()

    class TestMore:
        def test_two(self):
            pass
"""


@pytest.fixture
def blocked(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Block the heavy imports in inner runs; return the file that names those that were tried."""
    file = pytester.path / "blocked.txt"
    monkeypatch.setenv("BLOCKED", str(file))
    make_sitecustomize(pytester, monkeypatch, BLOCKER)
    return file


@pytest.mark.parametrize(
    ("ini", "arguments"),
    [
        pytest.param((), (), id="default"),
        pytest.param(("pynenc_mongo_url = embedded://", "pynenc_app = shop.app:app"), (), id="embedded"),
        in_thorough_runs(
            [("pynenc_mongo_url = mongodb://ann:secret@db.example/shop",), ("-n", "2")], "server under xdist"
        ),
    ],
)
def test_a_run_that_uses_no_fixture_of_ours_imports_nothing(
    pytester: pytest.Pytester, blocked: Path, ini: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    make_ini(pytester, *ini)
    pytester.makepyfile(OF_NO_CONCERN)
    run(pytester, *arguments).assert_outcomes(passed=2)
    assert not blocked.exists()


def test_help_names_each_source_of_an_option(pytester: pytest.Pytester, blocked: Path) -> None:
    result = run(pytester, "--help")
    assert result.ret == pytest.ExitCode.OK
    assert not blocked.exists()
    # whatever the width of the terminal
    text = " ".join(output(result).split())
    for part in (
        "--pynenc-mongo-url=URL MongoDB that the tests use: mongodb://..., mongodb+srv://...",
        "embedded:// (SecantusDB in a child process)",
        "mongomock:// (mongomock in a child process)",
        "Default: mongomock://.",
        "Environment: PYTEST_PYNENC_MONGO_URL; ini: pynenc_mongo_url.",
        "pynenc_mongo_url (string):",
        "pynenc_app (string):",
        "app under test as package.module:attribute",
    ):
        assert part in text


def test_fixtures_lists_each_of_ours_with_its_docstring(pytester: pytest.Pytester, blocked: Path) -> None:
    pytester.makepyfile(OF_NO_CONCERN)
    result = run(pytester, "--fixtures")
    assert result.ret == pytest.ExitCode.OK
    assert not blocked.exists()
    for name, docstring in FIXTURES.items():
        result.stdout.fnmatch_lines([f"{name} *", f"    {docstring}*"], consecutive=True)
    docstrings = {
        line.split(" ")[0]: following.strip()
        for line, following in pairwise(result.outlines)
        if line.startswith("pynenc_")
    }
    assert docstrings.keys() >= FIXTURES.keys()
    assert "no docstring available" not in docstrings.values()


def test_version_and_collection_import_nothing(pytester: pytest.Pytester, blocked: Path) -> None:
    pytester.makepyfile("def test_app(pynenc_app, pynenc_worker): pass")
    assert run(pytester, "--version").ret == pytest.ExitCode.OK
    assert run(pytester, "--collect-only").ret == pytest.ExitCode.OK
    assert not blocked.exists()


def test_a_fixture_of_ours_is_what_imports_them(pytester: pytest.Pytester, blocked: Path) -> None:
    pytester.makepyfile("def test_app(pynenc_app): pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ImportError: pymongo is blocked"])
    assert "pymongo\n" in blocked.read_text()
