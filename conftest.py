"""What pytest takes from the first conftest.py only: with it here, any path on the command line will do."""

import os
import sys

import pytest

from tests.engines import BASELINE, ENGINES, SERVER

pytest_plugins = ["pytester"]

# tests start some thousand interpreters: each finds compiled, and rewritten by pytest, what an earlier one
# has imported, also where the shell of a container forbids to write that
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("engines").addoption(
        "--every-engine",
        action="store_true",
        help="run each test of the plugin on each engine and in each mode, not on one engine in turn",
    )
    parser.getgroup("conformance").addoption(
        "--conformance",
        choices=(*ENGINES, SERVER, BASELINE),
        help="run all of pynenc's own suites on this engine, not only the quick part of them",
    )
