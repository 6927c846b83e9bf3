"""The benchmarks' app on a database of its own, on each engine in turn."""

from collections.abc import Iterator

import pytest
from pynenc import Pynenc
from pynenc import context as pynenc_context

from benchmarks.shop import app as shop
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.budgets.phases import live
from tests.commands import CommandLog


@pytest.fixture
def url(place: tuple[str, str]) -> str:
    return place[0]


@pytest.fixture
def database(place: tuple[str, str]) -> str:
    return place[1]


@pytest.fixture
def app(url: str, database: str, commands: CommandLog) -> Iterator[Pynenc]:
    """An app that has stored nothing yet, in a process that has not told the store its name either."""
    pynenc_context.clear_runner_context(shop.app_id)
    with wiring.rewired(shop, wiring.settings(TestDatabase(TestServer(url), database))):
        yield shop
    pynenc_context.clear_runner_context(shop.app_id)


@pytest.fixture
def used_app(app: Pynenc, commands: CommandLog) -> Pynenc:
    """The app after its first task."""
    live(app, commands)
    return app
