"""A database that somebody else drops, indexes and all, comes back with its indexes."""

from typing import Any, TypedDict

import pytest
from pymongo.collection import Collection
from pymongo.operations import IndexModel

from pynenc_mongo.conf.config_mongo import ConfigMongo
from pynenc_mongo.storage import collections
from pynenc_mongo.storage.collections import Collections, CollectionSpec


class OrderDoc(TypedDict):
    _id: int
    number: int


ORDERS = CollectionSpec("orders", OrderDoc, (IndexModel("number", name="number", unique=True),))


@pytest.fixture
def shop(place: tuple[str, str]) -> Collections:
    url, name = place
    conf = ConfigMongo(config_values={"mongo_url": url, "mongo_db": name})
    return Collections(conf, "shop", "component", [ORDERS])


def indexes_of(orders: Collection[Any]) -> set[str]:
    return set(orders.index_information()) - {"_id_"}


def test_a_write_that_a_unique_index_decides_on_finds_it(shop: Collections) -> None:
    shop.indexed(ORDERS).insert_one({"_id": 1, "number": 1})
    shop.database.client.drop_database(shop.database.name)
    orders = shop.ruled(ORDERS)
    assert indexes_of(orders) == {"number"}


def test_any_other_write_makes_it_after_a_while(shop: Collections, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.indexed(ORDERS).insert_one({"_id": 1, "number": 1})
    shop.database.client.drop_database(shop.database.name)
    shop.indexed(ORDERS).insert_one({"_id": 1, "number": 1})
    assert indexes_of(shop.existing(ORDERS)) == set()
    monkeypatch.setattr(collections, "_SURE_SECONDS", 0.0)
    assert indexes_of(shop.indexed(ORDERS)) == {"number"}
