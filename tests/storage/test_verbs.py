"""The atomic shapes, one caller at a time; `tests/races` has many."""

from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.operations import IndexModel

from pynenc_mongo.errors import MongoRefusedError
from pynenc_mongo.storage.verbs import (
    find_all,
    find_by_key,
    insert_all_missing,
    insert_missing,
    ordered_pages,
    pages,
    pop,
    put,
    put_many,
    put_returning,
    update_if,
)
from tests.commands import CommandLog
from tests.storage.helpers import HASTY, documents_in, raised

Things = Collection[Any]


def fill(things: Things, *keys: str) -> None:
    things.insert_many([{"_id": key} for key in keys])


def keys_of(found: list[list[Any]]) -> list[list[str]]:
    return [[document["_id"] for document in page] for page in found]


# insert


def test_a_missing_document_is_inserted_and_a_present_one_kept(things: Things) -> None:
    assert insert_missing(things, {"_id": "1", "colour": "red"})
    assert not insert_missing(things, {"_id": "1", "colour": "blue"})
    assert documents_in(things)["1"] == {"_id": "1", "colour": "red"}


def test_all_missing_documents_are_inserted_and_the_others_are_the_answer(things: Things) -> None:
    put(things, {"_id": "2", "colour": "red"})
    batch = [{"_id": key, "colour": "blue"} for key in ("1", "2", "3")]
    assert insert_all_missing(things, batch) == [batch[1]]
    assert {key: found["colour"] for key, found in documents_in(things).items()} == {
        "1": "blue",
        "2": "red",
        "3": "blue",
    }


def test_of_two_documents_with_one_key_in_a_batch_the_first_is_inserted(things: Things) -> None:
    batch = [{"_id": "1", "colour": "red"}, {"_id": "1", "colour": "blue"}]
    assert insert_all_missing(things, batch) == [batch[1]]
    assert documents_in(things)["1"]["colour"] == "red"


def test_a_taken_unique_field_is_an_answer_too(things: Things) -> None:
    things.create_indexes([IndexModel([("number", 1)], name="number", unique=True)])
    assert insert_missing(things, {"_id": "1", "number": 1})
    assert not insert_missing(things, {"_id": "2", "number": 1})
    taken = {"_id": "3", "number": 1}
    assert insert_all_missing(things, [taken, {"_id": "4", "number": 4}]) == [taken]


def test_a_batch_takes_one_command_and_an_empty_one_none(commands: CommandLog, things: Things) -> None:
    assert insert_all_missing(things, [{"_id": str(number)} for number in range(100)]) == []
    assert insert_all_missing(things, []) == []
    assert commands.names() == ["insert"]


def test_a_write_error_that_is_no_duplicate_raises() -> None:
    errors = [{"index": 0, "code": 11000}, {"index": 1, "code": 121, "errmsg": "document failed validation"}]

    class Refusing:
        database = HASTY
        full_name = "shop.things"

        def insert_many(self, *_: Any, **__: Any) -> None:
            raise BulkWriteError({"writeErrors": errors})

    refusing: Any = Refusing()
    error = raised(MongoRefusedError, lambda: insert_all_missing(refusing, [{"_id": "1"}, {"_id": "2"}]))
    assert error.details == {"writeErrors": errors}


# put


def test_put_stores_a_document_in_place_of_what_was_there(things: Things) -> None:
    put(things, {"_id": "1", "colour": "red", "size": 1})
    put(things, {"_id": "1", "colour": "blue"})
    assert documents_in(things) == {"1": {"_id": "1", "colour": "blue"}}


def test_put_many_stores_new_changed_and_unchanged_documents_and_returns_the_replaced(things: Things) -> None:
    put_many(things, [{"_id": "1", "colour": "red"}, {"_id": "2", "colour": "red"}])
    replaced = put_many(
        things,
        [{"_id": key, "colour": colour} for key, colour in [("1", "red"), ("2", "blue"), ("3", "red")]],
    )
    assert replaced == [{"_id": "2", "colour": "red"}]
    assert {key: found["colour"] for key, found in documents_in(things).items()} == {
        "1": "red",
        "2": "blue",
        "3": "red",
    }


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([], []),
        ([("3", "red"), ("4", "red")], ["insert"]),
        ([("1", "red"), ("2", "red")], ["insert", "find"]),
        ([("1", "red"), ("2", "blue")], ["insert", "find", "findAndModify"]),
        ([("1", "blue"), ("2", "blue"), ("3", "blue")], ["insert", "find", "findAndModify", "findAndModify"]),
    ],
)
def test_put_many_costs_a_command_of_its_own_only_for_a_changed_document(
    commands: CommandLog, things: Things, batch: list[tuple[str, str]], expected: list[str]
) -> None:
    put_many(things, [{"_id": "1", "colour": "red"}, {"_id": "2", "colour": "red"}])
    commands.clear()
    put_many(things, [{"_id": key, "colour": colour} for key, colour in batch])
    assert commands.names() == expected


def test_of_two_documents_with_one_key_in_a_batch_the_last_is_stored(things: Things) -> None:
    first, second, third = ({"_id": "1", "colour": colour} for colour in ("red", "blue", "green"))
    assert put_many(things, [first, second, third]) == [first, second]
    assert documents_in(things) == {"1": third}


def test_put_many_stores_a_document_that_vanished_between_its_two_commands(things: Things) -> None:
    put(things, {"_id": "1", "colour": "red"})

    class Vanishing:
        def __getattr__(self, name: str) -> Any:
            if name == "find":
                things.delete_many({})
            return getattr(things, name)

    vanishing: Any = Vanishing()
    assert put_many(vanishing, [{"_id": "1", "colour": "red"}]) == []
    assert documents_in(things) == {"1": {"_id": "1", "colour": "red"}}


# update_if and pop


def test_only_what_meets_the_precondition_is_updated(commands: CommandLog, things: Things) -> None:
    put(things, {"_id": "1", "colour": "red"})
    to_blue, done = {"$set": {"colour": "blue"}}, {"_id": "1", "colour": "blue"}
    commands.clear()
    assert update_if(things, {"_id": "1", "colour": "red"}, to_blue, done)
    assert not update_if(things, {"_id": "1", "colour": "red"}, to_blue, done)
    assert not update_if(things, {"_id": "2"}, to_blue, done)
    assert commands.names() == ["update"] * 3  # what is done is asked for after a lost answer only
    assert documents_in(things) == {"1": {"_id": "1", "colour": "blue"}}


def test_an_update_that_changes_nothing_was_still_made(things: Things) -> None:
    red = {"_id": "1", "colour": "red"}
    put(things, red)
    assert update_if(things, red, {"$set": {"colour": "red"}}, done=red)


def test_pop_takes_the_first_wanted_document_out(things: Things) -> None:
    things.insert_many([{"_id": "1", "rank": 2}, {"_id": "2", "rank": 1}, {"_id": "3", "rank": 0}])
    assert pop(things, {"rank": {"$gt": 0}}, sort=[("rank", 1)]) == {"_id": "2", "rank": 1}
    assert pop(things, {"_id": "2"}) is None
    assert sorted(documents_in(things)) == ["1", "3"]


# pages


def test_pages_are_in_key_order_and_whole(commands: CommandLog, things: Things) -> None:
    fill(things, "5", "3", "1", "4", "2")
    commands.clear()
    assert keys_of(list(pages(things, {}, size=2))) == [["1", "2"], ["3", "4"], ["5"]]
    assert commands.names() == ["find"] * 3


def test_a_page_is_one_command_however_large(commands: CommandLog, things: Things) -> None:
    fill(things, *(f"{number:04}" for number in range(500)))
    commands.clear()
    assert [len(page) for page in pages(things, {}, size=400)] == [400, 100]
    assert commands.names() == ["find"] * 2


def test_what_is_asked_by_key_is_one_command_however_many(commands: CommandLog, things: Things) -> None:
    keys = [f"{number:04}" for number in range(500)]
    fill(things, *keys)
    commands.clear()
    assert list(find_by_key(things, [*keys, "unknown", keys[0]])) == keys
    assert find_by_key(things, []) == {}
    assert len(find_all(things, {})) == len(keys)
    assert commands.names() == ["find"] * 2


@pytest.mark.parametrize("directions", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_ordered_pages_are_in_order_and_whole(things: Things, directions: tuple[int, int], size: int) -> None:
    """Many have the same place in the first field, so that a page ends in the middle of them."""
    things.insert_many([{"_id": f"{number:02}", "shelf": number % 3} for number in range(20)])
    shelf, key = directions
    found = [
        document
        for page in ordered_pages(things, {}, (("shelf", shelf), ("_id", key)), size=size)
        for document in page
    ]
    expected = sorted(documents_in(things).values(), key=lambda document: document["_id"], reverse=key < 0)
    assert found == sorted(expected, key=lambda document: document["shelf"] * shelf)


def test_what_is_added_or_deleted_meanwhile_shifts_no_ordered_page(things: Things) -> None:
    fill(things, *"bdfh")
    pages_read = ordered_pages(things, {}, (("_id", 1),), size=2)
    assert keys_of([next(pages_read)]) == [["b", "d"]]
    fill(things, "a", "g")
    things.delete_one({"_id": "b"})
    assert keys_of(list(pages_read)) == [["f", "g"], ["h"]]


@pytest.mark.parametrize("store", [put, put_returning])
def test_of_two_first_writers_that_meet_the_later_one_stores_too(things: Things, store: Any) -> None:
    """An older server refuses the second of two upserts of one moment, which has found nothing."""
    refusals = iter([DuplicateKeyError("E11000 duplicate key", 11000)])

    class Meeting:
        def __getattr__(self, name: str) -> Any:
            if name in ("replace_one", "find_one_and_replace") and (refusal := next(refusals, None)):
                put(things, {"_id": "1", "colour": "red"})
                raise refusal
            return getattr(things, name)

    meeting: Any = Meeting()
    store(meeting, {"_id": "1", "colour": "blue"})
    assert documents_in(things) == {"1": {"_id": "1", "colour": "blue"}}


@pytest.mark.parametrize("count", [0, 4])
def test_no_page_is_empty(things: Things, count: int) -> None:
    if count:
        fill(things, *map(str, range(count)))
    assert [len(page) for page in pages(things, {}, size=2)] == [2] * (count // 2)


def test_after_is_exclusive_and_until_is_inclusive(things: Things) -> None:
    fill(things, *"abcdef")
    assert keys_of(list(pages(things, {}, after="b", until="e", size=2))) == [["c", "d"], ["e"]]
    assert keys_of(list(pages(things, {}, after="f"))) == []


def test_pages_hold_only_wanted_documents_and_fields(things: Things) -> None:
    things.insert_many([{"_id": str(number), "odd": number % 2, "size": number} for number in range(6)])
    found = list(pages(things, {"odd": 1}, size=2, fields=["size"]))
    assert found == [[{"_id": "1", "size": 1}, {"_id": "3", "size": 3}], [{"_id": "5", "size": 5}]]


def test_a_condition_on_the_key_itself_may_stand_beside_the_pages_own(things: Things) -> None:
    fill(things, "a1", "b1", "a2")
    assert keys_of(list(pages(things, {"$and": [{"_id": {"$regex": "a"}}]}, size=1))) == [["a1"], ["a2"]]


def test_writes_between_two_pages_neither_lose_nor_repeat_a_document(things: Things) -> None:
    fill(things, "b", "d", "f", "h")
    found = pages(things, {}, size=2)
    read = next(found)
    fill(things, "a", "c", "e", "i")
    things.delete_many({"_id": {"$in": ["b", "f"]}})
    for page in found:
        read.extend(page)
    assert [document["_id"] for document in read] == ["b", "d", "e", "h", "i"]
