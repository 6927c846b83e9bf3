"""Texts under a key when something breaks, or moves, half way: old or new, and never a mix."""

import base64
import random
from functools import cache
from itertools import product
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from pynenc_mongo.errors import MissingPartsError
from pynenc_mongo.storage.payloads import Payloads
from tests.storage.helpers import FAILURES, Failing, documents_in, raised

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


# failures


@pytest.mark.parametrize("how", ["refused", "broken"])
@pytest.mark.parametrize("old", ["small", "large"])
def test_a_failure_while_parts_are_written_keeps_the_old_text_and_leaves_no_orphan(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, old: str, how: str
) -> None:
    payloads.put(heads, "key", TEXTS[old])
    failing: Any = Failing(parts, "insert_many", how)
    raised(FAILURES[how], lambda: Payloads(lambda: failing, PART_BYTES).put(heads, "key", OTHER_LARGE))
    assert payloads.get(heads, "key") == TEXTS[old]
    assert_no_orphan(heads, parts)


@pytest.mark.parametrize("old", ["small", "large"])
def test_an_answer_that_is_lost_while_parts_are_written_loses_nothing(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, old: str
) -> None:
    payloads.put(heads, "key", TEXTS[old])
    failing: Any = Failing(parts, "insert_many", "answer lost")
    Payloads(lambda: failing, PART_BYTES).put(heads, "key", OTHER_LARGE)
    assert payloads.get(heads, "key") == OTHER_LARGE
    assert_no_orphan(heads, parts)


@pytest.mark.parametrize(("old", "new"), list(product(TEXTS, NEW_TEXTS)))
def test_a_head_that_the_server_refuses_keeps_the_old_text_and_leaves_no_orphan(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, old: str, new: str
) -> None:
    payloads.put(heads, "key", TEXTS[old])
    failing: Any = Failing(heads, "find_one_and_replace" if new == "large" else "replace_one", "refused")
    raised(OperationFailure, lambda: payloads.put(failing, "key", NEW_TEXTS[new]))
    assert payloads.get(heads, "key") == TEXTS[old]
    assert_no_orphan(heads, parts)


@pytest.mark.parametrize("how", ["broken", "answer lost"])
@pytest.mark.parametrize("old", ["small", "large"])
def test_a_head_whose_answer_never_came_leaves_the_old_text_or_the_new_one(
    heads: Collection[Any], payloads: Payloads, old: str, how: str
) -> None:
    """Whether it was written is not known, so its parts must stay: at worst nobody names them."""
    payloads.put(heads, "key", TEXTS[old])
    failing: Any = Failing(heads, "find_one_and_replace", how)
    raised(AutoReconnect, lambda: payloads.put(failing, "key", OTHER_LARGE))
    assert payloads.get(heads, "key") == (TEXTS[old] if how == "broken" else OTHER_LARGE)


@pytest.mark.parametrize("how", ["refused", "broken"])
def test_a_missing_text_whose_insert_failed_can_be_stored_again(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, how: str
) -> None:
    failing: Any = Failing(heads, "insert_one", how)
    raised(FAILURES[how], lambda: payloads.put_missing(failing, "key", LARGE))
    payloads.put_missing(heads, "key", LARGE)
    assert payloads.get(heads, "key") == LARGE
    if how == "refused":
        assert_no_orphan(heads, parts)


def test_a_missing_text_whose_answer_is_lost_is_stored(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads
) -> None:
    failing: Any = Failing(heads, "insert_one", "answer lost")
    payloads.put_missing(failing, "key", LARGE)
    assert payloads.get(heads, "key") == LARGE
    assert_no_orphan(heads, parts)


def test_a_missing_text_that_the_driver_inserts_twice_keeps_its_parts(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads
) -> None:
    """The second time it meets its own key."""

    class Twice(Failing):
        def _failing(self, method: Any) -> Any:
            def insert(document: Any) -> None:
                method(document)
                method(document)

            return insert

    twice: Any = Twice(heads, "insert_one", "answer lost")
    payloads.put_missing(twice, "key", LARGE)
    assert payloads.get(heads, "key") == LARGE
    assert_no_orphan(heads, parts)


def test_a_failure_while_the_old_parts_are_deleted_keeps_the_new_text(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads
) -> None:
    payloads.put(heads, "key", LARGE)
    failing: Any = Failing(parts, "delete_many", "broken")
    raised(AutoReconnect, lambda: Payloads(lambda: failing, PART_BYTES).put(heads, "key", OTHER_LARGE))
    assert payloads.get(heads, "key") == OTHER_LARGE


@pytest.mark.parametrize("lost", [1, 2, 99])
def test_a_deleted_part_is_reported_with_its_owner(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads, lost: int
) -> None:
    payloads.put(heads, "the key", LARGE)
    keys = sorted(documents_in(parts))
    parts.delete_many({"_id": {"$in": keys[:lost]}})
    message = str(raised(MissingPartsError, lambda: payloads.get(heads, "the key")))
    gone = min(lost, len(keys))
    assert f"{gone} of {len(keys)} parts of the payload of the key are not stored" in message


# a text that is replaced while it is read


def test_a_text_that_is_replaced_between_head_and_parts_is_read_again(
    heads: Collection[Any], payloads: Payloads
) -> None:
    payloads.put(heads, "key", LARGE)
    reads: list[Any] = []

    def find() -> Any:
        reads.append(heads.find_one({"_id": "key"}))
        if len(reads) == 1:
            payloads.put(heads, "key", OTHER_LARGE)
        return reads[-1]

    found = payloads.read(find, "payload", "the key")
    assert found
    assert found[1] == OTHER_LARGE
    assert len(reads) == 2


def test_a_text_that_is_deleted_between_head_and_parts_is_none(
    heads: Collection[Any], parts: Collection[Any], payloads: Payloads
) -> None:
    payloads.put(heads, "key", LARGE)

    def find() -> Any:
        found = heads.find_one({"_id": "key"})
        heads.delete_many({})
        parts.delete_many({})
        return found

    assert payloads.read(find, "payload", "the key") is None


def test_a_text_that_is_replaced_all_the_time_is_given_up_with_its_owner(
    heads: Collection[Any], payloads: Payloads
) -> None:
    payloads.put(heads, "key", LARGE)

    def find() -> Any:
        found = heads.find_one({"_id": "key"})
        payloads.put(heads, "key", LARGE)
        return found

    error = raised(MissingPartsError, lambda: payloads.read(find, "payload", "the key"))
    assert "the payload of the key was replaced faster than it could be read" in str(error)
