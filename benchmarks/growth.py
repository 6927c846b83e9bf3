"""(c) The same operation beside ever more stored invocations."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from pynenc import Pynenc

from benchmarks import life
from benchmarks.components import batches, fill_history, invocations, register
from benchmarks.progress import shown
from benchmarks.stores import Store
from benchmarks.timing import Samples, seconds

SIZES = (100, 1_000, 10_000)
QUICK_SIZES = (50, 200)
_FILL = 500


def measure(stores: Sequence[Store], sizes: Sequence[int], repetitions: int) -> dict[str, Samples]:
    """Return seconds by `operation, stored invocations` and store."""
    samples: dict[str, Samples] = {}
    for store in stores:
        with store.app() as app:
            for before, size in shown(list(pairwise((0, *sizes))), f"growth on {store.name}"):
                _fill(app, size - before)
                for name, taken in _measure_at(app, repetitions).items():
                    samples.setdefault(f"{name}, {size} stored", {})[store.name] = taken
    return samples


def _measure_at(app: Pynenc, repetitions: int) -> dict[str, list[float]]:
    _live(app)  # after a purge the first insert makes sure of the indexes
    taken: dict[str, list[float]] = {name: [] for name in _OPERATIONS}
    for _ in range(repetitions):
        for name, operation in _OPERATIONS.items():
            taken[name].append(seconds(lambda operation=operation: operation(app)))  # type: ignore[misc]
    return taken


def _fill(app: Pynenc, count: int) -> None:
    """Have `count` more invocations stored and registered, each with a history; the queue stays empty."""
    for group in batches(invocations(count), _FILL):
        app.state_backend.upsert_invocations(list(group))
        register(app, group)
        fill_history(app, [each.invocation_id for each in group])


def _live(app: Pynenc) -> None:
    invocation = life.enqueue()
    life.run(*life.dequeue(app))
    life.read(invocation)


_OPERATIONS: Mapping[str, Callable[[Pynenc], object]] = {
    "one task, whole life": _live,
    "idle poll": life.dequeue,
    "a page of 100 ids": lambda app: app.orchestrator.get_invocation_ids_paginated(limit=100),
}
