"""What the shop does with an order."""

import os
import random
import threading
from pathlib import Path
from typing import TypedDict

from shop.app import app

PRICES = {"tea": 450, "coffee": 980, "sugar": 120}
STOCK = {"tea": 12, "coffee": 3, "sugar": 0}


class OutOfStockError(Exception):
    """There is less of an item than was ordered."""


class GatewayTimeoutError(Exception):
    """The payment gateway did not answer; asking again may help."""


class Price(TypedDict):
    cents: int
    pid: int


class Receipt(TypedDict):
    cents: int
    attempts: int
    pid: int


@app.task
def price_of(item: str, count: int) -> Price:
    """Price one line of an order."""
    return {"cents": PRICES[item] * count, "pid": os.getpid()}


@app.task
def price_order(lines: list[tuple[str, int]]) -> Price:
    """Price an order: each line is a task of its own."""
    prices = price_of.parallelize(lines).results
    return {"cents": sum(price["cents"] for price in prices), "pid": os.getpid()}


@app.task
def reserve(item: str, count: int) -> int:
    """Set items aside; return how many are left."""
    if STOCK[item] < count:
        raise OutOfStockError(f"{count} {item} ordered, {STOCK[item]} left")
    return STOCK[item] - count


@app.task(retry_for=(GatewayTimeoutError,), max_retries=2)
def charge_card(cents: int) -> Receipt:
    """Charge a card; the gateway always needs a second attempt."""
    attempts = charge_card.invocation.num_retries + 1
    if attempts == 1:
        raise GatewayTimeoutError("no answer within 3 s")
    return {"cents": cents, "attempts": attempts, "pid": os.getpid()}


@app.task
def yearly_report(megabytes: int) -> str:
    """Write a report that is larger than a MongoDB document."""
    return random.Random(megabytes).randbytes(megabytes * 1024 * 1024 // 2).hex()


@app.task
def bake_cake(waits_for: str) -> str:
    """Bake until somebody makes a file of that name: long enough to be interrupted."""
    oven = threading.Event()
    while not Path(waits_for).exists():
        oven.wait(0.01)
    return "a cake"
