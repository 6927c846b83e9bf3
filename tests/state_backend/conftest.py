"""The state backend of a new app, on each engine in turn."""

from typing import Any

import pytest
from pynenc import Pynenc

from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend


@pytest.fixture
def state_backend(mongo_app: Pynenc, request: pytest.FixtureRequest) -> MongoStateBackend[Any, Any]:
    if "commands" in request.fixturenames:
        request.getfixturevalue("commands")  # it closes every client when it starts to log
    assert isinstance(mongo_app.state_backend, MongoStateBackend)
    return mongo_app.state_backend


@pytest.fixture
def frugal_backend(mongo_app: Pynenc, request: pytest.FixtureRequest) -> MongoStateBackend[Any, Any]:
    """A state backend whose documents hold few bytes, so that small texts are large."""
    mongo_app.config_values = {**(mongo_app.config_values or {}), "chunk_threshold": 100}
    backend: MongoStateBackend[Any, Any] = request.getfixturevalue("state_backend")
    return backend
