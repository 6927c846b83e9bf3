"""One life of tasks that meets every store, in one thread: the same commands in the same order each time.

An order is run by one at a time, needs a second attempt, has its parcel packed by a child that it waits for,
emits an event that has it shipped, and returns a result in parts.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from pynenc import Pynenc, context
from pynenc.conf.config_task import ConcurrencyControlType
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.runner.base_runner import DummyRunner
from pynenc.runner.runner_context import RunnerContext
from pynenc.trigger.conditions import EventContext
from pynenc.trigger.trigger_builder import TriggerBuilder

from pynenc_mongo.errors import MongoServerError
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.state_backend.helpers import noise

APP_ID = "faults"
ORDERS = 2
# a result in parts beside the invocation; arguments in parts in the client data store
RESULT_BYTES, ARGUMENT_BYTES = 2_500, 6_000
SETTINGS: Mapping[str, Any] = {
    "chunk_threshold": 1_500,
    "min_size_to_cache": 5_000,
    "atomic_service_check_interval_minutes": 0.0,
}
DO_NOT_REPEAT = "do not enqueue"
_FRUITLESS_TURNS = 12  # of a runner that waits for a result
_TURNS, _ENDS, _CALLS = 200, 6, 4
_PAUSE_SECONDS = 0.002

app = Pynenc(config_values={"app_id": APP_ID, "logging_level": "critical"})


class Told(NamedTuple):
    """What somebody outside was told: that a call has an invocation, or that an event was emitted."""

    what: str
    key: str
    number: int


type Tell = Callable[[Told], None]

_tell: list[Tell] = []


class NotYetError(Exception):
    """The first attempt always fails."""


class DeadlockedError(BaseException):
    """What this process waits for is not in its hands any more: it does as if it were dead."""


@app.task
def pack(number: int, label: str) -> str:
    return f"{number}{label}"


@app.task(
    retry_for=(NotYetError,),
    max_retries=3,
    running_concurrency=ConcurrencyControlType.TASK,
    reroute_on_concurrency_control=True,
)
def order(number: int) -> str:
    if order.invocation.num_retries == 0:
        raise NotYetError
    packed: Any = pack(number, label_of(number))
    parcel = str(packed.result)
    event_id = app.trigger.emit_event("packed", {"number": number})
    tell(Told("event", event_id, number))
    return parcel[:RESULT_BYTES]


def number_in(event: EventContext) -> dict[str, Any]:
    return {"number": event.payload["number"]}


@app.task(triggers=TriggerBuilder().on_event("packed").with_args_from_event(number_in))
def ship(number: int) -> int:
    return number


def label_of(number: int) -> str:
    return noise(ARGUMENT_BYTES, number)


def result_of(number: int) -> str:
    """Return what an order returns."""
    return f"{number}{label_of(number)}"[:RESULT_BYTES]


def tell(told: Told) -> None:
    for listener in _tell:
        listener(told)


class InlineRunner(DummyRunner):
    """A runner whose tasks run where it looks for them; who waits for a result has it look meanwhile."""

    def __init__(self) -> None:
        super().__init__(app, runner_context=RunnerContext("InlineRunner"))
        self.running = True
        self._fruitless = 0

    def begin(self) -> None:
        context.set_current_runner(app.app_id, self)
        app.register_deferred_triggers()

    def turn(self) -> bool:
        """Do what a runner's loop does once; return whether there was anything to run."""
        app.orchestrator.register_runner_heartbeats([self.runner_id], can_run_atomic_service=True)
        self._check_atomic_services()
        found = list(app.orchestrator.get_invocations_to_run(2, self.runner_context))
        for invocation in found:
            # as the end of a thread: pynenc has logged it
            with contextlib.suppress(Exception):
                invocation.run(self.runner_context)
        return bool(found)

    def _waiting_for_results(self, *_: object) -> None:
        with contextlib.suppress(MongoServerError):
            if self.turn():
                self._fruitless = 0
                return
        self._fruitless += 1
        if self._fruitless > _FRUITLESS_TURNS:
            raise DeadlockedError


def live(tells: Tell) -> None:
    """Call, and run all that comes of it; return when nothing is left, or nothing goes on."""
    _tell.append(tells)
    try:
        for number in range(1, ORDERS + 1):
            call(number)
        run_all()
    except DeadlockedError:
        pass
    finally:
        _tell.clear()
        context.clear_current_runner(app.app_id)


def call(number: int) -> None:
    """Call as somebody does who calls again where he is told that nothing is registered."""
    for _ in range(_CALLS):
        try:
            invocation: Any = order(number)
        except MongoServerError as error:
            if "enqueue again" not in str(error) or DO_NOT_REPEAT in str(error):
                return
        else:
            tell(Told("order", invocation.invocation_id, number))
            return


def run_all() -> None:
    """Run until there is nothing more; where an error ends a runner, another one begins."""
    for _ in range(_ENDS):
        with contextlib.suppress(Exception):
            runner = InlineRunner()
            runner.begin()
            go_on(runner)
            return


def go_on(runner: InlineRunner) -> None:
    idle = 0
    for _ in range(_TURNS):
        idle = 0 if runner.turn() else idle + 1
        if idle > 1:
            return
        time.sleep(_PAUSE_SECONDS if idle else 0)


@contextmanager
def at(url: str, database: str, **more: Any) -> Iterator[None]:
    """Put the app on a database for a while, as another process would."""
    context.clear_current_runner(app.app_id)
    context.clear_runner_context(app.app_id)
    with wiring.rewired(app, wiring.settings(TestDatabase(TestServer(url), database), {**SETTINGS, **more})):
        yield
    context.clear_runner_context(app.app_id)


def invocation_ids() -> list[InvocationId]:
    return app.orchestrator.get_invocation_ids_paginated(limit=10_000)
