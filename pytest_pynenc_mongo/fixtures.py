"""The chain of fixtures: engine, URL, database, app, runner or worker. Each link may be overridden."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import options
from pytest_pynenc_mongo.errors import PynencMongoTestError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

    from pytest_pynenc_mongo.engines import Engine
    from pytest_pynenc_mongo.runners import Worker


@pytest.fixture(scope="session")
def pynenc_mongo_engine(pytestconfig: pytest.Config) -> Generator["Engine"]:
    """The MongoDB of this run: its name, URL, and whether other processes reach it."""
    from pytest_pynenc_mongo import engines

    with _plainly(), engines.running(pytestconfig.stash[options.KEY]) as engine:
        yield engine


@pytest.fixture(scope="session")
def pynenc_mongo_url(pynenc_mongo_engine: "Engine") -> str:
    """The URL of the server. Override it to bring a server of your own."""
    return pynenc_mongo_engine.url


@pytest.fixture(scope="session")
def pynenc_mongo_database(pynenc_mongo_url: str) -> Generator[str]:
    """The name of a database of this run and xdist worker, dropped at the end."""
    from pytest_pynenc_mongo import databases

    with _plainly(), databases.temporary(pynenc_mongo_url) as name:
        yield name


@pytest.fixture
def pynenc_app_config() -> Mapping[str, Any]:
    """More pynenc `config_values` for the app under test, for example its runner. Override it."""
    return {}


@pytest.fixture
def pynenc_app(
    request: pytest.FixtureRequest,
    pynenc_mongo_url: str,
    pynenc_mongo_database: str,
    pynenc_app_config: Mapping[str, Any],
) -> Generator["Pynenc"]:
    """The app under test, on the test database; afterwards emptied, and the app exactly as it was.

    The one app in the test module, else the one that the ini `pynenc_app` names, else a new one.
    """
    from pytest_pynenc_mongo import apps, databases, wiring

    settings = wiring.settings(pynenc_mongo_url, pynenc_mongo_database, pynenc_app_config)
    app_path = request.config.stash[options.KEY].app_path
    with _plainly():
        app = apps.find(getattr(request, "module", None), app_path)
        with wiring.rewired(app, settings):
            try:
                yield app
            finally:
                databases.purge(pynenc_mongo_url, pynenc_mongo_database)


@pytest.fixture
def pynenc_runner(pynenc_app: "Pynenc") -> Generator["BaseRunner"]:
    """The app's runner, in a thread of the test process; ThreadRunner where the app has none."""
    from pytest_pynenc_mongo import runners

    with _plainly(), runners.running_thread(pynenc_app) as runner:
        yield runner


@pytest.fixture
def pynenc_worker(pynenc_app: "Pynenc", tmp_path: Path) -> Generator["Worker"]:
    """A worker in another operating-system process: `.pid`, `.log`, `.stop()`, `.kill()`."""
    from pytest_pynenc_mongo import runners

    with _plainly():
        worker = runners.start_worker(pynenc_app, tmp_path)
        try:
            yield worker
        finally:
            worker.stop()


@contextmanager
def _plainly() -> Generator[None]:
    """Show what we have to say without our traceback: the message names the thing and the remedy."""
    from pynenc_mongo.errors import PynencMongoError

    try:
        yield
    except (PynencMongoTestError, PynencMongoError) as error:
        pytest.fail(str(error), pytrace=False)
