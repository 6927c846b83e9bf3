"""An app as a user of either distribution writes it: nothing here is ours but what `.mongo()` brings.

pynenc-mongo 0.3.0 was written for pynenc 0.3 and does not work with 0.4, whose brokers and runners have named
queues. The patch below takes what 0.4 passes and leaves it at that: no command more or less.
"""

# ruff: noqa: INP001, SLF001 - no package of ours: the peer's Python runs it

import abc
import os
from typing import Any

from pynenc import PynencBuilder

from pynenc_mongo.broker.mongo_broker import MongoBroker
from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator

if MongoBroker.__abstractmethods__:
    broker: Any = MongoBroker
    orchestrator: Any = MongoOrchestrator
    route, route_batch = broker.route_invocation, broker.route_invocations
    pop, count = broker.retrieve_invocation, broker.count_invocations
    beat = orchestrator.register_runner_heartbeats
    del broker.route_invocation, broker.route_invocations
    broker._route_invocation = lambda self, invocation_id, *_: route(self, invocation_id)
    broker._route_invocations = lambda self, invocation_ids, *_: route_batch(self, invocation_ids)
    broker.retrieve_invocation = lambda self, *_: pop(self)
    broker.count_invocations = lambda self, *_: count(self)
    abc.update_abstractmethods(broker)
    orchestrator.register_runner_heartbeats = lambda self, ids, can_run_atomic_service=False, **_: beat(
        self, ids, can_run_atomic_service
    )

# as the plugin sets them for tests
app = (
    PynencBuilder()
    .app_id("plain_shop")
    .mongo(url=os.environ["PLAIN_SHOP_URL"])
    .runner_tuning(runner_loop_sleep_time_sec=0.01, invocation_wait_results_sleep_time_sec=0.01)
    .custom_config(cached_status_time=0.01)
    .logging_level("error")
    .build()
)


@app.task
def add(x: int, y: int) -> int:
    return x + y
