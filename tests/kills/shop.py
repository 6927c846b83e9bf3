"""Tasks of every kind that a kill meets: plain, retried, one at a time, with tasks of their own."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pynenc import Pynenc
from pynenc.conf.config_task import ConcurrencyControlType

app = Pynenc(config_values={"app_id": "killed shop", "logging_level": "warning"})

BUSY_SECONDS = 0.03
OVERLAP = "two at once"


class TryAgainError(Exception):
    """The first attempt always fails."""


def be_busy() -> None:
    threading.Event().wait(BUSY_SECONDS)


@contextmanager
def alone(till: str) -> Iterator[None]:
    """Hold a lock that ends with its process; note in a file of its own if somebody else holds it."""
    with Path(till).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Path(f"{till}.jammed").write_text(OVERLAP)
        yield


@app.task
def sell(number: int) -> int:
    be_busy()
    return number


@app.task(retry_for=(TryAgainError,), max_retries=3)
def charge(number: int) -> int:
    be_busy()
    if charge.invocation.num_retries == 0:
        raise TryAgainError
    return number


@app.task(running_concurrency=ConcurrencyControlType.TASK)
def print_label(till: str, number: int) -> int:
    """One at a time, and by pynenc's default whoever is in the way of another may end unrun."""
    with alone(till):
        be_busy()
    return number


@app.task(running_concurrency=ConcurrencyControlType.TASK, reroute_on_concurrency_control=True)
def count_cash(till: str, number: int) -> int:
    """One at a time, and each of them in the end."""
    with alone(till):
        be_busy()
    return number


@app.task(running_concurrency=ConcurrencyControlType.TASK, retry_for=(TryAgainError,), max_retries=3)
def weigh(till: str, number: int) -> int:
    """One at a time, and each needs a second attempt."""
    with alone(till):
        be_busy()
        if weigh.invocation.num_retries == 0:
            raise TryAgainError
    return number


@app.task
def bake(number: int) -> int:
    """Sell three: a task that waits for tasks of its own."""
    return sum(sell.parallelize([(number,), (number,), (number,)]).results)


@app.task
def leave() -> None:
    """Leave the shop in the middle of the work."""
    raise SystemExit("closing time")
