"""`mongomock://` without a port: the store of one process."""

from multiprocessing import get_context

import pytest

from pynenc_mongo.errors import MongoStoreNotSharedError
from pynenc_mongo.storage import client, serving
from tests.storage.helpers import (
    FORK_OF_THREADS,
    address_of,
    collection_at,
    documents_in,
    in_processes,
    in_threads,
    new_name,
    run_script,
)

REMEDY = "serve the store (pynenc_mongo.storage.serving.serve() returns a URL for every process)"


@pytest.mark.parametrize(
    "other", ["mongomock://", "mongomock:///shop", "mongomock://localhost", "mongomock://127.0.0.1/"]
)
def test_all_clients_of_a_process_share_one_store(other: str) -> None:
    database = new_name()
    try:
        collection_at("mongomock://", database, "things").insert_one({"_id": "1"})
        assert list(documents_in(collection_at(other, database, "things"))) == ["1"]
        assert serving.connect(other).store is serving.connect("mongomock://").store
    finally:
        client.client_at(address_of("mongomock://", database)).drop_database(database)


def test_the_store_outlives_its_clients() -> None:
    database = new_name()
    try:
        collection_at("mongomock://", database, "things").insert_one({"_id": "1"})
        client.close_server("mongomock://")
        assert list(documents_in(collection_at("mongomock://", database, "things"))) == ["1"]
    finally:
        client.client_at(address_of("mongomock://", database)).drop_database(database)


def test_threads_that_connect_at_the_same_time_share_one_store() -> None:
    stores = in_threads([lambda: serving.connect("mongomock://").store] * 8)
    assert len({id(store) for store in stores}) == 1


def test_what_a_caller_does_to_a_document_does_not_change_the_store() -> None:
    database = new_name()
    things = collection_at("mongomock://", database, "things")
    try:
        document = {"_id": "1", "colours": ["red"]}
        things.insert_one(document)
        document["colours"] = []
        for found in things.find({}):
            found["colours"].append("blue")
        assert documents_in(things) == {"1": {"_id": "1", "colours": ["red"]}}
    finally:
        client.client_at(address_of("mongomock://", database)).drop_database(database)


def test_a_forked_child_that_uses_its_parents_store_is_told_the_remedy() -> None:
    script = """
        import os, sys
        from pynenc_mongo.conf.address import MongoAddress
        from pynenc_mongo.errors import MongoStoreNotSharedError
        from pynenc_mongo.storage import client

        address = MongoAddress("mongomock://", "any", "a test")
        things = client.database_at(address)["things"]
        things.insert_one({"_id": "parent"})
        if os.fork() == 0:
            for use in (lambda: things, lambda: client.database_at(address)["things"]):
                try:
                    use().insert_one({"_id": "child"})
                except MongoStoreNotSharedError as error:
                    print(error, flush=True)
            os._exit(0)
        os.wait()
        print(list(things.find({})))
    """
    *told, seen = run_script(script).splitlines()
    assert len(told) == 2
    assert all(REMEDY in message for message in told)
    assert seen == "[{'_id': 'parent'}]"


@pytest.mark.filterwarnings(FORK_OF_THREADS)
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_child_that_multiprocessing_made_is_told_the_remedy(method: str) -> None:
    (outcome,) = in_processes(get_context(method), 1, collection_at, "mongomock://", "any", "things")
    assert isinstance(outcome, MongoStoreNotSharedError)
    assert REMEDY in str(outcome)
