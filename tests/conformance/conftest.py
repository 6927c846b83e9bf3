"""Pynenc's own suites, unchanged, on our backends: each file runs one test module of `pynenc_tests`."""

import asyncio
import inspect
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pynenc import Pynenc
from pynenc_tests.conftest import (
    call_id,
    inv_id,
    other_call_id,
    other_inv_id,
    other_task_id,
    reset_mock_classes,
    runner,
    task_id,
)

from pytest_pynenc_mongo import databases
from pytest_pynenc_mongo.databases import TestServer
from tests.conformance import suites
from tests.conformance.backends import Backend, on_mongo, on_sqlite, settings_of
from tests.conformance.known import PURE
from tests.conformance.leftovers import cleaned_up
from tests.conformance.proof import Witness, witnessed
from tests.conformance.redirect import redirected
from tests.engines import BASELINE, ENGINES, engines_of
from tests.reproducible import in_thorough_runs

# the fixtures that pynenc's suites ask for: what is imported here, pytest finds here
__all__ = [
    "call_id",
    "inv_id",
    "other_call_id",
    "other_inv_id",
    "other_task_id",
    "reset_mock_classes",
    "runner",
    "task_id",
]

HERE = Path(__file__).parent
_WITNESS: pytest.StashKey[Witness] = pytest.StashKey()

_WARNINGS_OF_PYNENC = (
    # what it says about the settings and threads of its own tests
    "ignore:::pynenc[.]",
    "ignore:::pynenc_tests[.]",
    "ignore:::pynmon[.]",
    "ignore:[\\s\\S]*requires if __name__ == '__main__':RuntimeWarning",
    "ignore:.*multi-threaded, use of fork:DeprecationWarning",
    # they stop a runner without waiting for it, and purge what it works on; failing tasks raise in threads
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "asyncio: a coroutine of pynenc's suites")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what runs in `make conformance` only; a file on the command line is never asked about."""
    chosen = config.getoption("conformance")
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        return not suites.engines_for(collection_path, chosen, engines_of(config)) or None
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "conformance_backend" in metafunc.fixturenames:
        config, path = metafunc.config, Path(metafunc.module.__file__)
        chosen = suites.engines_for(path, config.getoption("conformance"), engines_of(config))
        # the second time takes long on the real wire: for thorough runs, and `make conformance`
        engines = [
            in_thorough_runs([engine])
            if engine == "embedded" and not config.getoption("conformance")
            else engine
            for engine in chosen or ENGINES[:1]
        ]
        metafunc.parametrize("conformance_backend", engines, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            for warning in _WARNINGS_OF_PYNENC:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Tell the witness when the test itself runs, and not its fixtures, and whether it passed."""
    witness = item.stash.get(_WITNESS, None)
    if witness is None:
        yield
        return
    witness.during_test = True
    try:
        yield
        witness.passed = True
    except BaseException as error:
        for thread_error in witness.thread_errors:
            error.add_note(f"in a thread of the test: {thread_error}")
        raise
    finally:
        witness.during_test = False


@pytest.fixture(scope="session")
def conformance_backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Each engine in turn, with a database of this run."""
    if request.param == BASELINE:
        yield on_sqlite(str(tmp_path_factory.mktemp("sqlite") / "pynenc.db"))
        return
    url = request.getfixturevalue(f"{request.param}_url")
    with TestServer(url).lend(databases.new_name("pynenc_test")) as database:
        yield on_mongo(url, database.name)


@pytest.fixture(scope="module", autouse=True)
def on_backend(request: pytest.FixtureRequest, conformance_backend: Backend) -> Iterator[None]:
    """The test module on the engine: the apps that it made at import, and all that its tests build."""
    with redirected(request.module, conformance_backend), cleaned_up(list):
        conformance_backend.purge()
        yield
    conformance_backend.purge()


@pytest.fixture(autouse=True)
def proven(request: pytest.FixtureRequest, on_backend: None, conformance_backend: Backend) -> Iterator[None]:
    """Do not let a test pass that used other backends, or none."""
    with witnessed(conformance_backend) as witness:
        request.node.stash[_WITNESS] = witness
        with cleaned_up(lambda: witness.apps):
            yield
    if witness.passed:
        test = request.node.originalname
        against = witness.verdict(PURE.get(test))
        assert not against, f"{test} is no test of these backends: {against}"


@pytest.fixture
def temp_sqlite_db_path(conformance_backend: Backend, tmp_path: Path) -> Iterator[str]:
    """An empty database; the path itself is overruled by the environment."""
    conformance_backend.purge()
    yield str(tmp_path / "unused.db")
    conformance_backend.purge()


@pytest.fixture
def app_instance(conformance_backend: Backend) -> Iterator[Pynenc]:
    """A new app; what another test left running does not know its id."""
    yield Pynenc(
        config_values={**settings_of(conformance_backend), "app_id": f"conformance-{uuid4().hex[:8]}"}
    )
    conformance_backend.purge()
