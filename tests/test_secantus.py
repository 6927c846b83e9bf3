"""What is SecantusDB's own, so that nobody looks for it here; docs/engines.md names it.

A version of it that fails one of these tests has mended what the test is about: then change the page.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.errors import DuplicateKeyError

from tests import secantus_main
from tests.faulty import Broken, Fault, Judge, faulty
from tests.storage.helpers import new_name, raised

MESSAGES = [{"_id": number} for number in range(3)]


def first(name: str, fault: Fault) -> Judge:
    """Strike the first command that has the name."""
    left = [fault]
    return lambda found, _command: left.pop() if found == name and left else None


@contextmanager
def messages_at(url: str) -> Iterator[Any]:
    name = new_name()
    with MongoClient[dict[str, Any]](url) as client:
        yield client[name]["messages"]
        client.drop_database(name)


@pytest.mark.parametrize(("limit", "left"), [("", 2), ("&timeoutMS=10000", 1)])
def test_a_pop_whose_answer_is_lost_takes_two_where_operations_have_a_time_limit(
    replica_set_url: str, limit: str, left: int
) -> None:
    """A driver repeats it with the time that is left, and SecantusDB takes that for another command."""
    with faulty(replica_set_url, first("findAndModify", Broken.AFTER)) as server:
        with messages_at(server.url + limit) as messages:
            messages.insert_many(MESSAGES)
            messages.find_one_and_delete({}, sort=[("_id", 1)])
            assert messages.count_documents({}) == left
        assert server.seen.count("findAndModify") == 2


def test_an_insert_whose_answer_is_lost_meets_itself_where_operations_have_a_time_limit(
    replica_set_url: str,
) -> None:
    with (
        faulty(replica_set_url, first("insert", Broken.AFTER)) as server,
        messages_at(f"{server.url}&timeoutMS=10000") as messages,
    ):
        raised(DuplicateKeyError, lambda: messages.insert_one({"_id": 1}))


@contextmanager
def listed_by_another(database: Any) -> Iterator[None]:
    is_over = Event()

    def keep_listing() -> None:
        while not is_over.is_set():
            database.list_collection_names()

    with ThreadPoolExecutor(1) as other:
        listing = other.submit(keep_listing)
        try:
            yield
        finally:
            is_over.set()
        listing.result()


@pytest.mark.parametrize(("alone", "comes_back"), [((), True), (secantus_main.NOT_AT_ONCE, False)])
def test_what_is_dropped_while_another_connection_lists_it_comes_back_empty(
    embedded_url: str, alone: tuple[str, ...], comes_back: bool
) -> None:
    """A listing gives each name it has found a UUID, and so its place in the catalog again."""
    with faulty(embedded_url, alone=alone) as server, messages_at(server.url) as messages:
        database = messages.database
        with listed_by_another(database):
            for _ in range(1000 if comes_back else 50):
                messages.insert_many(MESSAGES)
                messages.drop()
                if database.name in database.client.list_database_names():
                    break
        names = database.list_collection_names()
        assert (names, messages.count_documents({})) == (["messages"] if comes_back else [], 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("journaled", "kind", "stored"),
    [
        (None, secantus_main.replica_set, 0),
        (True, secantus_main.replica_set, len(MESSAGES)),
        (None, secantus_main.synchronous, len(MESSAGES)),
    ],
    ids=["default", "journal=true", "sync_on_commit"],
)
def test_what_a_majority_acknowledged_is_forgotten_when_it_is_killed(
    tmp_path: Path, journaled: bool | None, kind: secantus_main.Kind, stored: int
) -> None:
    concern = WriteConcern("majority", j=journaled)
    # killed before the client is closed: what takes its time there is time to write the log
    with ExitStack() as afterwards, secantus_main.running(kind, tmp_path) as url:
        client = MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=500)
        afterwards.callback(client.close)
        client["shop"].get_collection("messages", write_concern=concern).insert_many(MESSAGES)
    with secantus_main.running(kind, tmp_path) as url, MongoClient[dict[str, Any]](url) as client:
        assert client["shop"]["messages"].count_documents({}) == stored
