"""The engine's own share: the commands of tasks sent again, as they were, by the bare driver."""

from collections.abc import Sequence
from typing import Any

from pymongo import MongoClient

from benchmarks import life
from benchmarks.progress import shown
from benchmarks.stores import Store
from benchmarks.timing import Samples, seconds
from tests.commands import Sent, logged_commands

# the driver adds these to every command itself
_ADDED = ("lsid", "txnNumber", "maxTimeMS")


def measure(stores: Sequence[Store], tasks: int, repetitions: int) -> dict[str, Samples]:
    """Return seconds of whole lives, one after the other in one thread, and of their commands alone."""
    samples: dict[str, Samples] = {}
    wired = [store for store in stores if store.url]
    for store in shown(wired * repetitions, "the engine's own share"):
        lived, sent = _live(store, tasks)
        replayed = _replay(store, sent)
        for name, taken in ((f"{tasks} tasks, one thread", lived), ("their commands alone", replayed)):
            samples.setdefault(name, {}).setdefault(store.name, []).append(taken)
    return samples


def _live(store: Store, tasks: int) -> tuple[float, list[Sent]]:
    with logged_commands(store.url) as counter, store.app() as app:

        def work() -> None:
            invocations = [life.enqueue(number) for number in range(tasks)]
            for _ in invocations:
                life.run(*life.dequeue(app))
            for invocation in invocations:
                life.read(invocation)

        counter.take()
        return seconds(work), counter.take()


def _replay(store: Store, sent: Sequence[Sent]) -> float:
    assert store.database is not None
    client: MongoClient[dict[str, Any]] = MongoClient(store.url)
    name = f"{store.database.name}_again"
    documents = [
        {key: value for key, value in each.document.items() if key not in _ADDED and key[0] != "$"}
        for each in sent
    ]
    try:
        database = client[name]
        database.command("ping")
        return seconds(lambda: [database.command(document) for document in documents])
    finally:
        client.drop_database(name)
        client.close()
