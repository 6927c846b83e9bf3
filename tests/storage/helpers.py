"""What the tests of the storage floor share: a log of commands, child processes, fresh addresses."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import BaseContext
from textwrap import dedent
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pymongo import MongoClient, monitoring
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError
from pynenc import Pynenc

from pynenc_mongo.builder import COMPONENTS
from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.storage import client, serving
from pynenc_mongo.storage.mock import Command, MockClient, Store

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# how long something that has to happen at once may take on a busy machine
AT_ONCE_SECONDS = 5.0
CHILD_SECONDS = 30.0

FORK_OF_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"

# mongomock's methods, by the command that MongoDB would see
_COMMANDS = {
    "find": "find",
    "find_one": "find",
    "find_one_and_delete": "findAndModify",
    "find_one_and_replace": "findAndModify",
    "insert_one": "insert",
    "insert_many": "insert",
    "replace_one": "update",
    "update_one": "update",
    "update_many": "update",
    "delete_many": "delete",
    "distinct": "distinct",
    "count_documents": "aggregate",
    "create_indexes": "createIndexes",
    "index_information": "listIndexes",
}
FAILURES: dict[str, type[PyMongoError]] = {
    "refused": OperationFailure,
    "broken": AutoReconnect,
    "answer lost": AutoReconnect,
}
WRITES = ("insert", "update", "delete", "findAndModify")


@dataclass(frozen=True)
class Seen:
    """One command that reached a store."""

    name: str
    collection: str
    document: dict[str, Any]


class CommandLog(monitoring.CommandListener):
    """The commands on collections that reached a store, under MongoDB's names on every engine."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def clear(self) -> None:
        self.seen.clear()

    def names(self, collection: str = "") -> list[str]:
        """Return the commands on the collections whose name ends with `collection`, in order."""
        return [seen.name for seen in self.seen if seen.collection.endswith(collection)]

    def writes(self) -> list[str]:
        return [name for name in self.names() if name in WRITES]

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _COMMANDS.values():
            collection = event.command[event.command_name]
            self.seen.append(Seen(event.command_name, collection, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing: that it was sent is enough."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing: that it was sent is enough."""


class LoggedStore:
    """A mongomock store whose commands are logged."""

    def __init__(self, store: Store, log: CommandLog) -> None:
        self._store = store
        self._log = log

    def run(self, command: Command) -> Any:
        if command.collection is not None:
            self._log.seen.append(Seen(_COMMANDS[command.method], command.collection, {}))
        return self._store.run(command)

    def close(self) -> None:
        self._store.close()


@contextmanager
def logged_commands(url: str) -> Iterator[CommandLog]:
    """Log what the clients of this process that are opened meanwhile send to `url`."""
    log = CommandLog()
    connect = serving.connect
    client.close_server(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "MongoClient", partial(MongoClient, event_listeners=[log]))
        patch.setattr(serving, "connect", lambda url: MockClient(LoggedStore(connect(url).store, log)))
        yield log
        client.close_server(url)


def new_name(kind: str = "database") -> str:
    return f"pynenc_test_{kind}_{uuid4().hex[:12]}"


def address_of(url: str, database: str) -> MongoAddress:
    return MongoAddress(url, database, "a test")


def collection_at(url: str, database: str, name: str) -> Collection[Any]:
    return client.database_at(address_of(url, database))[name]


def app_on(url: str, database: str, app_id: str = "shop", **settings: Any) -> Pynenc:
    """Return an app whose state backend is on MongoDB."""
    values = {"app_id": app_id, "mongo_url": url, "mongo_db": database, **COMPONENTS, **settings}
    return Pynenc(config_values=values)


def documents_in(collection: Any) -> dict[str, Any]:
    """Return all documents by their key."""
    return {document["_id"]: document for document in collection.find({})}


class Failing:
    """A collection whose server fails in one method.

    It refuses to do it, or the connection breaks: before it was done, or after, so that its answer is lost.
    """

    def __init__(self, collection: Collection[Any], method: str, how: str) -> None:
        assert how in FAILURES
        self._collection = collection
        self._method = method
        self._how = how

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        return self._failing(method) if name == self._method else method

    def _failing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*args: Any, **kwargs: Any) -> None:
            if self._how == "answer lost":
                method(*args, **kwargs)
            if self._how == "refused":
                raise OperationFailure("the server refuses this")
            raise AutoReconnect("the connection broke")

        return fail


def in_threads[T](work: Iterable[Callable[[], T]]) -> list[T]:
    """Run each callable in a thread of its own, all at the same time; return what they returned."""
    works = list(work)
    start = threading.Barrier(len(works))
    outcomes: list[Any] = [AssertionError("the thread did not end in time")] * len(works)

    def run(place: int) -> None:
        start.wait(AT_ONCE_SECONDS)
        try:
            outcomes[place] = works[place]()
        except BaseException as error:  # noqa: BLE001 - raised again below, where the test sees it
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CHILD_SECONDS)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes


def in_processes(context: BaseContext, count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run `work` in `count` child processes at the same time; return what each returned or raised."""
    start = context.Barrier(count)
    children, answers = [], []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(  # type: ignore[attr-defined]
                target=_answer, args=(theirs, start, work, arguments)
            )
            child.start()
            theirs.close()
            children.append(child)
            answers.append(ours)
        return [_received(answer) for answer in answers]
    finally:
        for child in children:
            child.join(AT_ONCE_SECONDS)
            child.kill()
            child.join()
            child.close()
        for answer in answers:
            answer.close()


def _answer(
    answers: "Connection[Any, Any]", start: Any, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    start.wait(CHILD_SECONDS)
    try:
        outcome = work(*arguments)
    except Exception as error:  # noqa: BLE001 - the test decides what it is worth
        outcome = error
    answers.send(outcome)


def _received(answer: "Connection[Any, Any]") -> Any:
    assert answer.poll(CHILD_SECONDS), "a child process did not answer in time"
    return answer.recv()


def run_script(source: str, *arguments: str) -> str:
    """Run Python source in a fresh interpreter in which warnings are errors; return what it printed.

    It fails if the script fails, and if anything at all stands on its stderr.
    """
    # Python's own warning, wherever a process with threads forks
    warnings = ["-W", "error", "-W", "ignore:This process"]
    done = subprocess.run(
        [sys.executable, *warnings, "-c", dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def raised[E: Exception](kind: type[E], call: Callable[[], object]) -> E:
    """Return the error of type `kind` that `call` raises."""
    with pytest.raises(kind) as caught:
        call()
    return caught.value
