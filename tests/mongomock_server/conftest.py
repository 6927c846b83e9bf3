"""A mongomock server in a child process, and one in this process whose parts a test may change."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from pynenc_mongo.mongomock_server import server
from pynenc_mongo.mongomock_server.commands import State
from pynenc_mongo.mongomock_server.process import (
    SOCKET_NAME,
    MongomockServer,
    start_mongomock_server,
    url_of,
)
from tests.mongomock_server.lines import Client


@pytest.fixture(scope="module")
def mongomock_server() -> Iterator[MongomockServer]:
    with start_mongomock_server() as running:
        yield running


@pytest.fixture(scope="module", params=["mongomock_server", "embedded_url"], ids=["mongomock", "embedded"])
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of each server in turn that speaks MongoDB's protocol."""
    running: MongomockServer | str = request.getfixturevalue(request.param)
    return running if isinstance(running, str) else running.url


@pytest.fixture
def client(mongomock_server: MongomockServer) -> Iterator[Client]:
    """A client of a server whose databases are dropped afterwards."""
    with MongoClient[dict[str, Any]](mongomock_server.url) as client:
        yield client
        for name in client.list_database_names():
            client.drop_database(name)


@pytest.fixture
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[State], str]]:
    """Serve a state in threads of this process; return the URL."""
    listeners: list[socket.socket] = []

    def serve(state: State) -> str:
        directory = Path(tmp_path_factory.mktemp("s", numbered=True))
        listeners.append(server.listen(directory / SOCKET_NAME))
        threading.Thread(target=server.serve, args=(listeners[-1], state), daemon=True).start()
        return url_of(directory)

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def starting() -> Iterator[Callable[[], MongomockServer]]:
    """Starts servers that a test may kill."""
    with ExitStack() as running:
        yield lambda: running.enter_context(start_mongomock_server())
