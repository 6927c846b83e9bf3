"""How many commands an assertion costs: as many for fifty invocations as for one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pynenc import Pynenc

from benchmarks import life
from benchmarks.shop import add
from pytest_pynenc_mongo import awaiting
from pytest_pynenc_mongo.asserting import Assert
from tests.commands import CommandLog

OF_TASKS = ["find orchestrator_invocations", "find state_backend_invocations"]
OF_RUNS = ["find state_backend_history"]  # and one more for runners that this process does not know yet
BUDGETS: dict[str, tuple[Callable[[Assert], object], list[str]]] = {
    "called": (lambda its: its.called(add), OF_TASKS),
    "called with": (lambda its: its.called_with(add, 1, 2), OF_TASKS),
    "ran": (lambda its: its.ran(its.called(add)), OF_TASKS + OF_RUNS),
    "ran in another process": (lambda its: its.ran_in_another_process(its.called(add)), OF_TASKS + OF_RUNS),
    "none failed": (lambda its: its.none_failed(), ["find orchestrator_invocations"]),
    "all final": (lambda its: its.all_final(), ["find orchestrator_invocations"]),
    "queue empty": (lambda its: its.queue_empty(), ["aggregate broker_messages"]),
    "emitted": (lambda its: its.emitted("ordered", {"tea": 1}), ["find trigger_events"]),
}


@contextmanager
def under_test(app: Pynenc) -> Iterator[Assert]:
    guard = awaiting.Guard(5)
    with awaiting.guarded(guard), guard.running(app):
        yield Assert(app)


@pytest.mark.thorough("embedded")
@pytest.mark.parametrize("count", [1, 50])
def test_each_assertion_sends_as_many_commands_for_many_invocations(
    app: Pynenc, commands: CommandLog, count: int
) -> None:
    for _ in range(count):
        life.enqueue(1)
        app.trigger.emit_event("ordered", {"tea": 1})
        for taken in life.dequeue(app):
            life.run(taken)
    sent: dict[str, Any] = {}
    with under_test(app) as its:
        commands.take()
        for name, (ask, _) in BUDGETS.items():
            ask(its)
            sent[name] = commands.take_texts()
    assert sent == {name: budget for name, (_, budget) in BUDGETS.items()}
