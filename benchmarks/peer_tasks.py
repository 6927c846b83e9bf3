"""Tasks through ThreadRunner, in an interpreter that has either pynenc-mongo 0.3.0 or this project.

It asks for nothing but pynenc and the builder method `.mongo(url=...)`, which both have. Prints JSON.
"""

import abc
import json
import logging
import statistics
import sys
import threading
import time
import warnings
from typing import Any

from pynenc import Pynenc, PynencBuilder

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

# as pytest_pynenc_mongo.wiring has them
PAUSES = {
    "runner_loop_sleep_time_sec": 0.01,
    "invocation_wait_results_sleep_time_sec": 0.01,
    "cached_status_time": 0.01,
}
app: Pynenc = (
    PynencBuilder().app_id("peer").mongo(url=sys.argv[1]).thread_runner().custom_config(**PAUSES).build()
)


@app.task
def add(x: int, y: int) -> int:
    return x + y


def main(tasks: int) -> None:
    _make_peer_runnable()
    app.purge()
    runner: Any = app.runner
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    _ = add(1, 2).result
    start = time.perf_counter()
    invocations = [add(number, 2) for number in range(tasks)]
    enqueued = time.perf_counter() - start
    for invocation in invocations:
        _ = invocation.result
    whole = time.perf_counter() - start
    ones = []
    for _number in range(10):
        start = time.perf_counter()
        _ = add(1, 2).result
        ones.append(time.perf_counter() - start)
    sys.stdout.write(
        json.dumps({"enqueue": enqueued, "in all": whole, "one": statistics.median(ones)}) + "\n"
    )
    runner.running = False
    thread.join(20)
    app.purge()


def _make_peer_runnable() -> None:
    """Give the peer's broker the two methods, and the queue names, that pynenc 0.4 asks for."""
    from pynenc_mongo.broker.mongo_broker import MongoBroker

    broker: Any = MongoBroker
    if not broker.__abstractmethods__:
        return
    one, many, retrieve, count = (
        vars(broker)[name]
        for name in ("route_invocation", "route_invocations", "retrieve_invocation", "count_invocations")
    )
    del broker.route_invocation, broker.route_invocations
    broker._route_invocation = lambda self, key, _queue, _priority: one(self, key)  # noqa: SLF001
    broker._route_invocations = lambda self, keys, _queue, _priority: many(self, keys)  # noqa: SLF001
    broker.retrieve_invocation = lambda self, _queue=None: retrieve(self)
    broker.count_invocations = lambda self, _queues=None: count(self)
    abc.update_abstractmethods(broker)
