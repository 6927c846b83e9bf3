"""The engines that the backends are tested on, each started once for a test process."""

import os
import uuid
from collections.abc import Iterator

import pytest
from pynenc import Pynenc

from pynenc_mongo import start_mongomock_server
from pynenc_mongo.storage import client
from pytest_pynenc_mongo import databases, expected_warnings, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests import secantus_main
from tests.commands import CommandLog, logged_commands
from tests.engines import WITH_INDEXES, engines_of, server_of
from tests.found_once import found_once
from tests.storage.helpers import address_of, new_name


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Warnings are errors, but for pynenc's own; not all tests get their app from the plugin."""
    expected_warnings.ignore()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `any_url` on each engine, one that asks for `indexed_url` where they count."""
    engines = engines_of(metafunc.config)
    indexed = [engine for engine in engines if engine in WITH_INDEXES]
    for name, chosen in (("any_url", engines), ("indexed_url", indexed)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, chosen, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def apps_are_made_fast() -> Iterator[None]:
    with found_once():
        yield


@pytest.fixture(scope="session")
def mongomock_url() -> Iterator[str]:
    """mongomock behind the wire, in a child process."""
    with start_mongomock_server() as server:
        yield server.url
        client.close_server(server.url)


@pytest.fixture(scope="session")
def embedded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SecantusDB in a child process, as `embedded://` has it, but for the user: the real wire."""
    with secantus_main.running(secantus_main.standalone, tmp_path_factory.mktemp("embedded")) as url:
        yield url
        client.close_server(url)


@pytest.fixture(scope="session")
def replica_set_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SecantusDB as a replica set of one, in a child process: there the driver retries single writes.

    It runs a retried one twice where operations have a time limit, as ours have: tests/test_secantus.py.
    """
    directory = tmp_path_factory.mktemp("replica-set")
    with secantus_main.running(secantus_main.replica_set, directory) as url:
        yield url
        client.close_server(url)


@pytest.fixture(scope="session")
def server_url(pytestconfig: pytest.Config) -> str:
    """The server whose URL was given to this run."""
    return server_of(pytestconfig)


@pytest.fixture(scope="session")
def any_url(request: pytest.FixtureRequest) -> str:
    """The URL of each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def indexed_url(request: pytest.FixtureRequest) -> str:
    """The URL of each engine in turn that plans its queries."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PYNENC__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def place(any_url: str) -> Iterator[tuple[str, str]]:
    """A URL and the name of a database that nothing was ever stored in, on each engine in turn."""
    name = new_name()
    yield any_url, name
    client.client_at(address_of(any_url, name)).drop_database(name)
    client.close_server(any_url)


@pytest.fixture
def commands(any_url: str) -> Iterator[CommandLog]:
    """What the code under test sends to the engine."""
    with logged_commands(any_url) as log:
        yield log


@pytest.fixture(scope="session")
def database_name(any_url: str) -> Iterator[str]:
    with TestServer(any_url).lend(databases.new_name("pynenc_test")) as database:
        yield database.name


@pytest.fixture
def mongo_app(any_url: str, database_name: str) -> Iterator[Pynenc]:
    """A new app on each engine in turn; what another test left running does not know its id."""
    database = TestDatabase(TestServer(any_url), database_name)
    settings = wiring.settings(database)
    yield Pynenc(config_values={**settings.values, "app_id": f"contract-{uuid.uuid4().hex[:8]}"})
    database.purge()
