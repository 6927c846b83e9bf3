"""One client per process and settings, in parents and in forked children."""

import socket
import time
from collections.abc import Iterator
from multiprocessing import get_context
from typing import Any

import pytest
from pymongo.database import Database
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.conf.config_mongo import DEFAULT_LIMITS, ClientLimits
from pynenc_mongo.errors import MongoConfigError, MongoOutageError, MongoUnreachableError
from pynenc_mongo.storage import client, verbs
from tests.storage.helpers import (
    AT_ONCE_SECONDS,
    FORK_OF_THREADS,
    address_of,
    app_on,
    collection_at,
    documents_in,
    in_processes,
    in_threads,
    new_name,
    raised,
    run_script,
)

pytestmark = pytest.mark.usefixtures("no_settings_of_the_machine")

SOON = ClientLimits(connect_seconds=0.3)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens who never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


# one client per process and settings


def test_two_databases_on_one_host_each_keep_their_own_documents(any_url: str, database_name: str) -> None:
    one, other = new_name(), new_name()
    try:
        collection_at(any_url, one, "things").insert_one({"_id": "first"})
        collection_at(any_url, other, "things").insert_one({"_id": "second"})
        assert list(documents_in(collection_at(any_url, one, "things"))) == ["first"]
        assert list(documents_in(collection_at(any_url, other, "things"))) == ["second"]
    finally:
        for name in (one, other):
            client.client_at(address_of(any_url, name)).drop_database(name)


def test_a_second_app_with_another_database_does_not_write_into_the_firsts(
    any_url: str, database_name: str
) -> None:
    one, other = new_name(), new_name()
    try:
        app_on(any_url, one).state_backend._set_result(InvocationId("invocation"), "first")
        app_on(any_url, other).state_backend._set_result(InvocationId("invocation"), "second")
        results = "shop.state_backend_results"
        stored = [documents_in(collection_at(any_url, name, results)) for name in (one, other)]
        assert [document["invocation"]["payload"] for document in stored] == [
            {"text": "first"},
            {"text": "second"},
        ]
    finally:
        for name in (one, other):
            client.client_at(address_of(any_url, name)).drop_database(name)


def test_a_process_has_one_client_for_the_same_settings(any_url: str, database: Database[Any]) -> None:
    one, other = address_of(any_url, "one"), MongoAddress(any_url, "other", "elsewhere")
    assert client.client_at(one) is client.client_at(one)
    assert client.client_at(one) is client.client_at(other)


def test_threads_that_connect_at_the_same_time_share_one_client(embedded_url: str) -> None:
    address = address_of(embedded_url, "any")
    limits = ClientLimits(connections=9)
    try:
        clients = in_threads([lambda: client.client_at(address, limits)] * 8)
        assert {id(one) for one in clients} == {id(client.client_at(address, limits))}
    finally:
        client.close_server(embedded_url)


def test_other_settings_have_another_client(embedded_url: str) -> None:
    address = address_of(embedded_url, "any")
    small = ClientLimits(connections=1)
    try:
        assert client.client_at(address, small) is not client.client_at(address)
        assert client.client_at(address, small) is client.client_at(address, small)
    finally:
        client.close_server(embedded_url)


def test_other_credentials_have_another_client() -> None:
    keys = {
        client._key(MongoAddress("mongodb://h", "shop", "a test", *credentials), DEFAULT_LIMITS)
        for credentials in [
            ("", "", ""),
            ("ann", "x", ""),
            ("bob", "x", ""),
            ("ann", "y", ""),
            ("ann", "x", "z"),
        ]
    }
    assert len(keys) == 5


# close


def test_after_close_the_next_use_opens_another_client(any_url: str, database: Database[Any]) -> None:
    address = address_of(any_url, database.name)
    before = client.client_at(address)
    client.close(address)
    after = client.client_at(address)
    assert after is not before
    after[database.name]["things"].insert_one({"_id": "after"})
    assert list(documents_in(after[database.name]["things"])) == ["after"]


def test_an_app_goes_on_after_its_client_was_closed(any_url: str, database: Database[Any]) -> None:
    state_backend = app_on(any_url, database.name).state_backend
    state_backend._set_result(InvocationId("invocation"), "before")
    client.close_server(any_url)
    assert state_backend._get_result(InvocationId("invocation")) == "before"


def test_closing_one_server_leaves_the_clients_of_others_alone(mongomock_url: str, embedded_url: str) -> None:
    kept = [client.client_at(address_of(url, "any")) for url in (mongomock_url, "mongomock://")]
    client.client_at(address_of(embedded_url, "any"))
    client.close_server(embedded_url)
    assert [client.client_at(address_of(url, "any")) for url in (mongomock_url, "mongomock://")] == kept
    assert not any(key.url == embedded_url for key in client._clients)


def test_closing_what_was_never_opened_does_nothing() -> None:
    never = address_of("mongodb://never.example", "any")
    client.close(never)
    client.close_server(never.url)
    assert not any(key.url == never.url for key in client._clients)


# forked children


def test_a_forked_child_opens_a_client_of_its_own_and_the_parents_keeps_working(any_url: str) -> None:
    script = """
        import os, sys
        from pynenc_mongo.conf.address import MongoAddress
        from pynenc_mongo.storage import client

        address = MongoAddress(sys.argv[1], sys.argv[2], "a test")
        notes = client.database_at(address)["notes"]
        notes.insert_one({"_id": "parent"})
        parents = client.client_at(address)
        child = os.fork()
        if child == 0:
            assert client.client_at(address) is not parents
            client.database_at(address)["notes"].insert_one({"_id": "child"})
            sys.exit()  # an ordinary end, with every finalizer
        assert os.waitpid(child, 0)[1] == 0
        assert client.client_at(address) is parents
        notes.insert_one({"_id": "parent again"})
        print(*sorted(note["_id"] for note in notes.find({})), sep=", ")
        client.client_at(address).drop_database(address.database)
    """
    assert run_script(script, any_url, new_name()).strip() == "child, parent, parent again"


def test_a_child_that_is_forked_while_another_thread_connects_does_not_wait_for_it(any_url: str) -> None:
    script = """
        import os, signal, sys
        from pynenc_mongo.conf.address import MongoAddress
        from pynenc_mongo.storage import client

        client._lock.acquire()  # that thread goes on in the parent alone
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            client.client_at(MongoAddress(sys.argv[1], "any", "a test"))
            sys.exit()
        print(os.waitpid(child, 0)[1])
        client._lock.release()
    """
    assert run_script(script, any_url).strip() == "0"


def test_a_child_that_never_connects_ends_in_peace(any_url: str) -> None:
    script = """
        import gc, os, sys
        from pynenc_mongo.conf.address import MongoAddress
        from pynenc_mongo.storage import client

        client.client_at(MongoAddress(sys.argv[1], "any", "a test"))
        child = os.fork()
        if child == 0:
            gc.collect()  # whatever nobody holds on to is finalized here
            sys.exit()
        print(os.waitpid(child, 0)[1])
    """
    assert run_script(script, any_url).strip() == "0"


@pytest.mark.filterwarnings(FORK_OF_THREADS)
def test_an_app_is_used_in_a_child_that_multiprocessing_forked(any_url: str) -> None:
    database = new_name()
    state_backend = app_on(any_url, database).state_backend
    state_backend._set_result(InvocationId("parent"), "1")
    try:
        fork = get_context("fork")
        assert in_processes(fork, 2, lambda: state_backend._get_result(InvocationId("parent"))) == ["1", "1"]
        assert in_processes(fork, 1, lambda: state_backend._set_result(InvocationId("child"), "2")) == [None]
        assert state_backend._get_result(InvocationId("child")) == "2"
    finally:
        client.client_at(address_of(any_url, database)).drop_database(database)


# servers that do not answer


def test_a_server_that_is_not_there_is_reported_within_the_connect_timeout(closed_port: int) -> None:
    address = MongoAddress(
        f"mongodb://ann:hunter2@127.0.0.1:{closed_port}/shop", "shop", "mongo_url from a test"
    )
    began = time.monotonic()
    message = str(raised(MongoUnreachableError, lambda: client.client_at(address, SOON)))
    assert time.monotonic() - began < SOON.connect_seconds + 2
    assert f"mongodb://ann:***@127.0.0.1:{closed_port}/shop (mongo_url from a test)" in message
    assert "refused" in message  # what the driver says
    assert "hunter2" not in message


def test_a_server_that_never_says_anything_is_reported_within_the_connect_timeout(silent_port: int) -> None:
    address = address_of(f"mongodb://127.0.0.1:{silent_port}", "shop")
    began = time.monotonic()
    raised(MongoUnreachableError, lambda: client.client_at(address, SOON))
    assert time.monotonic() - began < AT_ONCE_SECONDS


def test_the_first_use_waits_for_a_server_as_long_as_an_operation_may_take(closed_port: int) -> None:
    app = app_on(f"mongodb://127.0.0.1:{closed_port}", "shop", mongo_timeout_seconds=0.1)
    began = time.monotonic()
    raised(MongoUnreachableError, lambda: app.state_backend._get_result(InvocationId("invocation")))
    assert time.monotonic() - began < AT_ONCE_SECONDS


def test_an_unreachable_server_is_asked_again_at_the_next_use(closed_port: int) -> None:
    address = address_of(f"mongodb://127.0.0.1:{closed_port}", "shop")
    for _ in range(2):
        raised(MongoUnreachableError, lambda: client.client_at(address, ClientLimits(connect_seconds=0.01)))
    assert not any(key.url == address.url for key in client._clients)


@pytest.mark.parametrize(
    "url", ["mongodb://ann:hunter2:x@localhost", "mongodb+srv://cluster.example:27017/shop"]
)
def test_a_url_that_the_driver_refuses_is_a_config_error_that_names_its_source(url: str) -> None:
    address = MongoAddress(url, "shop", "mongo_url from a test")
    message = str(raised(MongoConfigError, lambda: client.client_at(address, SOON)))
    assert f"{address.masked} (mongo_url from a test): " in message
    assert "hunter2" not in message


def test_a_client_that_somebody_closes_is_followed_by_another(any_url: str, database_name: str) -> None:
    app = app_on(any_url, database_name)
    app.state_backend._set_result(InvocationId("1"), "first")
    handed_out = client.client_at(address_of(any_url, database_name))
    epoch = client.epoch()
    handed_out.close()
    assert not client.is_open(handed_out)
    assert client.epoch() > epoch
    assert app.state_backend._get_result(InvocationId("1")) == "first"
    assert client.client_at(address_of(any_url, database_name)) is not handed_out


def test_an_operation_of_a_client_that_is_closed_meanwhile_is_an_outage(
    any_url: str, database_name: str
) -> None:
    things = collection_at(any_url, database_name, "things")
    things.database.client.close()
    with pytest.raises(MongoOutageError, match=r"closed before this was done in .*things"):
        verbs.delete_all(things, {})
