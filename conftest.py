"""What pytest takes from the first conftest.py only: with it here, any path on the command line will do."""

import itertools
import os
import sys

import pytest

from tests import reproducible
from tests.engines import BASELINE, ENGINES, SERVER

pytest_plugins = ["pytester"]

# tests start some thousand interpreters: each finds compiled, and rewritten by pytest, what an earlier one
# has imported, also where the shell of a container forbids to write that
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("thorough").addoption(
        "--thorough",
        action="store_true",
        help="run each test of the plugin on each engine and in each mode, and all that is long",
    )
    parser.getgroup("conformance").addoption(
        "--conformance",
        choices=(*ENGINES, SERVER, BASELINE),
        help="run all of pynenc's own suites on this engine, not only the quick part of them",
    )


def pytest_configure(config: pytest.Config) -> None:
    reproducible.be(thorough=config.getoption("thorough"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for a thorough run."""
    if config.getoption("thorough"):
        return
    left_out = list(filter(is_for_thorough_runs, items))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = itertools.filterfalse(is_for_thorough_runs, items)


def is_for_thorough_runs(item: pytest.Item) -> bool:
    """Return whether a test is marked `thorough`, or `thorough(engine)` and on that engine."""
    callspec = getattr(item, "callspec", None)
    parameters = callspec.params.values() if callspec else ()
    marked = [marker.args for marker in item.iter_markers("thorough")]
    return any(not engines or any(engine in parameters for engine in engines) for engines in marked)
