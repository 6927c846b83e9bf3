"""What happens to an order once it is paid: labels, parcels, stock, all by themselves."""

import os
import threading
from pathlib import Path
from typing import TypedDict

from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.trigger.conditions import EventContext
from pynenc.trigger.trigger_builder import on_cron, on_event
from shop.app import app
from shop.orders import price_of


class Parcel(TypedDict):
    order: str
    pid: int


class Journey(TypedDict):
    steps: list[str]
    cents: int
    pid: int


def paid_order(event: EventContext) -> dict[str, str]:
    """The arguments of `pack`."""
    return {"order": event.payload["order"]}


@app.task(triggers=on_event("order paid").with_args_from_event(paid_order))
def pack(order: str) -> Parcel:
    """Pack a parcel as soon as its order is paid."""
    return {"order": order, "pid": os.getpid()}


@app.task(triggers=on_cron("0 3 * * *"))
def count_stock() -> int:
    """Count what is in stock, every night."""
    return os.getpid()


@app.workflow
def fulfil(lines: list[tuple[str, int]]) -> Journey:
    """Take an order from its price to its delivery; the workflow keeps what happened."""
    steps = fulfil.wf.get_data("steps", [])
    fulfil.wf.set_data("steps", [*steps, "priced"])
    cents = sum(price["cents"] for price in price_of.parallelize(lines).results)
    fulfil.wf.set_data("steps", [*fulfil.wf.get_data("steps"), "delivered"])
    return {"steps": fulfil.wf.get_data("steps"), "cents": cents, "pid": os.getpid()}


@app.task(running_concurrency=ConcurrencyControlType.TASK, reroute_on_concurrency_control=True)
def print_label(printer: str, order: str) -> int:
    """Print an order's label; there is one printer, and two labels at once jam it."""
    busy = Path(printer)
    busy.touch(exist_ok=False)
    busy.write_text(order)
    threading.Event().wait(0.05)
    busy.unlink()
    return os.getpid()
