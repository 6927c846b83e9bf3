"""Each command is atomic: threads and processes take turns; without the lock they would not."""

import contextlib
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from pynenc_mongo.mongomock_server import commands
from pynenc_mongo.mongomock_server.commands import State
from pynenc_mongo.mongomock_server.process import MongomockServer
from tests.mongomock_server.lines import Client
from tests.storage.helpers import FORK_OF_THREADS, in_processes, in_threads

pytestmark = pytest.mark.filterwarnings(FORK_OF_THREADS)

POPPERS = 8
DOCUMENTS = 480


def pop_all(url: str) -> list[int]:
    """Take documents until there is none; return their keys."""
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=20_000) as client:
        popped = iter(lambda: client.shop.queue.find_one_and_delete({}, sort=[("_id", 1)]), None)
        return [document["_id"] for document in popped]


def compare_and_set(url: str) -> int:
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=20_000) as client:
        return client.shop.state.update_one({"_id": 1, "owner": None}, {"$set": {"owner": 2}}).modified_count


def test_eight_processes_pop_each_document_once(mongomock_server: MongomockServer, client: Client) -> None:
    client.shop.queue.insert_many([{"_id": number} for number in range(DOCUMENTS)])
    context = multiprocessing.get_context("fork")
    popped = in_processes(context, POPPERS, pop_all, mongomock_server.url)
    assert sorted(key for keys in popped for key in keys) == list(range(DOCUMENTS))


def test_a_compare_and_set_has_one_winner(mongomock_server: MongomockServer, client: Client) -> None:
    client.shop.state.insert_one({"_id": 1, "owner": None})
    context = multiprocessing.get_context("fork")
    assert sum(in_processes(context, POPPERS, compare_and_set, mongomock_server.url)) == 1


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns much more often than by default, so that a race is seen."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def deliveries(url: str) -> tuple[int, int]:
    """Have eight threads pop; return how many documents they received, and how many failures."""
    with MongoClient[dict[str, Any]](url) as client:
        client.shop.queue.insert_many([{"_id": number} for number in range(DOCUMENTS)])

        def pop() -> tuple[int, int]:
            received = failed = 0
            while True:
                try:
                    document = client.shop.queue.find_one_and_delete({})
                except OperationFailure:
                    failed += 1
                    continue
                if document is None:
                    return received, failed
                received += 1

        outcomes = in_threads([pop] * POPPERS)
    return sum(received for received, _ in outcomes), sum(failed for _, failed in outcomes)


def test_eight_threads_pop_each_document_once(serving: Callable[[State], str], eager_threads: None) -> None:
    assert deliveries(serving(State())) == (DOCUMENTS, 0)


def test_control_without_the_lock_they_do_not(serving: Callable[[State], str], eager_threads: None) -> None:
    no_lock: Any = contextlib.nullcontext()
    url = serving(State(lock=no_lock))
    assert any(deliveries(url) != (DOCUMENTS, 0) for _ in range(5))


def test_a_command_runs_while_it_holds_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For certain; the two above see it by a race."""

    def ping(state: State, _: Any) -> dict[str, Any]:
        return {"held": state.lock.locked(), "ok": 1.0}

    monkeypatch.setattr(commands, "COMMANDS", {"ping": ping})
    state = State()
    assert commands.run(state, {"ping": 1, "$db": "admin"}) == {"held": True, "ok": 1.0}
    assert not state.lock.locked()


def test_every_caller_has_an_error_within_a_second_when_the_server_is_killed(
    starting: Callable[[], MongomockServer],
) -> None:
    running = starting()
    inside = threading.Semaphore(0)

    def call_until_it_fails() -> str:
        with MongoClient[dict[str, Any]](running.url) as client:
            client.shop.things.insert_one({})
            inside.release()
            for _ in range(1_000_000):
                try:
                    client.shop.things.find_one()
                except PyMongoError as error:
                    return type(error).__name__
        return "no error"

    def kill_when_all_are_inside() -> str:
        for _ in range(4):
            assert inside.acquire(timeout=10)
        running.kill()
        return "killed"

    failures = in_threads([*[call_until_it_fails] * 4, kill_when_all_are_inside])
    assert set(failures[:4]) <= {"AutoReconnect", "ServerSelectionTimeoutError", "ConnectionFailure"}
