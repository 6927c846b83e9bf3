"""Inner runs know nothing of the outer one."""

import itertools
import os

import pytest

from tests.engines import SERVER, server_of
from tests.plugin.axes import AXES, in_turn
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
    """Run a test that asks for `on_engine`, or for `in_mode`, with the options of an inner run for each.

    One that asks for both has each engine and each mode, but only with `--every-engine` each engine in each
    mode; one that asks for an engine has one of them. `on_own_engine` leaves out a server that was given to
    the run, for those that do it harm; `on_each_engine` is for what each engine does in its own way.
    """
    axes = {name: _axis(name, metafunc.config) for name in AXES if name in metafunc.fixturenames}
    if not axes:
        return
    cells = list(itertools.product(*axes.values()))
    if not metafunc.config.getoption("every_engine") and "on_each_engine" not in axes:
        cells = in_turn(cells, metafunc.definition.nodeid)
    values = [[axes[name][key] for name, key in zip(axes, cell, strict=True)] for cell in cells]
    metafunc.parametrize(list(axes), values, ids=map("-".join, cells))


def _axis(name: str, config: pytest.Config) -> dict[str, tuple[str, ...]]:
    if name == "in_mode":
        return MODES
    url = "" if name == "on_own_engine" else server_of(config)
    return ENGINES | ({SERVER: (f"--pynenc-mongo-url={url}",)} if url else {})
