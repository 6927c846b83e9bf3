"""A mongomock store that every process of this machine shares."""

import socket
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Client
from typing import Any

import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from pynenc_mongo.errors import MongoConfigError, MongoUnreachableError
from pynenc_mongo.storage import client, serving
from pynenc_mongo.storage.mock import Command, MockClient
from pynenc_mongo.storage.serving import RemoteStore, ServedStore
from pynenc_mongo.storage.verbs import insert_missing, pop, update_if
from tests.storage.helpers import (
    FORK_OF_THREADS,
    collection_at,
    documents_in,
    in_processes,
    in_threads,
    new_name,
    raised,
    run_script,
)

pytestmark = pytest.mark.filterwarnings(FORK_OF_THREADS)

CALLERS = 8
DOCUMENTS = 500


@pytest.fixture
def served() -> Iterator[ServedStore]:
    """A store that this process owns."""
    store = serving.serve()
    yield store
    client.close_server(store.url)
    store.close()


@pytest.fixture
def visitor(served: ServedStore) -> Iterator[RemoteStore]:
    """What another process would use; here it is in the owner's, and goes over the socket all the same."""
    remote = RemoteStore(served.url, served.port)
    yield remote
    remote.close()


# what runs in the children


def claim_all(url: str, database: str) -> list[str]:
    things = collection_at(url, database, "things")
    claimed = []
    while document := pop(things, {}):
        claimed.append(document["_id"])
    return claimed


def swap_once(url: str, database: str, key: str) -> bool:
    return update_if(
        collection_at(url, database, "things"), {"_id": key, "taken": False}, {"$set": {"taken": True}}
    )


def say(url: str, database: str, word: str) -> Any:
    """Store a word, and return the words that were there."""
    words = collection_at(url, database, "words")
    before = sorted(documents_in(words))
    insert_missing(words, {"_id": word})
    return before


# one store


def test_eight_processes_claim_every_document_exactly_once(served_url: str) -> None:
    database = new_name()
    keys = [str(number) for number in range(DOCUMENTS)]
    collection_at(served_url, database, "things").insert_many([{"_id": key} for key in keys])
    claimed = in_processes(get_context("fork"), CALLERS, claim_all, served_url, database)
    assert Counter(key for received in claimed for key in received) == dict.fromkeys(keys, 1)


def test_a_swap_that_eight_processes_want_has_one_winner(served_url: str) -> None:
    database = new_name()
    collection_at(served_url, database, "things").insert_one({"_id": "one", "taken": False})
    won = in_processes(get_context("fork"), CALLERS, swap_once, served_url, database, "one")
    assert won.count(True) == 1


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_child_sees_the_store_of_its_parent(served: ServedStore, method: str) -> None:
    database = new_name()
    say(served.url, database, "parent")
    assert in_processes(get_context(method), 1, say, served.url, database, "child") == [["parent"]]
    assert say(served.url, database, "parent again") == ["child", "parent"]


def test_a_fresh_interpreter_sees_the_store(served: ServedStore) -> None:
    database = new_name()
    say(served.url, database, "here")
    script = """
        import sys
        from pynenc_mongo.conf.address import MongoAddress
        from pynenc_mongo.storage import client

        words = client.database_at(MongoAddress(sys.argv[1], sys.argv[2], "a test"))["words"]
        words.insert_one({"_id": "there"})
        print(sorted(word["_id"] for word in words.find({})))
    """
    assert run_script(script, served.url, database).strip() == "['here', 'there']"
    assert say(served.url, database, "here again") == ["here", "there"]


def test_the_owner_itself_uses_its_store_without_a_socket(served: ServedStore) -> None:
    assert serving.connect(served.url).store is served.store


def test_a_grandchild_reaches_the_store_after_its_parent_used_it(served: ServedStore) -> None:
    database = new_name()

    def child() -> Any:
        say(served.url, database, "child")
        return in_processes(get_context("fork"), 1, say, served.url, database, "grandchild")

    assert in_processes(get_context("fork"), 1, child) == [[["child"]]]


# the answers


def test_the_error_of_a_command_arrives_with_its_type_and_details(visitor: RemoteStore) -> None:
    things = MockClient(visitor)["any"]["things"]
    things.insert_one({"_id": "1"})
    duplicate = raised(DuplicateKeyError, lambda: things.insert_one({"_id": "1"}))
    assert duplicate.code == 11000
    batch = raised(BulkWriteError, lambda: things.insert_many([{"_id": "1"}, {"_id": "2"}], ordered=False))
    assert [(error["index"], error["code"]) for error in batch.details["writeErrors"]] == [(0, 11000)]
    assert batch.details["nInserted"] == 1


def test_after_an_error_the_connection_goes_on(visitor: RemoteStore) -> None:
    things = MockClient(visitor)["any"]["things"]
    for _ in range(3):
        raised(OperationFailure, lambda: things.find_one({"$nonsense": 1}))
    things.insert_one({"_id": "1"})
    assert list(documents_in(things)) == ["1"]


@pytest.mark.parametrize("method", ["_Database__secret", "__class__", "_store"])
def test_only_public_methods_are_commands(visitor: RemoteStore, method: str) -> None:
    raised(AttributeError, lambda: visitor.run(Command("any", "things", method, (), {})))


def test_every_method_of_the_portable_interface_crosses_the_socket(visitor: RemoteStore) -> None:
    database = MockClient(visitor)["any"]
    things = database["things"]
    things.insert_one({"_id": "1"})
    assert list(things.index_information()) == ["_id_"]
    assert things.distinct("_id") == ["1"]
    assert things.count_documents({}) == 1
    assert database.list_collection_names() == ["things"]
    assert MockClient(visitor).list_database_names() == ["any"]


class Unfit:
    """Something that the wire cannot carry."""

    def __reduce__(self) -> str:
        raise TypeError("this stays where it is")


def test_an_answer_that_the_wire_cannot_carry_is_not_taken_for_the_owners_end(
    served: ServedStore, visitor: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.store, "run", lambda _: Unfit())
    error = raised(Exception, lambda: visitor.run(Command("any", "things", "find", (), {})))
    assert not isinstance(error, MongoUnreachableError)


def test_an_argument_that_the_wire_cannot_carry_is_the_callers_error(visitor: RemoteStore) -> None:
    things = MockClient(visitor)["any"]["things"]
    raised(TypeError, lambda: things.insert_one({"_id": "1", "value": Unfit()}))
    things.insert_one({"_id": "1"})
    assert list(documents_in(things)) == ["1"]


class Unreadable:
    """Something that only the sender can read."""

    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        return int, ("no number",)


def test_an_argument_that_the_owner_cannot_read_is_not_taken_for_the_owners_end(visitor: RemoteStore) -> None:
    things = MockClient(visitor)["any"]["things"]
    error = raised(Exception, lambda: things.insert_one({"_id": "1", "value": Unreadable()}))
    assert not isinstance(error, MongoUnreachableError)
    assert documents_in(things) == {}


def test_an_interrupted_call_does_not_leave_its_answer_to_the_next(
    visitor: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = MockClient(visitor)["any"]["things"]
    things.insert_many([{"_id": "1"}, {"_id": "2"}])
    connection = visitor._idle[-1]

    class Interrupted:
        def send(self, command: Command) -> None:
            connection.send(command)

        def recv(self) -> None:
            raise KeyboardInterrupt

        def close(self) -> None:
            connection.close()

    interrupted: Any = Interrupted()
    monkeypatch.setattr(visitor, "_idle", [interrupted])
    with pytest.raises(KeyboardInterrupt):
        things.find_one({"_id": "1"})
    assert things.find_one({"_id": "2"}) == {"_id": "2"}
    assert connection.closed


def test_threads_get_their_own_answers(visitor: RemoteStore) -> None:
    things = MockClient(visitor)["any"]["things"]
    things.insert_many([{"_id": str(number)} for number in range(CALLERS)])

    def ask(number: int) -> set[str]:
        return {found["_id"] for _ in range(100) for found in things.find({"_id": str(number)})}

    asked = in_threads([lambda number=number: ask(number) for number in range(CALLERS)])  # type: ignore[misc]
    assert asked == [{str(number)} for number in range(CALLERS)]
    assert len(visitor._idle) <= CALLERS


# who may come in


def test_a_wrong_authkey_is_refused_clearly_and_does_not_hurt_the_server(served: ServedStore) -> None:
    say(served.url, "any", "before")
    for url in (served.url[:-4] + "beef", served.url.partition("?")[0]):
        wrong = MockClient(RemoteStore(url, served.port))
        error = raised(MongoUnreachableError, wrong.list_database_names)
        assert "or the URL is not the one that its serve() returned" in str(error)
    right = RemoteStore(served.url, served.port)
    assert MockClient(right).list_database_names() == ["any"]
    right.close()


@pytest.mark.parametrize("words", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x08nonsense", b"\xff" * 100])
def test_a_stranger_does_not_hurt_the_server(served: ServedStore, visitor: RemoteStore, words: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as stranger:
        stranger.sendall(words)
    assert MockClient(visitor).list_database_names() == []


def test_a_visitor_that_sends_what_is_no_command_does_not_hurt_the_server(
    served: ServedStore, visitor: RemoteStore
) -> None:
    authkey = served.url.partition("authkey=")[2].encode()
    with Client(("127.0.0.1", served.port), authkey=authkey) as connection:
        connection.send("no command")
        assert connection.recv()[0] is False
    assert MockClient(visitor).list_database_names() == []


@pytest.mark.parametrize("host", ["mongo.example", "0.0.0.0", "10.0.0.1"])  # noqa: S104 - refused is the point
def test_a_store_on_another_machine_is_refused(host: str) -> None:
    message = str(raised(MongoConfigError, lambda: serving.connect(f"mongomock://{host}:5000/?authkey=k")))
    assert "a mongomock store is served on 127.0.0.1 only, use mongodb:// for other hosts" in message
    assert "authkey=***" in message
