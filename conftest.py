"""What pytest takes from the first conftest.py only: with it here, any path on the command line will do."""

import pytest

from tests.engines import BASELINE, ENGINES, SERVER

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("conformance").addoption(
        "--conformance",
        choices=(*ENGINES, SERVER, BASELINE),
        help="run all of pynenc's own suites on this engine, not only the quick part of them",
    )
