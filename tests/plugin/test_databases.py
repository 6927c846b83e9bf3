"""`TestServer` lends databases and sweeps them; a `TestDatabase` is emptied, whatever the server can do."""

import subprocess
import sys
from collections.abc import Iterator
from time import monotonic, time
from typing import Any, NoReturn

import pytest
from bson import DatetimeMS, Int64
from bson.errors import InvalidBSON
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure

from pynenc_mongo.errors import MongoUnreachableError
from pynenc_mongo.storage import client
from pytest_pynenc_mongo import apps, owners, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer, new_name
from pytest_pynenc_mongo.options import Options
from pytest_pynenc_mongo.owners import OWNER_COLLECTION
from pytest_pynenc_mongo.sweeping import Sweep, sweep
from tests.faulty import Broken, faulty, named
from tests.plugin.helpers import closed_port

TEA, CAKE = "tea.state_backend_results", "cake.state_backend_results"
DOCUMENTS = [{"_id": number} for number in range(3)]
UNAUTHORIZED = 13


@pytest.fixture
def server(any_url: str) -> TestServer:
    return TestServer(any_url)


@pytest.fixture
def database(server: TestServer) -> Iterator[TestDatabase]:
    """A database with two collections of apps that hold documents, and one that holds none."""
    with server.lend(new_name("pynenc_test")) as lent:
        for name in (TEA, CAKE):
            lent.handle[name].insert_many(DOCUMENTS)
        lent.handle[TEA].create_index("cups")
        lent.handle.create_collection("tea.broker_messages")
        yield lent


def stored(database: TestDatabase) -> dict[str, int]:
    """Return how many documents each collection holds that holds any, but for the owner's."""
    names = {*database.handle.list_collection_names()} - {OWNER_COLLECTION}
    counts = {name: database.handle[name].count_documents({}) for name in names}
    return {name: count for name, count in counts.items() if count}


def refusing(code: int) -> Any:
    """Return what pymongo's `aggregate` is on a server that answers with an error."""

    def aggregate(*_: Any, **__: Any) -> NoReturn:
        raise OperationFailure("Unrecognized pipeline stage name: '$unionWith'", code)

    return aggregate


def test_a_purge_deletes_the_documents_of_apps_and_nothing_else_of_them(database: TestDatabase) -> None:
    database.purge()
    assert stored(database) == {}
    assert {TEA, CAKE, "tea.broker_messages"} <= {*database.handle.list_collection_names()}
    assert "cups_1" in database.handle[TEA].index_information()
    assert database.handle[OWNER_COLLECTION].count_documents({}) == 1


@pytest.mark.parametrize("code", [40324, 304, 238], ids=["MongoDB 4.2, DocumentDB", "DocumentDB", "FerretDB"])
def test_a_server_without_unions_is_asked_for_each_collection(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Collection, "aggregate", refusing(code))
    database.copy_to(f"{database.name}_copy", test="a test")
    database.purge()
    copy = TestDatabase(database.server, f"{database.name}_copy")
    assert stored(database) == {}
    assert stored(copy) == {TEA: 3, CAKE: 3}
    database.server.client.drop_database(copy.name)


def test_another_refusal_is_not_taken_for_a_server_without_unions(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collection, "aggregate", refusing(UNAUTHORIZED))
    with pytest.raises(OperationFailure) as refused:
        database.purge()
    assert refused.value.code == UNAUTHORIZED


def test_a_lent_database_is_dropped_even_if_the_borrower_fails(server: TestServer) -> None:
    name = new_name("pynenc_test")

    def borrow() -> NoReturn:
        with server.lend(name):
            assert name in server.client.list_database_names()
            raise LookupError

    with pytest.raises(LookupError):
        borrow()
    assert name not in server.client.list_database_names()
    server.close()


@pytest.mark.parametrize("fault", [Broken.BEFORE, Broken.AFTER], ids=["not done", "done, answer lost"])
def test_a_database_that_cannot_be_signed_is_not_left(any_url: str, fault: Broken) -> None:
    name = new_name("pynenc_test")
    with faulty(any_url, named(fault, "update")) as line, TestServer(any_url).lend(name) as control:
        assert name in control.server.client.list_database_names()
        lender = TestServer(line.url, connect_seconds=2)
        with pytest.raises(AutoReconnect), lender.lend(name):
            pytest.fail("it is lent all the same")
        assert name not in control.server.client.list_database_names()


def test_a_server_that_has_gone_is_noted_where_it_shall_drop_a_database(any_url: str) -> None:
    name, notes, begin = new_name("pynenc_test"), list[str](), 0.0
    with faulty(any_url) as line:
        with TestServer(line.url, connect_seconds=0.2).lend(name, notes.append):
            line.stop()
            begin = monotonic()
        assert monotonic() - begin < 5.0
    assert len(notes) == 1
    assert notes[0].startswith(f"left {name}, a later run drops it: {line.url} has gone away: ")
    assert "Topology" not in notes[0]
    server = TestServer(any_url)
    server.client.drop_database(name)
    server.close()


def test_a_closed_port_is_looked_at_for_the_given_time() -> None:
    begin = monotonic()
    with pytest.raises(MongoUnreachableError):
        _ = TestServer(f"mongodb://127.0.0.1:{closed_port()}", connect_seconds=0.1).client
    # a driver's own limit is 10 s or more
    assert monotonic() - begin < 5.0


@pytest.mark.parametrize("seconds", [Options.timeout_seconds, 3.0])
def test_an_app_on_the_test_database_uses_the_plugin_s_client(any_url: str, seconds: float) -> None:
    client.close_server(any_url)
    with (
        TestServer(any_url, seconds).lend(new_name("pynenc_test")) as lent,
        wiring.rewired(apps.new(), wiring.settings(lent)) as app,
    ):
        app.broker.purge()
        limits = [key.limits.connect_seconds for key in client._clients if key.url == any_url]
    assert limits == [seconds]


def test_a_long_run_says_once_an_hour_that_it_lives(database: TestDatabase) -> None:
    record, signed = database.handle[OWNER_COLLECTION], monotonic()

    def is_renewed_after(seconds: float) -> bool:
        record.update_one({}, {"$set": {"at": 5.0}})
        database.purge(signed + seconds)
        found = record.find_one()
        assert found is not None
        return bool(found["at"] > time() - 60)

    assert [is_renewed_after(seconds) for seconds in (0, 3500, 3700, 3701, 7200, 7400)] == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    owner = owners.owner_in(record.find_one() or {})
    assert owner is not None
    assert owner.home == owners.here()


def test_a_stopped_clock_takes_nothing_back(database: TestDatabase) -> None:
    """A test may have frozen the time of its process in the past."""
    record, later = database.handle[OWNER_COLLECTION], time() + 1000
    record.update_one({}, {"$set": {"at": later}})
    database.purge(monotonic() + 3700)
    assert (record.find_one() or {})["at"] == later


def test_a_purge_by_somebody_else_signs_nothing(database: TestDatabase) -> None:
    before = database.handle[OWNER_COLLECTION].find_one()
    TestDatabase(database.server, database.name).purge(monotonic() + 10_000)
    assert database.handle[OWNER_COLLECTION].find_one() == before


def test_no_password_is_shown() -> None:
    database = TestDatabase(TestServer("mongodb://ann:secret@db.example/"), "shop")
    assert "secret" not in repr(database)
    assert "mongodb://ann:***@db.example/" in repr(database)
    assert database.url == "mongodb://ann:secret@db.example/"


def dead_process() -> dict[str, Any]:
    """Return the record of a process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return {**owners.this_process(), "pid": child.pid}


# what stands where the record of an owner should
BAD_RECORDS: dict[str, dict[str, Any]] = {
    "no host": {"pid": 1},
    "a host that is a number": {**owners.this_process(), "host": 5},
    "all processes": {**owners.this_process(), "pid": -1},
    "a number too large": {**owners.this_process(), "pid": Int64(2**40)},
}


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_a_sweep_leaves_alone_what_it_cannot_read_and_names_it(
    server: TestServer, bad: dict[str, Any]
) -> None:
    prefix = new_name("sweep")
    records = {"a": dead_process(), "bad": {**bad, "_id": "owner"}, "z": dead_process()}
    for name, record in records.items():
        server.client[f"{prefix}_{name}"][OWNER_COLLECTION].insert_one(record)
    swept = sweep(server, prefix, kept_too=True)
    assert sorted(swept.dropped) == [f"{prefix}_a", f"{prefix}_z"]
    assert list(swept.left) == [f"{prefix}_bad"]
    assert "cannot be read" in swept.left[f"{prefix}_bad"]
    server.client.drop_database(f"{prefix}_bad")
    server.close()


def test_a_sweep_leaves_alone_what_python_cannot_hold(mongomock_url: str) -> None:
    """SecantusDB, written in Python itself, cannot hold it either."""
    server, name = TestServer(mongomock_url), new_name("sweep")
    stored = server.client[name][OWNER_COLLECTION]
    stored.insert_one({**owners.this_process(), "at": DatetimeMS(2**60)})
    with pytest.raises(InvalidBSON):
        stored.find_one()
    assert list(sweep(server, "sweep", kept_too=True).left) == [name]
    server.client.drop_database(name)
    server.close()


def test_a_sweep_says_nothing_of_what_is_none_of_its_business(server: TestServer) -> None:
    prefix = new_name("sweep")
    kept = {**dead_process(), "kept": True}
    records = {"kept": kept, "alive": owners.this_process(), "nobody-s": {"_id": "orders"}}
    for name, record in records.items():
        server.client[f"{prefix}_{name}"][OWNER_COLLECTION].insert_one(record)
    assert sweep(server, prefix, kept_too=False) == Sweep()
    assert sweep(server, prefix, kept_too=True) == Sweep(dropped=[f"{prefix}_kept"])
    for name in records:
        server.client.drop_database(f"{prefix}_{name}")
    server.close()
