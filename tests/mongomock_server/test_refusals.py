"""What mongomock would do wrongly in silence is refused, or done as a server does it."""

from typing import Any

import pytest
from bson import Int64, Timestamp
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.mongomock_server.lines import Client

NOT_IMPLEMENTED = 238

UPDATES: dict[str, tuple[Any, int]] = {
    "a field changed twice": ({"$set": {"a": 1}, "$inc": {"a": 9}}, 40),
    "a field and one within it": ({"$set": {"n": {}}, "$inc": {"n.k": 9}}, 40),
    "a field within a number": ({"$set": {"a.b": 1}}, 28),
    "an operator that nobody knows": ({"$foo": {"a": 1}}, 9),
    "fields that are none": ({"$set": 5}, 9),
    "$mul": ({"$mul": {"a": 2}}, NOT_IMPLEMENTED),
    "$bit": ({"$bit": {"a": {"and": 1}}}, NOT_IMPLEMENTED),
    "all of an array": ({"$set": {"list.$[]": 0}}, NOT_IMPLEMENTED),
    "another key": ({"$set": {"_id": 2}}, 66),
    "a stage that is missing": ([{"$unset": "a"}], NOT_IMPLEMENTED),
}

FINDS: dict[str, tuple[dict[str, Any], int]] = {
    "a field that find does not have": ({"fliter": {}}, 40415),
    "a computed field": ({"projection": {"b": "$a"}}, NOT_IMPLEMENTED),
    "an expression": ({"projection": {"b": {"$add": ["$a", 1]}}}, NOT_IMPLEMENTED),
    "the position that was found": ({"filter": {"list": 2}, "projection": {"list.$": 1}}, NOT_IMPLEMENTED),
    "collation": ({"collation": {"locale": "de"}}, NOT_IMPLEMENTED),
    "variables": ({"let": {"v": 1}}, NOT_IMPLEMENTED),
    "$where": ({"filter": {"$where": "true"}}, NOT_IMPLEMENTED),
    "$text": ({"filter": {"$text": {"$search": "a"}}}, NOT_IMPLEMENTED),
    "$mod": ({"filter": {"a": {"$mod": [2, 0]}}}, NOT_IMPLEMENTED),
    "an operator that nobody knows": ({"filter": {"a": {"$foo": 1}}}, 2),
    "an index that there is not": ({"hint": "a_1"}, 2),
    "a strange order": ({"sort": {"a": 2}}, 2),
    "fewer than no documents": ({"limit": -1}, 2),
}


@pytest.fixture
def shop(client: Client) -> Any:
    client.shop.orders.insert_one({"_id": 1, "a": 5, "list": [1, 2, 3], "n": {"k": 1, "l": 2}})
    return client.shop


@pytest.mark.parametrize(("change", "code"), UPDATES.values(), ids=UPDATES)
def test_an_update_that_is_refused_changes_nothing(shop: Any, change: Any, code: int) -> None:
    before = shop.orders.find_one()
    with pytest.raises(OperationFailure) as refused:
        shop.orders.update_one({"_id": 1}, change)
    assert refused.value.code == code
    with pytest.raises(OperationFailure) as refused:
        shop.orders.find_one_and_update({"_id": 1}, change)
    assert refused.value.code == code
    assert shop.orders.find_one() == before


@pytest.mark.parametrize(("fields", "code"), FINDS.values(), ids=FINDS)
def test_a_find_that_is_refused(shop: Any, fields: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        shop.command({"find": "orders", **fields})
    assert refused.value.code == code


def test_a_statement_with_an_unknown_field_stops_the_whole_command(shop: Any) -> None:
    sets = {"q": {}, "u": {"$set": {"a": 6}}}
    with pytest.raises(OperationFailure, match=r"'update\.updates\.sort' is an unknown field"):
        shop.command("update", "orders", updates=[sets, {**sets, "sort": {"a": 1}}])
    assert shop.orders.find_one()["a"] == 5


@pytest.mark.parametrize("expression", [5, {"a": {"$foo": 3}}, {"$and": 5}, {"$nor": [{"a": 1}]}], ids=str)
def test_a_partial_index_with_a_filter_that_it_cannot_have(shop: Any, expression: Any) -> None:
    with pytest.raises(OperationFailure):
        shop.orders.create_index("a", partialFilterExpression=expression)
    assert list(shop.orders.index_information()) == ["_id_"]


@pytest.mark.parametrize("name", ["mapReduce", "collMod", "profile"])
def test_a_command_that_is_missing(shop: Any, name: str) -> None:
    with pytest.raises(OperationFailure, match=f"mongomock has no {name}") as refused:
        shop.command(name, "orders")
    assert refused.value.code == NOT_IMPLEMENTED


def test_change_streams_are_for_replica_sets(shop: Any) -> None:
    with pytest.raises(OperationFailure, match="only supported on replica sets") as refused:
        shop.orders.watch()
    assert refused.value.code == 40573


@pytest.mark.parametrize("limit", [0, -1])
def test_a_pipeline_that_limits_to_nothing(shop: Any, limit: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        shop.orders.aggregate([{"$limit": limit}])
    assert refused.value.code == 15958


@pytest.mark.parametrize(("key", "code"), [([1], 53), ({"$a": 1}, 52)], ids=str)
def test_keys_that_no_document_can_have(shop: Any, key: Any, code: int) -> None:
    with pytest.raises(OperationFailure) as refused:
        shop.orders.insert_one({"_id": key})
    assert refused.value.code == code


def test_projections(shop: Any) -> None:
    assert shop.orders.find_one({}, {"list": {"$slice": 1}, "n": 0}) == {"_id": 1, "a": 5, "list": [1]}
    assert shop.orders.find_one({}, {"list": {"$slice": -1}}) == {
        "_id": 1,
        "a": 5,
        "list": [3],
        "n": {"k": 1, "l": 2},
    }
    assert shop.orders.find_one({}, {"n": {"k": 1}}) == {"_id": 1, "n": {"k": 1}}
    assert shop.orders.find_one({}, {"_id": 0, "a": 1.0}) == {"a": 5}


def test_an_update_by_stages_keeps_the_key(shop: Any) -> None:
    shop.orders.update_one({"_id": 1}, [{"$replaceRoot": {"newRoot": "$n"}}])
    assert shop.orders.find_one() == {"_id": 1, "k": 1, "l": 2}


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        (None, ("null", 10)),
        (7, ("int", 16)),
        (Int64(7), ("long", 18)),
        (1 << 40, ("long", 18)),
        (1.5, ("double", 1)),
        (Decimal128("1"), ("decimal", 19)),
        (Timestamp(1, 1), ("timestamp", 17)),
        (True, ("bool", 8)),
        (b"", ("binData", 5)),
    ],
    ids=repr,
)
def test_types_by_name_and_number(client: Client, value: Any, kinds: tuple[str, int]) -> None:
    client.shop.values.insert_one({"value": value})
    kept = client.shop.values
    assert [kept.count_documents({"value": {"$type": kind}}) for kind in kinds] == [1, 1]
    others = {"null", "int", "long", "double", "timestamp", "bool", "string"} - {kinds[0]}
    assert not any(kept.count_documents({"value": {"$type": kind}}) for kind in others)


def test_distinct_in_the_order_in_which_values_are_found(client: Client) -> None:
    values = [33, 11, [22, 11], True, 1, {"b": 1}, {"b": 1}, None]
    client.shop.orders.insert_many([{"x": value} for value in values])
    assert client.shop.orders.distinct("x") == [33, 11, 22, True, 1, {"b": 1}, None]


def test_the_hint_of_an_index_gives_its_order(client: Client) -> None:
    client.shop.orders.insert_many([{"n": number} for number in range(3)])
    client.shop.orders.create_index([("n", -1)], name="backwards", background=True)
    assert [each["n"] for each in client.shop.orders.find().hint("backwards")] == [2, 1, 0]
    assert [each["n"] for each in client.shop.orders.find().hint([("$natural", -1)])] == [2, 1, 0]
    assert client.shop.orders.index_information()["backwards"]["background"] is True


def test_an_exhaust_cursor_gets_its_batches_without_asking(mongomock_server: Any, client: Client) -> None:
    from pymongo import CursorType

    client.shop.orders.insert_many([{"n": number} for number in range(250)])
    with MongoClient[dict[str, Any]](mongomock_server.url, maxPoolSize=1) as other:
        cursor = other.shop.orders.find(cursor_type=CursorType.EXHAUST, batch_size=20)
        assert [each["n"] for each in cursor] == [*range(250)]
        assert other.shop.orders.find_one({"n": 3})  # the connection is good for more


def test_a_collection_stays_when_its_last_document_goes(shop: Any) -> None:
    shop.orders.delete_many({})
    assert shop.list_collection_names() == ["orders"]


def test_a_limit_of_time_can_be_made_to_strike(shop: Any) -> None:
    shop.orders.insert_many([{} for _ in range(5)])
    cursor = shop.orders.find(batch_size=2).max_time_ms(1000)
    next(cursor)
    shop.client.admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="alwaysOn")
    try:
        assert shop.orders.find_one()  # has no limit
        for slow in (lambda: list(cursor), lambda: shop.orders.find_one(max_time_ms=1000)):
            with pytest.raises(OperationFailure) as late:
                slow()
            assert late.value.code == 50
    finally:
        shop.client.admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="off")
