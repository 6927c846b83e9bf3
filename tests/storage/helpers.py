"""What the tests of the backends share: child processes, fresh addresses, failing servers."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextvars import Context
from multiprocessing.context import BaseContext
from textwrap import dedent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError
from pynenc import Pynenc

from pynenc_mongo.builder import COMPONENTS
from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.storage import client

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

# how long something that has to happen at once may take on a busy machine
AT_ONCE_SECONDS = 5.0
CHILD_SECONDS = 30.0

FORK_OF_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"

FAILURES: dict[str, type[PyMongoError]] = {
    "refused": OperationFailure,
    "broken": AutoReconnect,
    "answer lost": AutoReconnect,
}


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


_AWAY = SimpleNamespace(has_writable_server=lambda: False)


def _waiting(seconds: float) -> SimpleNamespace:
    options = SimpleNamespace(timeout=seconds, server_selection_timeout=seconds)
    return SimpleNamespace(client=SimpleNamespace(options=options, topology_description=_AWAY))


# a database whose driver's options say that nobody waits for a server that fails
HASTY = _waiting(0.1)
# the same, where it has done something before: that takes its time on a slow machine
LESS_HASTY = _waiting(0.5)


class Failing:
    """A collection whose server fails in one method, again and again.

    It refuses to do it, or the connection breaks: before it was done, or after, so that its answer is lost.
    """

    def __init__(self, collection: Collection[Any], method: str, how: str) -> None:
        assert how in FAILURES
        self.database = LESS_HASTY if how == "answer lost" else HASTY
        self._collection = collection
        self._method = method
        self._how = how

    @property  # type: ignore[misc]  # our code asks what it is one of
    def __class__(self) -> type:
        return type(self._collection)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        return self._failing(method) if name == self._method else method

    def _failing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def fail(*args: Any, **kwargs: Any) -> None:
            if self._how == "answer lost":  # not before it was done, whatever time is left
                Context().run(method, *args, **kwargs)
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
        except BaseException as error:  # raised again below, where the test sees it
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
    except Exception as error:  # the test decides what it is worth
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
