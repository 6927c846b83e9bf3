"""Looking by key finds what mongomock finds, and a change that fails changes nothing."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import mongomock
import pytest
from bson import Int64, ObjectId
from hypothesis import assume, given
from hypothesis import strategies as st

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.mongomock_server.replies import CommandError, translated
from tests.storage.helpers import raised

_KEYS = st.one_of(
    st.sampled_from(["a", "b", "c", ""]),
    st.integers(0, 2),
    st.integers(0, 2).map(Int64),
    st.sampled_from([ObjectId("0" * 24), ObjectId("1" * 24)]),
    st.binary(max_size=1),
    st.none(),
    st.floats(0, 2),
)
_VALUES = st.one_of(
    st.sampled_from(["x", "y", ""]), st.integers(0, 2), st.none(), st.lists(st.just("x"), max_size=2)
)
_FIELDS = st.dictionaries(st.sampled_from(["f", "g"]), _VALUES, max_size=2)
_CONDITIONS = st.one_of(
    _KEYS,
    st.lists(_KEYS, max_size=3).map(lambda keys: {"$in": keys}),
    _KEYS.map(lambda key: {"$gt": key}),
    st.just({"$exists": True}),
)
_FILTERS = st.one_of(
    st.fixed_dictionaries({"_id": _CONDITIONS}, optional={"f": _VALUES}),
    _FIELDS,
    st.fixed_dictionaries({"f": st.just({"$exists": False})}),
    st.fixed_dictionaries(
        {"f": st.lists(st.sampled_from(["x", "y"]), max_size=2).map(lambda texts: {"$in": texts})},
        optional={"g": _VALUES},
    ),
)
_ORDERS = st.lists(st.tuples(st.sampled_from(["f", "g", "_id"]), st.sampled_from([1, -1])), max_size=2)


def stored_in(collection: Any, documents: Sequence[dict[str, Any]]) -> None:
    for document in documents:
        collection.insert_one(dict(document))


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = draw(st.lists(_KEYS, unique=True, max_size=6))
    return [{"_id": key, **draw(_FIELDS)} for key in keys]


@given(documents(), _FILTERS, _ORDERS, st.integers(0, 2), st.integers(0, 2))
def test_it_finds_what_mongomock_finds(
    stored: list[dict[str, Any]], wanted: dict[str, Any], order: list[tuple[str, int]], skip: int, limit: int
) -> None:
    plain: Any = mongomock.MongoClient().shop.things
    quick = lookup.collection_in(lookup.open_client(), "shop", "things")
    stored_in(plain, stored)
    stored_in(quick, stored)
    if isinstance(wanted.get("_id"), dict) and not order:
        skip = limit = 0  # keys that are named are found in their own order, so only all of them compare
    try:
        expected = [
            document["_id"] for document in plain.find(wanted, skip=skip, limit=limit, sort=order or None)
        ]
    except TypeError:  # mongomock compares less than a server does
        with pytest.raises(TypeError):
            list(lookup.find(quick, wanted, order, skip=skip, limit=limit))
        return
    found = [document["_id"] for document in lookup.find(quick, wanted, order, skip=skip, limit=limit)]
    if order or not isinstance(wanted.get("_id"), dict):
        assert found == expected
    else:
        assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_mongomock_has_what_is_needed_of_it() -> None:
    collection = lookup.open_client().shop.things
    collection.insert_one({"_id": 1})
    for cls, names in lookup.NEEDED.items():
        assert [name for name in names if not hasattr(cls, name)] == []
    assert [name for name in lookup.NEEDED_OF_A_STORE if not hasattr(collection._store, name)] == []
    assert list(collection._store._documents) == [1]
    assert [name for name in lookup.NEEDED_OF_A_DATABASE if not attrgetter(name)(collection.database)] == []


def test_collections_that_are_not_there_take_no_place() -> None:
    client = lookup.open_client()
    for name in ("asked for", "stored", "dropped"):
        list(lookup.find(lookup.collection_in(client, "shop", name), {}))
    for name in ("stored", "dropped"):
        lookup.insert(lookup.collection_in(client, "shop", name), {"_id": 1})
    lookup.collection_in(client, "shop", "dropped").drop()
    assert lookup.names_in(client, "shop") == ["stored"]
    assert list(client.shop._store._collections) == ["stored"]
    assert list(client.shop._collection_accesses) == ["stored"]
    assert len(list(lookup.find(lookup.collection_in(client, "shop", "stored"), {}))) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"$set": {"a": 1}, "$inc": {"text": 1}}, 14, id="a later operator fails"),
        pytest.param({"$set": {"_id": 2}}, 66, id="another key"),
        pytest.param({"_id": 2, "a": 1}, 66, id="a replacement with another key"),
        pytest.param({"$set": {"unique": 1}}, 11000, id="a unique value that is taken"),
        pytest.param({"$set": {"a": 2**70}}, 2, id="a number that BSON has not"),
    ],
)
def test_a_failed_change_leaves_the_document_as_it_was(change: dict[str, Any], code: int) -> None:
    collection = lookup.collection_in(lookup.open_client(), "shop", "things")
    lookup.create_index(collection, {"key": {"unique": 1}, "unique": True, "name": "unique"})
    before = {"_id": 1, "text": "x", "list": [{"deep": 1}], "unique": 2}
    lookup.insert(collection, dict(before))
    lookup.insert(collection, {"_id": 5, "unique": 1})
    with pytest.raises(Exception) as failed:
        lookup.update(collection, {"_id": 1}, change, multi=False, upsert=False)
    assert isinstance(failed.value, Exception)
    assert translated(failed.value).code == code
    assert list(lookup.find(collection, {"_id": 1})) == [before]


@given(first=_FIELDS, second=_FIELDS, sparse=st.booleans())
def test_a_unique_value_is_refused_where_mongomock_refuses_it(
    first: dict[str, Any], second: dict[str, Any], sparse: bool
) -> None:
    # mongomock fails of a list in a sparse index
    assume(not sparse or not any(isinstance(each.get("f"), list) for each in (first, second)))
    collection = lookup.collection_in(lookup.open_client(), "shop", "things")
    lookup.create_index(collection, {"key": {"f": 1}, "name": "f", "unique": True, "sparse": sparse})
    lookup.insert(collection, {"_id": 1, **first})
    theirs: Any = mongomock.MongoClient()["shop"]["things"]
    theirs.create_index([("f", 1)], unique=True, sparse=sparse)
    theirs.insert_one({"_id": 1, **first})
    refusals = 0
    for insert in (lambda each: lookup.insert(collection, each), theirs.insert_one):
        try:
            insert({"_id": 2, **second})
        except (CommandError, mongomock.DuplicateKeyError):
            refusals += 1
    assert refusals in {0, 2}


def test_what_is_written_into_several_documents_is_not_one_object() -> None:
    collection = lookup.collection_in(lookup.open_client(), "shop", "things")
    for key in (1, 2):
        lookup.insert(collection, {"_id": key})
    lookup.update(collection, {}, {"$set": {"list": [1]}}, multi=True, upsert=False)
    lookup.update(collection, {"_id": 1}, {"$push": {"list": 2}}, multi=False, upsert=False)
    assert list(lookup.find(collection, {"_id": 2})) == [{"_id": 2, "list": [1]}]


def test_a_replacement_keeps_the_key_whatever_the_filter_says_of_it() -> None:
    collection = lookup.collection_in(lookup.open_client(), "shop", "things")
    lookup.insert(collection, {"_id": 1, "a": 1})
    lookup.update(collection, {"_id": {"$in": [1, 2]}}, {"b": 1}, multi=False, upsert=False)
    lookup.update(collection, {"_id": 1}, {}, multi=False, upsert=False)
    assert list(lookup.find(collection, {})) == [{"_id": 1}]


def test_an_upsert_is_made_of_what_its_filter_names() -> None:
    collection = lookup.collection_in(lookup.open_client(), "shop", "things")
    for wanted, change, expected in (
        ({"_id": 1, "a": 2}, {"$set": {"b": 3}}, {"_id": 1, "a": 2, "b": 3}),
        ({"_id": {"$eq": 2}, "a": {"$gt": 5}}, {"$setOnInsert": {"c": 1}}, {"_id": 2, "c": 1}),
        ({"a": 7}, {"_id": 3, "d": 1}, {"_id": 3, "d": 1}),
    ):
        done = lookup.update(collection, wanted, change, multi=False, upsert=True)
        assert (done.upserted, done.document) == (True, expected)
        assert list(lookup.find(collection, {"_id": expected["_id"]})) == [expected]


def test_the_index_that_has_a_value_already_is_named() -> None:
    collection = lookup.collection_in(lookup.open_client(), "shop", "things")
    lookup.create_index(collection, {"key": {"a.b": 1}, "unique": True, "name": "ab"})
    lookup.insert(collection, {"_id": 1, "a": {"b": 1}})
    error = raised(CommandError, lambda: lookup.insert(collection, {"_id": 2, "a": {"b": 1}}))
    assert (error.code, error.more) == (11000, {"keyPattern": {"a.b": 1}, "keyValue": {"a.b": 1}})


def test_renamed_and_dropped_collections_are_looked_up_anew() -> None:
    client = lookup.open_client()
    lookup.insert(lookup.collection_in(client, "shop", "old"), {"_id": 1})
    lookup.rename(client, "shop", "old", "new", drop_target=False)
    assert list(lookup.find(lookup.collection_in(client, "shop", "new"), {"_id": 1})) == [{"_id": 1}]
    assert list(lookup.find(lookup.collection_in(client, "shop", "old"), {"_id": 1})) == []
    lookup.collection_in(client, "shop", "new").drop()
    assert list(lookup.find(lookup.collection_in(client, "shop", "new"), {"_id": 1})) == []
