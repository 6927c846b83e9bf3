"""Inner runs know nothing of the outer one."""

import itertools
import os

import pytest

from tests.engines import ENGINES, engines_of
from tests.plugin.axes import in_turn, two_runners
from tests.plugin.fork_server import import_ours
from tests.plugin.helpers import ENGINES as OPTIONS
from tests.plugin.helpers import MODES, RUNNERS

_OURS = ("PYTEST_XDIST_", "PYTEST_PYNENC_", "PYNENC__")
# where one of them is set, pytest prints its summary otherwise: https://docs.pytest.org/en/stable/explanation/ci.html
_OF_CI = ("CI", "BUILD_NUMBER")


@pytest.fixture(scope="session", autouse=True)
def each_module_once() -> None:
    """Import our modules before a test does: pytester forgets those, while their packages remember them."""
    import_ours()


@pytest.fixture(autouse=True)
def users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a user's shell, not the one of a test run or of its xdist worker."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _OF_CI:
            monkeypatch.delenv(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for an engine or a mode on some of them, and with `--thorough` on each."""
    engines = engines_of(metafunc.config)
    axes = {"on_engine": engines, "on_own_engine": ENGINES, "on_each_engine": ENGINES, "in_mode": MODES}
    wanted = [name for name in axes if name in metafunc.fixturenames]
    if not wanted:
        return
    cells = list(itertools.product(*(axes[name] for name in wanted)))
    if not metafunc.config.getoption("thorough") and "on_each_engine" not in wanted:
        cells = in_turn(cells, metafunc.definition.nodeid)
    metafunc.parametrize(wanted, cells, ids=map("-".join, cells), indirect=True)


@pytest.fixture
def on_engine(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options of an inner run on an engine that is there already."""
    return (f"--pynenc-mongo-url={request.getfixturevalue(f'{request.param}_url')}",)


@pytest.fixture
def on_own_engine(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options of an inner run that starts its engine."""
    return OPTIONS[request.param]


@pytest.fixture
def on_each_engine(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The same, for what each engine does in its own way: never the usual one alone."""
    return OPTIONS[request.param]


@pytest.fixture
def some_runners(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Two of pynenc's runners, for what is not about how they differ; with `--thorough` all of them.

    Inner runs find their names in the variable `RUNNERS`.
    """
    runners = RUNNERS if request.config.getoption("thorough") else two_runners(request.node.nodeid)
    monkeypatch.setenv("RUNNERS", " ".join(runners))
    return runners


@pytest.fixture
def in_mode(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options of an inner run that is serial, or under xdist."""
    return MODES[request.param]
