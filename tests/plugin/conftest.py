"""Inner runs know nothing of the outer one."""

import os

import pytest

from tests.engines import SERVER, server_of
from tests.plugin.helpers import ENGINES, MODES

_OURS = ("PYTEST_XDIST_", "PYTEST_PYNENC_", "PYNENC__")
# where one of them is set, pytest prints its summary otherwise: https://docs.pytest.org/en/stable/explanation/ci.html
_OF_CI = ("CI", "BUILD_NUMBER")


@pytest.fixture(autouse=True)
def users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a user's shell, not the one of a test run or of its xdist worker."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _OF_CI:
            monkeypatch.delenv(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `on_engine`, or for `in_mode`, with the options of an inner run for each."""
    if "on_engine" in metafunc.fixturenames:
        engines = dict(ENGINES)
        if url := server_of(metafunc.config):
            engines[SERVER] = (f"--pynenc-mongo-url={url}",)
        metafunc.parametrize("on_engine", engines.values(), ids=engines)
    if "in_mode" in metafunc.fixturenames:
        metafunc.parametrize("in_mode", MODES.values(), ids=MODES)
