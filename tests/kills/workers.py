"""Workers in processes of their own, several at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pynenc import Pynenc

from pytest_pynenc_mongo.workers import Place, Worker, start_worker

START_SECONDS = 30.0


@contextmanager
def at_work(app: Pynenc, directory: Path, count: int) -> Iterator[list[Worker]]:
    """Have some workers run until the block ends; the list may be changed meanwhile."""
    workers: list[Worker] = []
    try:
        for number in range(count):
            workers.append(start(app, directory / f"worker-{number}"))  # noqa: PERF401 - each must end
        yield workers
    finally:
        for worker in workers:
            worker.kill()


def start(app: Pynenc, directory: Path) -> Worker:
    directory.mkdir()
    return start_worker(app, Place(directory, START_SECONDS))


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    """Wait until `condition` holds.

    :raises TimeoutError: if it does not within some seconds
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} did not hold within {seconds:g} s")
        threading.Event().wait(0.05)
