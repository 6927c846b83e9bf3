"""(b) Tasks through pynenc's runners: enqueue them, run them, read the results."""

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pynenc import Pynenc

from benchmarks.life import Invocation, enqueue, read
from benchmarks.progress import shown
from benchmarks.stores import Store
from benchmarks.timing import Samples, is_enough, seconds
from pytest_pynenc_mongo import runners, workers

_ONES = 10
_START_SECONDS = 60.0


def measure(
    stores: Sequence[Store], kinds: Sequence[tuple[str, int]], repetitions: int
) -> dict[str, Samples]:
    """Return seconds by what was measured and store; `kinds` are runners and how many tasks each gets."""
    samples: dict[str, Samples] = {}
    rounds = [(kind, tasks, store) for kind, tasks in kinds for _ in range(repetitions) for store in stores]
    for kind, tasks, store in shown(rounds, "end to end"):
        if is_enough(samples, _whole(kind, tasks), store.name):
            continue
        for name, taken in _through(store, kind, tasks).items():
            samples.setdefault(name, {}).setdefault(store.name, []).append(taken)
    return samples


def _through(store: Store, kind: str, tasks: int) -> dict[str, float]:
    with store.app(runner_cls=kind) as app, _running(app, kind):
        # the first task waits for processes to start
        read(enqueue())
        return _timed(kind, tasks)


def _timed(kind: str, tasks: int) -> dict[str, float]:
    invocations: list[Invocation] = []
    enqueued = seconds(lambda: invocations.extend(enqueue(number) for number in range(tasks)))
    finished = seconds(lambda: [read(invocation) for invocation in invocations])
    ones = [seconds(lambda: read(enqueue())) for _ in range(_ONES)]
    return {
        f"{kind}: enqueue {tasks} tasks": enqueued,
        _whole(kind, tasks): enqueued + finished,
        f"{kind}: one task": statistics.median(ones),
    }


@contextmanager
def _running(app: Pynenc, kind: str) -> Iterator[None]:
    """Run the app's runner in a thread here; ProcessRunner in a process of its own.

    It forks one for each task: beside a thread that reads results, which may hold a lock of SQLite's or of
    logging's at that moment, the child would wait for it for ever.
    """
    if kind != "ProcessRunner":
        with runners.running_thread(app, _START_SECONDS):
            yield
        return
    with tempfile.TemporaryDirectory(prefix="bench-worker-") as directory:
        worker = workers.start_worker(app, workers.Place(Path(directory), _START_SECONDS))
        try:
            yield
        finally:
            worker.stop()


def _whole(kind: str, tasks: int) -> str:
    return f"{kind}: {tasks} tasks in all"
