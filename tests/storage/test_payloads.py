"""Texts of any size under a key: whole or not at all, old or new, and no part left behind."""

import base64
import random
from functools import cache, partial
from itertools import product
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from pynenc_mongo.conf.config_mongo import DOCUMENT_PAYLOAD_LIMIT_BYTES
from pynenc_mongo.storage.payloads import Payloads
from tests.commands import CommandLog
from tests.storage.helpers import documents_in, in_threads

MIB = 1024 * 1024
PART_BYTES = 1000


def noise(size: int, seed: int = 0) -> str:
    """Return text that stands for `size` random bytes, and compresses to little less."""
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


SMALL = "small"
ZIPPED = "zipped " * 1000
LARGE = noise(5 * PART_BYTES)
OTHER_LARGE = noise(8 * PART_BYTES, seed=1)

TEXTS = {"small": SMALL, "zipped": ZIPPED, "large": LARGE}
NEW_TEXTS = {"small": "smaller", "zipped": ZIPPED * 2, "large": OTHER_LARGE}


@cache
def huge(kind: str) -> str:
    return "one line of a log\n" * (20 * MIB // 18) if kind == "compressible" else noise(20 * MIB)


@pytest.fixture
def heads(database: Database[Any]) -> Collection[Any]:
    return database["heads"]


@pytest.fixture
def parts(database: Database[Any]) -> Collection[Any]:
    return database["parts"]


@pytest.fixture
def payloads(parts: Collection[Any]) -> Payloads:
    return Payloads(lambda: parts, PART_BYTES)


def assert_no_orphan(heads: Collection[Any], parts: Collection[Any]) -> None:
    named = {head["payload"]["generation"] for head in heads.find({}) if "generation" in head["payload"]}
    assert {key.partition(":")[0] for key in documents_in(parts)} == named


# any size


def test_a_text_of_one_byte_is_stored_as_it_is(heads: Collection[Any], payloads: Payloads) -> None:
    payloads.put(heads, "key", "x")
    assert documents_in(heads) == {"key": {"_id": "key", "payload": {"text": "x"}}}
    assert payloads.get(heads, "key") == "x"


@pytest.mark.thorough("mongomock")
@pytest.mark.parametrize(("kind", "expected_parts"), [("compressible", 0), ("random", 2)])
def test_twenty_mebibytes_come_back(
    heads: Collection[Any], parts: Collection[Any], kind: str, expected_parts: int
) -> None:
    payloads = Payloads(lambda: parts, DOCUMENT_PAYLOAD_LIMIT_BYTES)
    payloads.put(heads, "key", huge(kind))
    assert payloads.get(heads, "key") == huge(kind)
    assert len(documents_in(parts)) == expected_parts


def test_a_key_without_a_text_has_none(heads: Collection[Any], payloads: Payloads) -> None:
    assert payloads.get(heads, "key") is None


@pytest.mark.parametrize("key", ["", "$key", "a.b", "nul\0", "schlüssel", '["a", "b"]'])
def test_a_key_is_text_whatever_it_holds(heads: Collection[Any], payloads: Payloads, key: str) -> None:
    for text in (SMALL, LARGE, SMALL):
        payloads.put(heads, key, text)
        assert payloads.get(heads, key) == text
    assert payloads.get(heads, "another") is None


# replaced


@pytest.mark.parametrize(("old", "new"), list(product(TEXTS, NEW_TEXTS)))
def test_a_text_in_place_of_another_leaves_no_orphan(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, old: str, new: str
) -> None:
    payloads.put(heads, "key", TEXTS[old])
    payloads.put(heads, "key", NEW_TEXTS[new])
    assert payloads.get(heads, "key") == NEW_TEXTS[new]
    assert_no_orphan(heads, parts)


def test_a_small_text_costs_one_command_to_write_and_one_to_read(
    commands: CommandLog, heads: Collection[Any], payloads: Payloads
) -> None:
    payloads.put(heads, "key", SMALL)
    payloads.put(heads, "key", ZIPPED)
    payloads.get(heads, "key")
    assert commands.names() == ["update", "update", "find"]


def test_the_parts_are_stored_before_the_document_that_names_them(
    commands: CommandLog, heads: Collection[Any], payloads: Payloads
) -> None:
    payloads.put(heads, "key", LARGE)
    payloads.put(heads, "key", OTHER_LARGE)
    written = [(sent.collection, sent.name) for sent in commands.sent]
    assert written == [
        ("parts", "insert"),
        ("parts", "find"),  # the first parts of a process: what others left is looked for
        ("heads", "findAndModify"),
        ("parts", "insert"),
        ("heads", "findAndModify"),
        ("parts", "delete"),
    ]


def test_a_reader_among_overwrites_sees_one_of_the_texts_and_never_a_mix(
    heads: Collection[Any], payloads: Payloads
) -> None:
    texts = [LARGE, OTHER_LARGE, SMALL, ZIPPED]
    payloads.put(heads, "key", SMALL)
    done: list[bool] = []

    def write() -> None:
        try:
            for _ in range(10):
                for text in texts:
                    payloads.put(heads, "key", text)
        finally:
            done.append(True)

    def read() -> None:
        while not done:
            assert payloads.get(heads, "key") in texts

    in_threads([write, read, read])
    assert payloads.get(heads, "key") == texts[-1]


def test_several_writers_of_one_key_leave_one_whole_text(
    any_url: str, heads: Collection[Any], parts: Collection[Any], payloads: Payloads
) -> None:
    texts = [noise(3 * PART_BYTES, seed) for seed in range(8)]
    in_threads([partial(payloads.put, heads, "key", text) for text in texts])
    assert payloads.get(heads, "key") in texts
    if not any_url.startswith("mongodb://"):  # SecantusDB names the same document twice as the replaced one
        assert_no_orphan(heads, parts)


# stored once


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_is_missing_is_stored_and_one_that_is_there_is_kept(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, text: str
) -> None:
    payloads.put_missing(heads, "key", TEXTS[text])
    for other in NEW_TEXTS.values():
        payloads.put_missing(heads, "key", other)
    assert payloads.get(heads, "key") == TEXTS[text]
    assert_no_orphan(heads, parts)


def test_a_large_text_that_is_there_costs_one_read(
    commands: CommandLog, heads: Collection[Any], payloads: Payloads
) -> None:
    payloads.put_missing(heads, "key", LARGE)
    commands.clear()
    payloads.put_missing(heads, "key", LARGE)
    payloads.put_missing(heads, "another key", SMALL)
    assert commands.names() == ["find", "insert"]


def test_of_several_who_store_a_missing_text_one_does_and_the_others_leave_no_part(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads
) -> None:
    in_threads([partial(payloads.put_missing, heads, "key", LARGE)] * 8)
    assert payloads.get(heads, "key") == LARGE
    assert_no_orphan(heads, parts)
