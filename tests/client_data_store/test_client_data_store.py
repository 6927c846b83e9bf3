"""What is too large to travel with an invocation is kept once, under the hash of its content."""

import random

import pytest

from pynenc_mongo.client_data_store.documents import DATA
from pynenc_mongo.client_data_store.mongo_client_data_store import MongoClientDataStore
from pynenc_mongo.storage.payloads import PARTS
from tests.storage.helpers import app_on, documents_in

THRESHOLD_BYTES = 10_000  # of a text in parts
# more than pynenc's `min_size_to_cache`, and more than that however it is compressed
LARGE, HUGE = "tea " * 1_000, random.Random(1).randbytes(2 * THRESHOLD_BYTES).hex()

type Place = tuple[str, str]


def store_at(place: Place) -> MongoClientDataStore:
    """Return the store as one more process has it."""
    store = app_on(*place, chunk_threshold=THRESHOLD_BYTES).client_data_store
    assert isinstance(store, MongoClientDataStore)
    return store


@pytest.mark.parametrize("value", [LARGE, HUGE], ids=["large", "huge"])
def test_a_value_is_stored_once_and_read_by_another_process(place: Place, value: str) -> None:
    first, second = store_at(place), store_at(place)
    reference = first.serialize(value)
    assert first.is_reference(reference)
    assert second.serialize(value) == reference
    assert len(documents_in(first._collections.existing(DATA))) == 1
    assert store_at(place).resolve(reference) == value


def test_a_key_under_which_nothing_is_stored_is_named(place: Place) -> None:
    with pytest.raises(KeyError, match="no client data is stored under nothing for app shop"):
        store_at(place)._retrieve("nothing")


def test_a_purge_leaves_neither_values_nor_parts(place: Place) -> None:
    store = store_at(place)
    reference = store.serialize(HUGE)
    collections = [store._collections.existing(spec) for spec in (DATA, PARTS)]
    assert all(documents_in(each) for each in collections)
    store.purge()
    assert [documents_in(each) for each in collections] == [{}, {}]
    with pytest.raises(KeyError, match="no client data is stored under"):
        store_at(place).resolve(reference)
