"""A task's life, one pynenc call at a time, as the loop of ThreadRunner makes them."""

from typing import Any

from pynenc import Pynenc
from pynenc.invocation.dist_invocation import DistributedInvocation
from pynenc.runner.runner_context import RunnerContext

from benchmarks.shop import add

type Invocation = DistributedInvocation[Any, Any]

RUNNER = RunnerContext(runner_cls="ThreadRunner", runner_id="benchmark-runner", pid=1, hostname="benchmark")


def enqueue(number: int = 1) -> Invocation:
    invocation = add(number, 2)
    assert isinstance(invocation, DistributedInvocation)
    return invocation


def enqueue_batch(count: int) -> list[Invocation]:
    group: Any = add.parallelize([(number, 2) for number in range(count)])
    return list(group.invocations)


def dequeue(app: Pynenc, most: int = 1) -> list[Invocation]:
    found = app.orchestrator.get_invocations_to_run(most, RUNNER, lambda: ("default",), lambda _: None)
    return list(found)


def run(invocation: Invocation) -> None:
    invocation.run(RUNNER)


def read(invocation: Invocation) -> int:
    result: int = invocation.result
    return result
