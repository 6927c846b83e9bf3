"""The server that spoils commands does to each what its judge says, and leaves the others alone."""

from collections.abc import Iterator
from functools import partial

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, NotPrimaryError, OperationFailure

from tests.faulty import (
    NOT_PRIMARY,
    UNAUTHORIZED,
    Broken,
    FaultyServer,
    Refused,
    faulty,
    named,
    only,
)
from tests.storage.helpers import raised

type Shop = MongoClient[dict[str, object]]


@pytest.fixture
def server(any_url: str) -> Iterator[FaultyServer]:
    with faulty(any_url) as server:
        yield server


@pytest.fixture
def shop(server: FaultyServer) -> Iterator[Shop]:
    yield from _opened(server.url)
    for upstream in _opened(server.upstream):
        upstream.drop_database("faulty")


def _opened(url: str) -> Iterator[Shop]:
    client: Shop = MongoClient(url, serverSelectionTimeoutMS=2000)
    with client:
        yield client


def test_what_nobody_spoils_arrives(server: FaultyServer, shop: Shop) -> None:
    shop["faulty"]["orders"].insert_one({"_id": 1})
    assert shop["faulty"]["orders"].find_one({}) == {"_id": 1}
    assert server.seen == ["insert", "find"]


def test_a_refused_command_is_not_run(server: FaultyServer, shop: Shop) -> None:
    server.judge = named(Refused(UNAUTHORIZED), "insert")
    orders = shop["faulty"]["orders"]
    assert raised(OperationFailure, lambda: orders.insert_one({"_id": 1})).code == UNAUTHORIZED
    assert list(orders.find({})) == []


def test_a_server_that_is_not_primary(server: FaultyServer, shop: Shop) -> None:
    server.judge = named(Refused(NOT_PRIMARY), "update")
    orders = shop["faulty"]["orders"]
    raised(NotPrimaryError, lambda: orders.update_many({}, {"$set": {"paid": True}}))
    assert server.struck == ["update"]


@pytest.mark.parametrize(("how", "stored"), [(Broken.BEFORE, 0), (Broken.AFTER, 1)])
def test_a_connection_that_breaks(server: FaultyServer, shop: Shop, how: Broken, stored: int) -> None:
    orders = shop["faulty"]["orders"]
    server.judge = only(1, how)
    for plain in _opened(f"{server.url}&retryWrites=false"):
        raised(AutoReconnect, partial(plain["faulty"]["orders"].insert_one, {"_id": 2}))
    assert orders.count_documents({}) == stored


def test_a_server_that_is_away_and_comes_back(server: FaultyServer, shop: Shop) -> None:
    shop["faulty"]["orders"].insert_one({"_id": 1})
    server.stop()
    raised(AutoReconnect, lambda: shop["faulty"]["orders"].count_documents({}))
    server.start()
    for again in _opened(server.url):
        assert again["faulty"]["orders"].count_documents({}) == 1


def test_the_driver_repeats_a_single_write_on_a_replica_set_alone(
    replica_set_url: str, embedded_url: str
) -> None:
    assert _insert_once_broken(replica_set_url) == "written"
    assert _insert_once_broken(embedded_url) == "lost"


def _insert_once_broken(url: str) -> str:
    with faulty(url, only(1, Broken.BEFORE)) as server:
        for shop in _opened(server.url):
            try:
                shop["faulty"]["orders"].insert_one({})
            except AutoReconnect:
                return "lost"
    return "written"
