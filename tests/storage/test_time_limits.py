"""How long is waited for what: a server that is away, a primary that is yet to be elected, an answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import pymongo
import pytest
from pymongo import MongoClient, monitoring
from pymongo.database import Database
from pymongo.errors import NetworkTimeout
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.conf.config_mongo import DEFAULT_LIMITS, ClientLimits
from pynenc_mongo.errors import MongoUnreachableError
from pynenc_mongo.storage import client
from tests.electing import electing
from tests.faulty import Fault, faulty
from tests.storage.helpers import AT_ONCE_SECONDS, address_of, app_on, new_name, raised

pytestmark = pytest.mark.usefixtures("no_settings_of_the_machine")

QUICK = ClientLimits(operation_seconds=0.3, connect_seconds=0.3)
A_DAY = 24 * 3600
RESULT = InvocationId("invocation")


class _AfterFailures(monitoring.ServerHeartbeatListener):
    """Calls back when the driver has found nobody so many times."""

    def __init__(self, times: int, call: Callable[[], object]) -> None:
        self._left, self._call = times, call

    def started(self, event: monitoring.ServerHeartbeatStartedEvent) -> None:
        """Nothing: it has not failed yet."""

    def succeeded(self, event: monitoring.ServerHeartbeatSucceededEvent) -> None:
        """Nothing: somebody is there."""

    def failed(self, event: monitoring.ServerHeartbeatFailedEvent) -> None:
        self._left -= 1
        if self._left == 0:
            self._call()


# a server that is away


def test_a_process_that_starts_while_the_server_is_away_waits_for_it(mongomock_url: str) -> None:
    with faulty(mongomock_url) as server, client_that_calls(server.start, after=3):
        server.stop()
        app = app_on(server.url, new_name())
        app.state_backend._set_result(RESULT, "stored")
        assert app.state_backend._get_result(RESULT) == "stored"
        client.close_server(server.url)


def test_it_waits_no_longer_than_an_operation_may_take(mongomock_url: str) -> None:
    """The control: a server that does not come back."""
    with faulty(mongomock_url) as server:
        server.stop()
        app = app_on(server.url, new_name(), mongo_timeout_seconds=0.2)
        began = time.monotonic()
        raised(MongoUnreachableError, lambda: app.state_backend._get_result(RESULT))
        assert time.monotonic() - began < AT_ONCE_SECONDS


@contextmanager
def client_that_calls(call: Callable[[], object], *, after: int) -> Iterator[None]:
    listener = _AfterFailures(after, call)
    with mock.patch.object(client, "_Client", partial(MongoClient, event_listeners=[listener])):
        yield


# a primary that is yet to be elected


def test_a_process_that_starts_during_an_election_waits_for_the_primary() -> None:
    with electing(3) as server:
        assert client.client_at(address_of(server.url, "shop")).primary is not None
        client.close_server(server.url)


def test_an_election_without_an_end_is_reported() -> None:
    with electing(float("inf")) as server:
        error = raised(MongoUnreachableError, lambda: client.client_at(address_of(server.url, "shop"), QUICK))
        assert "No primary available for writes" in str(error)


# an answer that does not come


def test_an_operation_ends_after_its_time_whatever_the_server_does(mongomock_url: str) -> None:
    came_back = threading.Event()

    def keep_waiting(*_: object) -> Fault:
        came_back.wait(AT_ONCE_SECONDS)
        return None

    with faulty(mongomock_url) as server:
        shop = client.database_at(address_of(server.url, new_name()), QUICK)
        server.judge = keep_waiting
        began = time.monotonic()
        raised(NetworkTimeout, lambda: shop["things"].find_one({}))
        assert time.monotonic() - began < AT_ONCE_SECONDS / 2
        came_back.set()
        client.close_server(server.url)


def test_closing_a_client_ends_after_its_time_too(mongomock_url: str) -> None:
    """The driver says goodbye to the server outside of any operation."""
    address = address_of(mongomock_url, new_name())
    client.database_at(address, QUICK)["things"].find_one({})
    with MongoClient[dict[str, object]](mongomock_url) as other:
        seconds = {"blockConnection": True, "blockTimeMS": int(AT_ONCE_SECONDS * 1000)}
        data = {"failCommands": ["endSessions"], **seconds}
        other.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=data)
        began = time.monotonic()
        client.close(address, QUICK)
        assert time.monotonic() - began < AT_ONCE_SECONDS / 2
        other.admin.command("configureFailPoint", "failCommand", mode="off")


# indexes, which take as long as they take


def test_an_index_may_take_longer_than_an_operation_where_it_is_given_a_day(mongomock_url: str) -> None:
    with slow_indexes(mongomock_url) as shop, pymongo.timeout(A_DAY):
        assert shop["things"].create_index("name") == "name_1"


def test_an_index_that_is_given_no_limit_has_that_of_an_operation(mongomock_url: str) -> None:
    """The control: to the driver `None` is the client's own limit."""
    with slow_indexes(mongomock_url) as shop, pymongo.timeout(None):
        raised(NetworkTimeout, lambda: shop["things"].create_index("name"))


@contextmanager
def slow_indexes(url: str) -> Iterator[Database[Any]]:
    """Lend a database where making an index takes longer than an operation may."""
    shop = client.database_at(address_of(url, new_name()), QUICK)
    milliseconds = int(2 * QUICK.operation_seconds * 1000)
    data = {"failCommands": ["createIndexes"], "blockConnection": True, "blockTimeMS": milliseconds}
    shop.client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=data)
    yield shop
    shop.client.drop_database(shop.name)


def test_the_defaults_outlast_an_election() -> None:
    """See https://www.mongodb.com/docs/manual/core/replica-set-elections/."""
    median_seconds, until_the_others_notice_seconds = 12, 10
    assert DEFAULT_LIMITS.connect_seconds > median_seconds + until_the_others_notice_seconds
    assert DEFAULT_LIMITS.operation_seconds >= DEFAULT_LIMITS.connect_seconds
