"""The user's own tasks: each fails in its own way."""

import os
import signal
import threading
from collections.abc import Callable

from pynenc import PynencBuilder
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.trigger.trigger_builder import on_cron, on_event

app = PynencBuilder().app_id("kitchen").memory().build()


class SoldOutError(Exception):
    """Has more arguments than its message."""

    def __init__(self, item: str, left: int) -> None:
        super().__init__(f"{item}: {left} left")


@app.task
def brew(cups: int) -> int:
    return cups * 2


@app.task
def order(item: str) -> None:
    look_up(item)


def look_up(item: str) -> None:
    raise KeyError(item)


@app.task
def hang() -> None:
    while True:
        threading.Event().wait(0.01)


@app.task(max_retries=2, retry_for=(OSError,))
def call_supplier(number: str) -> None:
    raise OSError(f"nobody answers at {number}")


@app.task
def leave(code: int) -> None:
    os._exit(code)


@app.task
def die(name: str) -> None:
    os.kill(os.getpid(), signal.Signals[name])
    threading.Event().wait()  # another thread may get it


@app.task
def boil(pot: str) -> None:
    app.state_backend.get_invocation(InvocationId(pot)).result


@app.task
def pour() -> None:
    boil(pour.invocation.invocation_id).result


@app.task(running_concurrency=ConcurrencyControlType.TASK, reroute_on_concurrency_control=True)
def use_oven(dish: str) -> None:
    while True:
        threading.Event().wait(0.01)


@app.task(running_concurrency=ConcurrencyControlType.TASK)
def use_scales(item: str) -> None:
    while True:
        threading.Event().wait(0.01)


@app.task(triggers=on_event("order paid"))
def pack() -> str:
    return "packed"


@app.task(triggers=on_cron("0 3 * * *"))
def count_stock() -> None:
    pass


@app.task
def recipe() -> Callable[[], str]:
    return lambda: "tea"


@app.task
def sell(item: str) -> None:
    raise SoldOutError(item, 1)


@app.task(queue="slow")
def steep(minutes: int) -> int:
    return minutes
