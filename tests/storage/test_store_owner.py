"""What becomes of the others when the owner of a served store ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.collection import Collection

from pynenc_mongo.errors import MongoUnreachableError
from pynenc_mongo.storage import client, serving
from pynenc_mongo.storage.mock import MockClient
from tests.plugin.helpers import wait_until
from tests.storage.helpers import AT_ONCE_SECONDS, collection_at, documents_in, in_threads, raised


class Owner:
    """A process that owns a served store, see served_owner.py."""

    def __init__(self, root: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.served_owner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=root,
            text=True,
        )
        self.children: list[int] = []
        self.url = self.line()

    def tell(self, word: str) -> str:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)
        return self.line()

    def fork(self) -> None:
        self.children.append(int(self.tell("fork")))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(AT_ONCE_SECONDS)

    def end(self) -> None:
        for child in self.children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> Iterator[Owner]:
    started = Owner(str(request.config.rootpath))
    yield started
    client.close_server(started.url)
    started.end()


@pytest.fixture
def things(owner: Owner) -> Collection[Any]:
    return collection_at(owner.url, "any", "things")


class Call:
    """A call in a thread of its own; what it raised can be asked for."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._outcome: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._work()
        except Exception as error:  # noqa: BLE001 - it is what the test is about
            self._outcome = error

    @property
    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    def outcome(self) -> object:
        self._thread.join(AT_ONCE_SECONDS)
        assert not self._thread.is_alive(), "the call hangs"
        return self._outcome


def asked_and_not_answered(owner: Owner, things: Collection[Any]) -> Call:
    """Return a call that the owner has received and cannot answer."""
    things.insert_one({"_id": "1"})
    (idle,) = store_of(things)._idle
    owner.tell("hold")
    call = Call(lambda: things.find_one({"_id": "1"}))
    wait_until(lambda: idle not in store_of(things)._idle, AT_ONCE_SECONDS, "the call")
    assert call.is_under_way
    return call


def store_of(things: Any) -> Any:
    return things.store


def list_databases(url: str) -> list[str]:
    """Ask over a new connection, in the owner's process too."""
    visitor = serving.RemoteStore(url, urlsplit(url).port or 0)
    try:
        return MockClient(visitor).list_database_names()
    finally:
        visitor.close()


def assert_gone(outcome: object) -> None:
    assert isinstance(outcome, MongoUnreachableError)
    assert "the process that served it has ended" in str(outcome)
    assert "authkey=***" in str(outcome)


@pytest.mark.parametrize("children", [0, 2])
def test_the_death_of_the_owner_ends_a_call_under_way(
    owner: Owner, things: Collection[Any], children: int
) -> None:
    call = asked_and_not_answered(owner, things)
    for _ in range(children):
        owner.fork()  # it inherits the owner's sockets
    owner.kill()
    assert_gone(call.outcome())


@pytest.mark.parametrize("children", [0, 2])
def test_after_the_death_of_the_owner_every_call_fails_at_once(
    owner: Owner, things: Collection[Any], children: int
) -> None:
    things.insert_one({"_id": "1"})
    for _ in range(children):
        owner.fork()
    owner.kill()
    for _ in range(3):  # the first one still has a connection
        assert_gone(Call(lambda: things.find_one({})).outcome())


def test_a_child_of_the_owner_does_not_answer_in_its_place(owner: Owner) -> None:
    owner.fork()
    owner.kill()
    assert_gone(Call(lambda: list_databases(owner.url)).outcome())


def test_the_death_of_the_owner_ends_a_call_that_it_was_accepting_when_it_forked(owner: Owner) -> None:
    owner.tell("stall")
    call = Call(lambda: list_databases(owner.url))
    assert owner.line() == "accepted"
    owner.fork()
    owner.kill()
    assert_gone(call.outcome())


def test_close_ends_a_call_under_way(owner: Owner, things: Collection[Any]) -> None:
    call = asked_and_not_answered(owner, things)
    assert owner.tell("close") == "done"
    assert_gone(call.outcome())


def test_after_close_every_call_of_others_fails_at_once(owner: Owner, things: Collection[Any]) -> None:
    things.insert_one({"_id": "1"})
    assert owner.tell("close") == "done"
    for _ in range(3):
        assert_gone(Call(lambda: things.find_one({})).outcome())


def test_the_end_of_one_owner_leaves_other_stores_alone(owner: Owner, things: Collection[Any]) -> None:
    served = serving.serve()
    try:
        survivor = collection_at(served.url, "any", "things")
        survivor.insert_one({"_id": "1"})
        owner.kill()
        assert_gone(raised(MongoUnreachableError, lambda: things.find_one({})))
        assert list(documents_in(survivor)) == ["1"]
    finally:
        client.close_server(served.url)
        served.close()


def test_an_owner_may_close_twice() -> None:
    served = serving.serve()
    served.close()
    served.close()
    assert_gone(raised(MongoUnreachableError, lambda: list_databases(served.url)))


def test_a_closed_owner_leaves_no_thread_and_no_listening_port() -> None:
    before = set(threading.enumerate())
    served = serving.serve()
    visitor = serving.RemoteStore(served.url, served.port)
    MockClient(visitor).list_database_names()
    served.close()
    visitor.close()
    wait_until(lambda: set(threading.enumerate()) <= before, AT_ONCE_SECONDS, "the end of all threads")
    assert_gone(raised(MongoUnreachableError, lambda: list_databases(served.url)))


def test_close_hangs_up_on_many_at_once() -> None:
    for _ in range(10):
        served = serving.serve()
        visitors = [serving.RemoteStore(served.url, served.port) for _ in range(8)]
        in_threads([MockClient(visitor).list_database_names for visitor in visitors])
        served.close()
        for visitor in visitors:
            raised(MongoUnreachableError, MockClient(visitor).list_database_names)


def test_close_ends_a_call_that_is_just_being_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted, go_on = threading.Event(), threading.Event()
    serve = serving.ServedStore._serve

    def late(self: serving.ServedStore, connection: Any) -> None:
        accepted.set()
        go_on.wait(AT_ONCE_SECONDS)
        serve(self, connection)

    monkeypatch.setattr(serving.ServedStore, "_serve", late)
    served = serving.serve()
    call = Call(lambda: list_databases(served.url))
    assert accepted.wait(AT_ONCE_SECONDS)
    served.close()
    go_on.set()
    assert_gone(call.outcome())


def test_a_port_where_somebody_listens_who_never_says_anything_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_GREETING_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        call = Call(lambda: list_databases(f"mongomock://127.0.0.1:{port}/?authkey=k"))
        assert_gone(call.outcome())
