"""The hooks, each handed on in one line; nothing heavy is imported before a fixture is used."""

import pytest

from pytest_pynenc_mongo import options
from pytest_pynenc_mongo.fixtures import (
    pynenc_app,
    pynenc_app_config,
    pynenc_mongo_database,
    pynenc_mongo_engine,
    pynenc_mongo_url,
    pynenc_runner,
    pynenc_worker,
)

__all__ = [
    "pynenc_app",
    "pynenc_app_config",
    "pynenc_mongo_database",
    "pynenc_mongo_engine",
    "pynenc_mongo_url",
    "pynenc_runner",
    "pynenc_worker",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[options.KEY] = options.read(config)


def pytest_collection_finish(session: pytest.Session) -> None:
    options.check_app(session)
