"""A shop whose trigger is registered late, by another process than the one that sells."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pynenc import Pynenc
from pynenc.trigger.trigger_builder import TriggerBuilder

from pynenc_mongo.builder import COMPONENTS

app = Pynenc(config_values={"app_id": "late shop", "logging_level": "error"})

# what happens while a task runs
meanwhile: list[Callable[[], None]] = []


@app.task
def sell(cake: str) -> str:
    for happen in meanwhile:
        happen()
    if cake == "burnt":
        raise ValueError(cake)
    return cake


@app.task
def ship() -> None:
    """What the trigger would start."""


WAYS: dict[str, Callable[[TriggerBuilder], TriggerBuilder]] = {
    "registered": lambda trigger: trigger.on_status(sell, "registered"),
    "pending": lambda trigger: trigger.on_status(sell, "pending"),
    "running": lambda trigger: trigger.on_status(sell, "running"),
    "success": lambda trigger: trigger.on_status(sell, "success"),
    "failed": lambda trigger: trigger.on_status(sell, "failed"),
    "result": lambda trigger: trigger.on_any_result(sell),
    "exception": lambda trigger: trigger.on_exception(sell, "ValueError"),
    "event": lambda trigger: trigger.on_event("ordered"),
}


def values(url: str, database: str) -> dict[str, Any]:
    return {"app_id": "late shop", "mongo_url": url, "mongo_db": database, **COMPONENTS}


class AnotherProcess:
    """A process that knows nothing of this one but the store, and registers triggers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def register(self, url: str, database: str, what: str) -> None:
        """Register a trigger there, and wait until it has."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{url} {database} {what}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == f"{what}\n"


@contextmanager
def another_process() -> Iterator[AnotherProcess]:
    command = [sys.executable, "-c", "from tests.budgets import late_shop; late_shop.serve()"]
    # it ends when its standard input does
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield AnotherProcess(process)


def serve() -> None:
    """Register what each line of standard input asks for, as a process that has just started would."""
    for line in sys.stdin:
        url, database, what = line.split()
        app.config_values = values(url, database)
        app._reset_cached_components()
        app.trigger.register_task_triggers(ship, WAYS[what](TriggerBuilder()))
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()
