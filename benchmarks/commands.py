"""(a) How many commands each phase costs: the same numbers on every machine."""

from collections.abc import Callable, Mapping, Sequence

from pynenc import Pynenc, context

from benchmarks import life
from benchmarks.progress import shown
from benchmarks.stores import Store
from tests.commands import CommandLog, logged_commands

BATCH = 100
BUDGETS: Mapping[str, int] = {
    "enqueue": 5,
    "dequeue": 7,
    "run": 9,
    "read": 2,
    "whole life": 23,
    f"enqueue a batch of {BATCH}": 6,
    f"whole lives of a batch of {BATCH}": 17 * BATCH,
    "idle poll": 2,
    "heartbeat of 50 new runners": 3,
    "heartbeat of 50 known runners": 2,
}


def measure(stores: Sequence[Store]) -> dict[str, dict[str, int]]:
    """Return the number of commands by phase and store."""
    mongo = [store for store in stores if store.url]
    by_store = {store.name: _phases_of(store) for store in shown(mongo, "commands")}
    phases = next(iter(by_store.values()))
    return {phase: {name: counts[phase] for name, counts in by_store.items()} for phase in phases}


def _phases_of(store: Store) -> dict[str, int]:
    with logged_commands(store.url) as counter, store.app() as app:
        context.clear_runner_context(app.app_id)
        return {name: _cost(counter, phase, app) for name, phase in _PHASES.items()} | _life(counter, app)


def _cost(counter: CommandLog, phase: Callable[[Pynenc], object], app: Pynenc) -> int:
    counter.take()
    phase(app)
    return len(counter.take())


def _life(counter: CommandLog, app: Pynenc) -> dict[str, int]:
    counter.take()
    invocation = life.enqueue()
    costs = {"enqueue": len(counter.take())}
    (taken,) = life.dequeue(app)
    costs["dequeue"] = len(counter.take())
    life.run(taken)
    costs["run"] = len(counter.take())
    life.read(invocation)
    costs["read"] = len(counter.take())
    costs["whole life"] = sum(costs.values())
    invocations = life.enqueue_batch(BATCH)
    costs[f"enqueue a batch of {BATCH}"] = batch = len(counter.take())
    for invocation in invocations:
        life.run(*life.dequeue(app))
        life.read(invocation)
    costs[f"whole lives of a batch of {BATCH}"] = batch + len(counter.take())
    app.purge()
    costs["purge, all components in use"] = len(counter.take())
    return costs


def _live(app: Pynenc) -> None:
    invocation = life.enqueue()
    life.run(*life.dequeue(app))
    life.read(invocation)


def _beat(app: Pynenc) -> None:
    app.orchestrator.register_runner_heartbeats([f"runner {number}" for number in range(50)])


# in order: what is new is new once
_PHASES: Mapping[str, Callable[[Pynenc], object]] = {
    "first task of a new app, whole life": _live,
    "idle poll": life.dequeue,
    "heartbeat of 50 new runners": _beat,
    "heartbeat of 50 known runners": _beat,
}
