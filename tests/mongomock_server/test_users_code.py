"""What users write beside pynenc gives the same on mongomock and on a real wire."""

import uuid
from collections.abc import Iterator
from typing import Any

import gridfs
import pytest
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne, ReturnDocument, UpdateMany, UpdateOne
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

type Shop = Database[dict[str, Any]]


@pytest.fixture
def db(server_url: str) -> Iterator[Shop]:
    """A shop with five orders, in no order."""
    with MongoClient[dict[str, Any]](server_url) as client:
        db = client[f"shop_{uuid.uuid4().hex[:8]}"]
        db.orders.insert_many([{"_id": n, "n": n, "of": "ab"[n % 2]} for n in (3, 1, 5, 2, 4)])
        yield db
        client.drop_database(db.name)


def numbers(db: Shop) -> list[int]:
    return sorted(order["n"] for order in db.orders.find())


def test_find_sort_limit(db: Shop) -> None:
    assert [order["n"] for order in db.orders.find().sort("n").limit(3)] == [1, 2, 3]
    assert [order["n"] for order in db.orders.find().sort("n", -1).skip(1).limit(2)] == [4, 3]
    assert list(db.orders.find({"n": {"$gt": 4}}, {"of": 1, "_id": 0})) == [{"of": "b"}]
    assert [order["n"] for order in db.orders.find(batch_size=2).sort("n")] == [1, 2, 3, 4, 5]


def test_count_and_distinct(db: Shop) -> None:
    assert db.orders.count_documents({"of": "b"}) == 3
    assert db.orders.estimated_document_count() == 5
    assert sorted(db.orders.distinct("of")) == ["a", "b"]


def test_delete_one_and_many(db: Shop) -> None:
    assert db.orders.delete_one({"of": "a"}).deleted_count == 1
    assert db.orders.delete_one({"of": "c"}).deleted_count == 0
    assert db.orders.count_documents({"of": "a"}) == 1
    assert db.orders.delete_many({"of": "b"}).deleted_count == 3
    assert db.orders.count_documents({}) == 1


def test_update_and_upsert(db: Shop) -> None:
    updated = db.orders.update_one({"n": 1}, {"$set": {"paid": True}, "$inc": {"n": 10}})
    assert (updated.matched_count, updated.modified_count, updated.upserted_id) == (1, 1, None)
    assert db.orders.find_one({"_id": 1}) == {"_id": 1, "n": 11, "of": "b", "paid": True}
    upserted = db.orders.update_one({"_id": 6}, {"$setOnInsert": {"n": 6}}, upsert=True)
    assert (upserted.matched_count, upserted.upserted_id) == (0, 6)
    assert db.orders.update_many({"of": "a"}, {"$unset": {"of": ""}}).modified_count == 2


def test_find_one_and_update(db: Shop) -> None:
    before = db.orders.find_one_and_update({"of": "a"}, {"$set": {"of": "c"}}, sort=[("n", -1)])
    assert before == {"_id": 4, "n": 4, "of": "a"}
    after = db.orders.find_one_and_update(
        {"_id": "total"}, {"$inc": {"n": 15}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert after == {"_id": "total", "n": 15}
    assert db.orders.find_one_and_update({"of": "d"}, {"$set": {"n": 0}}) is None
    assert db.orders.find_one_and_delete({"of": "c"}, projection=["n"]) == {"_id": 4, "n": 4}


def test_bulk_write(db: Shop) -> None:
    done = db.orders.bulk_write(
        [
            InsertOne({"_id": 6, "n": 6}),
            UpdateOne({"_id": 7}, {"$set": {"n": 7}}, upsert=True),
            UpdateMany({"of": "b"}, {"$inc": {"n": 100}}),
            ReplaceOne({"_id": 2}, {"n": 22}),
            DeleteOne({"_id": 4}),
        ]
    )
    counts = done.inserted_count, done.upserted_count, done.matched_count, done.deleted_count
    assert (counts, done.upserted_ids) == ((1, 1, 4, 1), {1: 7})
    assert numbers(db) == [6, 7, 22, 101, 103, 105]


def test_a_bulk_write_says_which_one_failed(db: Shop) -> None:
    with pytest.raises(BulkWriteError) as failed:
        db.orders.bulk_write(
            [InsertOne({"_id": 6}), InsertOne({"_id": 1}), InsertOne({"_id": 7})], ordered=False
        )
    assert failed.value.details["nInserted"] == 2
    (error,) = failed.value.details["writeErrors"]
    assert (error["index"], error["code"]) == (1, 11000)


def test_a_unique_index_is_kept(db: Shop) -> None:
    assert db.orders.create_index("n", unique=True) == "n_1"
    with pytest.raises(DuplicateKeyError) as taken:
        db.orders.insert_one({"n": 3})
    assert taken.value.details is not None
    assert (taken.value.details["keyPattern"], taken.value.details["keyValue"]) == ({"n": 1}, {"n": 3})
    assert db.orders.index_information()["n_1"] == {"v": 2, "key": [("n", 1)], "unique": True}
    assert numbers(db) == [1, 2, 3, 4, 5]


def test_aggregate(db: Shop) -> None:
    stages: list[dict[str, Any]] = [
        {"$match": {"n": {"$gt": 1}}},
        {"$group": {"_id": "$of", "orders": {"$sum": 1}, "total": {"$sum": "$n"}, "most": {"$max": "$n"}}},
        {"$sort": {"_id": 1}},
    ]
    assert list(db.orders.aggregate(stages)) == [
        {"_id": "a", "orders": 2, "total": 6, "most": 4},
        {"_id": "b", "orders": 2, "total": 8, "most": 5},
    ]


def test_lookup(db: Shop) -> None:
    db.bills.insert_many([{"_id": 1, "order": 3}, {"_id": 2, "order": [4, 9]}, {"_id": 3, "order": 9}])
    join = {"from": "orders", "localField": "order", "foreignField": "_id", "as": "orders"}
    bills = db.bills.aggregate([{"$match": {}}, {"$lookup": join}, {"$sort": {"_id": 1}}])
    assert [[order["n"] for order in bill["orders"]] for bill in bills] == [[3], [4], []]


def test_gridfs(db: Shop) -> None:
    files = gridfs.GridFS(db)
    content = bytes(range(256)) * 4096  # of five chunks
    key = files.put(content, filename="bill.pdf", customer="Ada")
    with files.get(key) as found:
        assert (found.read(), found.filename, found.customer) == (content, "bill.pdf", "Ada")
    assert (files.list(), db.fs.chunks.count_documents({})) == (["bill.pdf"], 5)
    files.delete(key)
    assert (files.exists(key), db.fs.chunks.count_documents({})) == (False, 0)
