"""Parts that no document names, left by who died between the two: swept by age, and nothing else is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from pynenc_mongo.errors import MongoOutageError
from pynenc_mongo.storage import texts, verbs
from pynenc_mongo.storage.payloads import PARTS, Payloads
from pynenc_mongo.storage.texts import PartDoc
from tests.commands import CommandLog
from tests.storage.helpers import documents_in, raised

LONG = "longer than four"
FAR = datetime.max.replace(tzinfo=UTC)


@pytest.fixture
def heads(database: Database[Any]) -> Collection[Any]:
    return database["heads"]


@pytest.fixture
def parts(database: Database[Any]) -> Collection[PartDoc]:
    return PARTS.at(database, "parts")


@pytest.fixture
def payloads(parts: Collection[PartDoc]) -> Payloads:
    return Payloads(lambda: parts, 4)


def generations(parts: Collection[Any]) -> set[str]:
    return {key.partition(":")[0] for key in documents_in(parts)}


def orphaned(payloads: Payloads, heads: Collection[Any], key: str = "lost", field: str = "payload") -> str:
    """Store parts, and die before the document that shall name them is stored."""
    return payloads.store(LONG, heads, key, field)["generation"]


def test_parts_without_a_document_are_swept(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc]
) -> None:
    orphaned(payloads, heads)
    assert payloads.sweep(FAR) == 1
    assert documents_in(parts) == {}


def test_parts_whose_document_names_others_are_swept(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc]
) -> None:
    payloads.put(heads, "key", LONG)
    named = generations(parts)
    orphaned(payloads, heads, "key")
    assert payloads.sweep(FAR) == 1
    assert generations(parts) == named
    assert payloads.get(heads, "key") == LONG


def test_parts_that_a_field_of_any_name_names_stay(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc]
) -> None:
    stored = payloads.store(LONG, heads, "key", "record")
    payloads.replace(heads, {"_id": "key", "record": stored}, "record")
    assert payloads.sweep(FAR) == 0
    assert payloads.load(stored, "a test") == LONG


def test_what_is_younger_stays(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc]
) -> None:
    young = orphaned(payloads, heads)
    assert payloads.sweep(datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert generations(parts) == {young}


def test_a_document_that_is_none_of_ours_names_nothing(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc]
) -> None:
    for key, payload in {"a": None, "b": 5, "c": {"generation": 5}, "d": {"generation": None}}.items():
        heads.insert_one({"_id": key, "payload": payload})
        orphaned(payloads, heads, key)
    assert payloads.sweep(FAR) == 4
    assert documents_in(parts) == {}


def test_more_than_a_page_of_them_goes(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs.ordered_pages, "__kwdefaults__", {"size": 3, "fields": None})
    payloads.put(heads, "key", LONG)
    named = generations(parts)
    for number in range(5):
        orphaned(payloads, heads, str(number))
    assert payloads.sweep(FAR) == 5
    assert generations(parts) == named


def test_whoever_stores_parts_first_sweeps_what_is_older_than_a_day(
    payloads: Payloads, heads: Collection[Any], parts: Collection[PartDoc]
) -> None:
    old, young = orphaned(payloads, heads), orphaned(payloads, heads)
    set_back(parts, old, timedelta(hours=25))
    set_back(parts, young, timedelta(hours=23))
    assert generations(parts) == {old, young}
    Payloads(lambda: parts, 4).put(heads, "key", LONG)
    assert old not in generations(parts)
    assert young in generations(parts)


def test_nobody_looks_again_within_the_hour(
    commands: CommandLog,
    payloads: Payloads,
    heads: Collection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key in ("one", "other"):
        payloads.put(heads, key, LONG)
    assert [each.name for each in commands.sent].count("find") == 1
    monkeypatch.setattr(texts, "_SWEEPS_SECONDS", 0.0)
    payloads.put(heads, "third", LONG)
    assert [each.name for each in commands.sent].count("find") == 2


def test_a_sweep_that_fails_is_no_failure_to_store(
    payloads: Payloads,
    heads: Collection[Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_before: datetime) -> int:
        raise MongoOutageError("no answer")

    monkeypatch.setattr(payloads, "sweep", fail)
    payloads.put(heads, "key", LONG)
    assert payloads.get(heads, "key") == LONG
    assert "Parts that nobody names were not looked for: no answer" in caplog.text
    raised(MongoOutageError, lambda: payloads.sweep(FAR))


def set_back(parts: Collection[Any], generation: str, age: timedelta) -> None:
    wanted = {"_id": {"$gte": f"{generation}:", "$lt": f"{generation};"}}
    parts.update_many(wanted, {"$inc": {"stored_at": -(age // timedelta(microseconds=1))}})
