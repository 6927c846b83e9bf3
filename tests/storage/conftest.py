"""A database of its own for each test, on each engine in turn."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from pynenc_mongo.storage import client
from tests.storage.helpers import address_of, new_name


@pytest.fixture
def database(any_url: str, database_name: str, request: pytest.FixtureRequest) -> Iterator[Database[Any]]:
    """An empty database; `database_name` closes the clients before the engine stops."""
    if "commands" in request.fixturenames:
        request.getfixturevalue("commands")  # it closes every client when it starts to log
    address = address_of(any_url, new_name())
    yield client.database_at(address)
    client.client_at(address).drop_database(address.database)


@pytest.fixture
def things(database: Database[Any]) -> Collection[Any]:
    """An empty collection."""
    return database["things"]
