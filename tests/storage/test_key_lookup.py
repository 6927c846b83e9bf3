"""A mongomock store finds a document by its key without looking at the others."""

from collections.abc import Callable
from typing import Any

import pytest
from mongomock import filtering

from pynenc_mongo.storage import serving
from tests.storage.helpers import new_name

COUNT = 500
LOOKUPS: dict[str, Callable[[Any], object]] = {
    "find": lambda things: things.find_one({"_id": "7"}),
    "find several": lambda things: things.find({"_id": {"$in": ["7", "8"]}, "even": True}),
    "update": lambda things: things.update_one({"_id": "7", "even": False}, {"$set": {"seen": 1}}),
    "upsert": lambda things: things.update_one({"_id": "new"}, {"$set": {"even": True}}, upsert=True),
    "replace": lambda things: things.find_one_and_replace({"_id": "7"}, {"_id": "7"}),
    "delete": lambda things: things.delete_many({"_id": {"$in": ["7", "unknown"]}}),
}


@pytest.fixture
def things() -> Any:
    collection = serving.connect("mongomock://")[new_name()]["things"]
    collection.insert_many([{"_id": f"{number}", "even": number % 2 == 0} for number in range(COUNT)])
    return collection


@pytest.fixture
def tested(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The documents that a filter was tested on."""
    seen: list[object] = []
    applies = filtering._filterer_inst.apply

    def apply(wanted: object, document: object) -> object:
        seen.append(document)
        return applies(wanted, document)

    monkeypatch.setattr(filtering._filterer_inst, "apply", apply)
    return seen


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_key_is_looked_up(things: Any, tested: list[object], lookup: str) -> None:
    LOOKUPS[lookup](things)
    assert len(tested) <= 4


def test_texts_are_compared_without_asking_mongomock(things: Any, tested: list[object]) -> None:
    """The broker's pop: a filter on a text, and an order."""
    things.update_many({}, {"$set": {"queue": "default", "priority": 0.0}})
    things.update_one({"_id": "7"}, {"$set": {"priority": 1.0}})
    tested.clear()
    order = [("priority", -1), ("_id", 1)]
    assert things.find_one_and_delete({"queue": "default"}, sort=order)["_id"] == "7"
    assert things.find_one_and_delete({"queue": "default"}, sort=order)["_id"] == "0"
    assert things.find_one_and_delete({"queue": "other"}, sort=order) is None
    assert len(tested) <= 4


def test_what_names_no_key_is_scanned(things: Any, tested: list[object]) -> None:
    """The control."""
    assert len(things.find({"even": True})) == COUNT / 2
    assert len(tested) >= COUNT


def test_lookups_find_what_a_scan_finds(things: Any) -> None:
    by_keys = things.find({"_id": {"$in": ["8", "7", "7", "unknown"]}, "even": True})
    assert by_keys == [{"_id": "8", "even": True}]
    assert things.find_one({"_id": "7", "even": True}) is None
    assert things.find_one({"_id": {"$gt": "98"}}) is not None
