"""References to other documents: paths lead into them, and joins follow them."""

from typing import Any

import pytest
from bson import DBRef

from tests.mongomock_server.lines import Client


@pytest.fixture
def shop(client: Client) -> Any:
    client.shop.orders.insert_many([{"_id": number} for number in range(4)])
    client.shop.bills.insert_many([{"_id": number, "order": DBRef("orders", number)} for number in (1, 2)])
    client.shop.bills.update_one({"_id": 2}, {"$set": {"orders": [DBRef("orders", 3), DBRef("orders", 9)]}})
    return client.shop


WANTED: dict[str, tuple[dict[str, Any], list[int]]] = {
    "by the key in it": ({"order.$id": 1}, [1]),
    "by one of several keys": ({"order.$id": {"$in": [2, 3]}}, [2]),
    "by the key in one of an array": ({"orders.$id": 3}, [2]),
    "by the collection in it": ({"order.$ref": "orders"}, [1, 2]),
    "by itself": ({"order": DBRef("orders", 2)}, [2]),
    "by itself, among others": ({"order": {"$in": [DBRef("orders", 2)]}}, [2]),
    "by itself, in an array": ({"orders": DBRef("orders", 9)}, [2]),
    "by another one": ({"order": {"$ne": DBRef("orders", 2)}}, [1]),
    "by one or the other": ({"$or": [{"order": DBRef("orders", 2)}, {"_id": 1}]}, [1, 2]),
}


@pytest.mark.parametrize(("wanted", "keys"), WANTED.values(), ids=WANTED)
def test_documents_are_found(shop: Any, wanted: dict[str, Any], keys: list[int]) -> None:
    assert [bill["_id"] for bill in shop.bills.find(wanted)] == keys
    assert [bill["_id"] for bill in shop.bills.aggregate([{"$match": wanted}])] == keys
    assert shop.bills.update_many(wanted, {"$set": {"seen": True}}).matched_count == len(keys)
    assert shop.bills.delete_many(wanted).deleted_count == len(keys)


def test_they_come_back_as_they_went(shop: Any) -> None:
    assert shop.bills.find_one({"_id": 1}) == {"_id": 1, "order": DBRef("orders", 1)}
    assert shop.dereference(shop.bills.find_one({"_id": 1})["order"]) == {"_id": 1}
    upserted = shop.bills.update_one({"order": DBRef("orders", 3)}, {"$set": {"n": 1}}, upsert=True)
    assert shop.bills.find_one({"_id": upserted.upserted_id})["order"] == DBRef("orders", 3)


@pytest.mark.parametrize(
    ("local", "orders"), [("order.$id", [[1], [2]]), ("orders.$id", [[], [3]]), ("n", [[], []])]
)
def test_a_join_follows_them(shop: Any, local: str, orders: list[list[int]]) -> None:
    join = {"from": "orders", "localField": local, "foreignField": "_id", "as": "found"}
    bills = shop.bills.aggregate([{"$lookup": join}])
    assert [[order["_id"] for order in bill["found"]] for bill in bills] == orders


def test_a_join_through_a_pipeline(shop: Any) -> None:
    join = {"from": "orders", "localField": "order.$id", "foreignField": "_id", "as": "found"}
    stages = [{"$lookup": {**join, "pipeline": [{"$match": {"_id": {"$gt": 1}}}]}}]
    assert [bill["found"] for bill in shop.bills.aggregate(stages)] == [[], [{"_id": 2}]]
