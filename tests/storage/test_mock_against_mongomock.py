"""Our way into a mongomock store gives the same answers as mongomock itself, key lookup or not."""

from collections.abc import Callable
from typing import Any

import mongomock
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import DuplicateKeyError

from pynenc_mongo.storage.mock import LocalStore, MockClient

keys = st.sampled_from("abcd")
colours = st.sampled_from(["red", "blue"])
filters = st.one_of(
    st.just({}),
    st.builds(lambda key: {"_id": key}, keys),
    st.builds(lambda key, colour: {"_id": key, "colour": colour}, keys, colours),
    st.builds(lambda some: {"_id": {"$in": some}}, st.lists(keys)),
    st.builds(lambda some, colour: {"_id": {"$in": some}, "colour": colour}, st.lists(keys), colours),
    st.builds(lambda key: {"_id": {"$gt": key}}, keys),
    st.builds(lambda key: {"_id": {"$ne": key}}, keys),
    st.builds(lambda key, colour: {"$or": [{"_id": key}, {"colour": colour}]}, keys, colours),
    st.builds(lambda key: {"_id": {"$in": [key, None]}}, keys),
    st.builds(lambda colour: {"colour": colour}, colours),
    st.builds(lambda text: {"size": text}, st.just("red")),
    st.builds(lambda text, colour: {"size": text, "colour": colour}, st.just("red"), colours),
)
in_order = {"sort": [("_id", 1)]}
orders = st.lists(
    st.tuples(st.sampled_from(["_id", "colour", "size", "unknown"]), st.sampled_from([1, -1])), min_size=1
)
sizes = st.one_of(st.integers(0, 3), st.sampled_from([0.5, 2.0]), st.sampled_from(["red", None, ["red", 1]]))

type Step = Callable[[Any], Any]

steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda key, colour: lambda things: insert(things, key, colour), keys, colours),
    st.builds(
        lambda key, size: (
            lambda things: things.update_many({"_id": key}, {"$set": {"size": size}}).matched_count
        ),
        keys,
        sizes,
    ),
    st.builds(lambda wanted, sort: lambda things: things.find_one(wanted, sort=sort), filters, orders),
    st.builds(
        lambda wanted, sort, skip: lambda things: things.find_one(wanted, ["colour"], sort=sort, skip=skip),
        filters,
        orders,
        st.integers(0, 2),
    ),
    st.builds(
        lambda wanted, sort: lambda things: things.find_one_and_delete(wanted, sort=sort), filters, orders
    ),
    st.builds(lambda wanted: lambda things: list(things.find(wanted, **in_order)), filters),
    st.builds(lambda wanted: lambda things: list(things.find(wanted, ["_id"], limit=2, **in_order)), filters),
    st.builds(lambda wanted: lambda things: things.find_one_and_delete(wanted, **in_order), filters),
    st.builds(lambda wanted: lambda things: things.delete_many(wanted).deleted_count, filters),
    st.builds(lambda wanted: lambda things: things.count_documents(wanted), filters),
    st.builds(lambda wanted: lambda things: sorted(things.distinct("colour", wanted)), filters),
    st.builds(
        lambda wanted, colour: (
            lambda things: things.update_many(wanted, {"$set": {"colour": colour}}).matched_count
        ),
        filters,
        colours,
    ),
    st.builds(
        lambda key, colour, upsert: (
            lambda things: (
                things.update_one({"_id": key}, {"$set": {"colour": colour}}, upsert=upsert).matched_count
            )
        ),
        keys,
        colours,
        st.booleans(),
    ),
    st.builds(
        lambda key, colour, upsert: (
            lambda things: things.find_one_and_replace(
                {"_id": key}, {"_id": key, "colour": colour}, upsert=upsert
            )
        ),
        keys,
        colours,
        st.booleans(),
    ),
    st.builds(
        lambda key, colour: (
            lambda things: things.replace_one({"_id": key}, {"colour": colour}, upsert=True).matched_count
        ),
        keys,
        colours,
    ),
)


def insert(things: Any, key: str, colour: str) -> bool:
    try:
        things.insert_one({"_id": key, "colour": colour})
    except DuplicateKeyError:
        return False
    return True


@given(st.lists(steps, min_size=3, max_size=15))
def test_every_step_has_the_same_answer(taken: list[Step]) -> None:
    ours: Any = MockClient(LocalStore())["shop"]["things"]
    plain: Any = mongomock.MongoClient()["shop"]["things"]
    assert [step(ours) for step in taken] == [step(plain) for step in taken]
    assert list(ours.find({}, **in_order)) == list(plain.find({}, **in_order))


def test_after_a_drop_a_key_is_looked_up_in_what_is_there_now() -> None:
    mock = MockClient(LocalStore())
    things: Any = mock["shop"]["things"]
    things.insert_one({"_id": "1", "colour": "red"})
    assert things.find_one({"_id": "1"})
    mock.drop_database("shop")
    assert things.find_one({"_id": "1"}) is None
    things.insert_one({"_id": "1", "colour": "blue"})
    assert things.find_one({"_id": "1"}) == {"_id": "1", "colour": "blue"}
    assert list(things.find({})) == [{"_id": "1", "colour": "blue"}]
