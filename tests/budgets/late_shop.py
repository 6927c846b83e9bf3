"""A shop whose trigger is registered late, by another process than the one that sells."""

import subprocess
import sys
from collections.abc import Callable
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


def register_in_another_process(url: str, database: str, what: str) -> None:
    """Register a trigger in a process that knows nothing of this one but the store, and wait until it has."""
    source = "import sys; from tests.budgets import late_shop; late_shop.register(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", source, url, database, what], check=True, timeout=30)


def register(url: str, database: str, what: str) -> None:
    app.config_values = values(url, database)
    app.trigger.register_task_triggers(ship, WAYS[what](TriggerBuilder()))
