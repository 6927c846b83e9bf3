"""The engines that the backends are tested on, each started once for a test process."""

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from pynenc import Pynenc

from pytest_pynenc_mongo import databases, engines, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.options import EMBEDDED_URL, Options

ENGINES = ("process", "served", "embedded")

_OWNER = """
import sys
from pynenc_mongo.storage.serving import serve
served = serve()
print(served.url, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def process_url() -> str:
    """A mongomock store of this process."""
    return "mongomock://"


@pytest.fixture(scope="session")
def served_url() -> Iterator[str]:
    """A mongomock store that another process owns, so that every command crosses a socket."""
    with subprocess.Popen(
        [sys.executable, "-c", _OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        yield owner.stdout.readline().decode().strip()
        owner.kill()


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    """SecantusDB in a child process: the real wire."""
    with engines.running(Options(EMBEDDED_URL, "tests", "")) as engine:
        yield engine.url


@pytest.fixture(scope="session", params=ENGINES)
def any_url(request: pytest.FixtureRequest) -> str:
    """The URL of each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


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
