"""What a document may be: by its TypedDict, where it is written, asked for and read."""

import re
from functools import partial
from typing import Any, NotRequired, TypedDict

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from pynenc_mongo.errors import MongoDocumentError, MongoSchemaError, MongoValueError
from pynenc_mongo.storage import verbs
from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.conditions import Condition, among, other_than, present
from pynenc_mongo.storage.shapes import Kind, decodes
from tests.commands import CommandLog
from tests.storage.helpers import raised


class InnerDoc(TypedDict):
    text: NotRequired[str]


class OrderDoc(TypedDict):
    _id: str
    number: int
    owner: str | None
    tags: NotRequired[list[str]]
    price: NotRequired[float]
    paid: NotRequired[bool]
    inner: NotRequired[InnerDoc]


ORDERS = CollectionSpec("orders", OrderDoc)
ORDER: OrderDoc = {"_id": "1", "number": 5, "owner": None}


@pytest.fixture
def orders(database: Database[Any]) -> Collection[OrderDoc]:
    return ORDERS.at(database, "orders")


@pytest.mark.parametrize(
    ("hint", "value", "holds"),
    [
        (str, "", True),
        (str, b"", False),
        (int, 5, True),
        (int, True, False),
        (bool, True, True),
        (float, 5.0, True),
        (float, 5, False),
        (str | None, None, True),
        (str | None, 5, False),
        (list[str], ["a"], True),
        (list[str], ["a", 5], False),
        (list[str], "a", False),
        (InnerDoc, {"text": "a"}, True),
        (InnerDoc, {"text": None}, False),
        (InnerDoc, {}, True),
        (InnerDoc, [], False),
    ],
)
def test_a_kind_holds_what_its_type_hint_says(hint: Any, value: Any, holds: bool) -> None:
    assert Kind.of(hint).holds(value) is holds


def test_a_document_bears_the_version_of_its_schema_and_comes_back(orders: Collection[OrderDoc]) -> None:
    verbs.put(orders, ORDER)
    assert verbs.find_one(orders, {"_id": "1"}) == {**ORDER, "schema_version": 1}
    verbs.upsert_where(orders, {"_id": "2"}, {"$set": {"number": 6, "owner": None}})
    assert verbs.count(orders, {"schema_version": 1}) == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"number": "5"}, "number in .*orders is given as '5', of type str: it has to be an integer"),
        ({"owner": 5}, "owner in .* is given as 5, of type int: it has to be a text or None"),
        ({"tags": ["a", 5]}, r"tags in .* is given as \['a', 5\], .* a list, each of it a text"),
        ({"_id": {"$ne": None}}, r"_id in .* is given as {'\$ne': None}, of type dict: it has to be a text"),
    ],
)
def test_what_does_not_fit_is_not_written(
    commands: CommandLog, orders: Collection[OrderDoc], changed: dict[str, Any], said: str
) -> None:
    wrong: Any = {**ORDER, **changed}
    assert re.search(said, str(raised(MongoValueError, lambda: verbs.put(orders, wrong))))
    raised(MongoValueError, lambda: verbs.insert_missing(orders, wrong))
    raised(MongoValueError, lambda: verbs.insert_all_missing(orders, [ORDER, wrong]))
    raised(MongoValueError, lambda: verbs.put_many(orders, [ORDER, wrong]))
    raised(MongoValueError, lambda: verbs.update(orders, {}, {"$set": changed}))
    assert commands.sent == []


@pytest.mark.parametrize("value", [{"$ne": None}, re.compile(""), ["1"], None, 1, {"a": 1}, {"$in": ["1"]}])
def test_what_is_handed_in_is_no_condition(
    commands: CommandLog, orders: Collection[OrderDoc], value: Any
) -> None:
    for wanted in ({"_id": value}, {"$or": [{"_id": value}]}, {"_id": among([value])}):
        raised(MongoValueError, partial(verbs.find_one, orders, wanted))
        raised(MongoValueError, partial(verbs.delete_all, orders, wanted))
        raised(MongoValueError, partial(verbs.update, orders, wanted, {"$set": {"number": 1}}))
    assert commands.sent == []


def test_our_own_conditions_are_asked(orders: Collection[OrderDoc]) -> None:
    verbs.put(orders, {**ORDER, "tags": ["red"]})
    for wanted in (
        {"_id": among(["1", "2"])},
        {"owner": None, "number": other_than(6)},
        {"tags": "red"},
        {"tags": present()},
        {"number": Condition({"$not": Condition({"$gt": 5})})},
    ):
        assert verbs.count(orders, wanted) == 1


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"number": "5", "owner": None}, "its number is '5', and should be an integer"),
        ({"owner": None}, "its number is missing, and should be an integer"),
        ({"number": 5, "owner": None, "inner": {"text": None}}, "its inner is .*, and should be a document"),
        ({"number": 5, "owner": None, "schema_version": "1"}, "its schema_version is '1'"),
        ({"number": 5, "owner": None, "schema_version": None}, "its schema_version is None"),
    ],
)
def test_what_is_none_of_ours_is_named(
    orders: Collection[OrderDoc], document: dict[str, Any], said: str
) -> None:
    untyped: Collection[Any] = orders.database["orders"]
    untyped.insert_one({"_id": "the one", "schema_version": 1, **document})
    error = raised(MongoDocumentError, lambda: verbs.find_one(orders, {"_id": "the one"}))
    assert re.search(rf"the document 'the one' in .*orders is none of ours: {said}.*delete it", str(error))
    raised(MongoDocumentError, lambda: verbs.find_all(orders, {}))
    raised(MongoDocumentError, lambda: list(verbs.pages(orders, {})))
    raised(MongoDocumentError, lambda: verbs.pop(orders, {}))


def test_a_later_schema_is_refused_and_the_remedy_said(orders: Collection[OrderDoc]) -> None:
    untyped: Collection[Any] = orders.database["orders"]
    untyped.insert_one({**ORDER, "schema_version": 2})
    for fields in (None, ["number"]):
        error = raised(MongoSchemaError, partial(verbs.find_one, orders, {"_id": "1"}, fields))
        assert "is of version 2, and this pytest-pynenc-mongo knows 1" in str(error)
    assert list(verbs.find_by_key(orders, ["1"], ["_id"])) == ["1"]


def test_what_is_none_of_ours_makes_way(orders: Collection[OrderDoc]) -> None:
    untyped: Collection[Any] = orders.database["orders"]
    untyped.insert_one({"_id": "1", "number": "five"})
    verbs.put_many(orders, [ORDER])
    assert verbs.find_one(orders, {"_id": "1"}) == {**ORDER, "schema_version": 1}


def test_a_value_that_is_none_of_ours_is_not_among_the_distinct_ones(orders: Collection[OrderDoc]) -> None:
    untyped: Collection[Any] = orders.database["orders"]
    untyped.insert_one({**ORDER, "tags": ["red", 5], "schema_version": 1})
    assert "tags" in str(raised(MongoDocumentError, lambda: verbs.distinct(orders, "tags")))


@pytest.mark.parametrize("text", ["\ud800", "x" * (17 << 20)], ids=["a lone surrogate", "17 MiB"])
def test_what_mongodb_cannot_hold_is_named(orders: Collection[OrderDoc], text: str) -> None:
    error = raised(MongoValueError, lambda: verbs.put(orders, {**ORDER, "_id": text}))
    assert re.match(r"MongoDB cannot hold what is asked of .*orders: ", str(error))
    assert len(str(error)) < 1000


def test_a_number_that_is_too_large_is_named(orders: Collection[OrderDoc]) -> None:
    raised(MongoValueError, lambda: verbs.put(orders, {**ORDER, "number": 2**64}))


def test_what_nothing_can_be_made_of_is_named_with_its_document() -> None:
    @decodes("orders")
    def double(document: OrderDoc) -> int:
        return 2 * int(document["_id"])

    assert double({**ORDER, "_id": "21"}) == 42
    error = raised(MongoDocumentError, lambda: double({**ORDER, "_id": "many"}))
    assert str(error).startswith("the document 'many' in orders cannot be used: ValueError: invalid literal")
