"""How many commands `pynenc_wait` costs where all is over: as many as pynenc's own `result` and `results`."""

from typing import Any

from pynenc import Pynenc

from benchmarks import life
from pytest_pynenc_mongo import awaiting
from pytest_pynenc_mongo.waiting import Wait
from tests.commands import CommandLog


def test_a_wait_costs_what_pynenc_s_own_does(app: Pynenc, commands: CommandLog) -> None:
    def fresh(group: list[life.Invocation]) -> list[Any]:
        """Return invocations that do not know their status yet."""
        return [app.state_backend.get_invocation(each.invocation_id) for each in group]

    group = life.enqueue_batch(3)
    for _ in group:
        for taken in life.dequeue(app):
            life.run(taken)
    guard = awaiting.Guard(5)
    with awaiting.guarded(guard), guard.running(app):
        wait = Wait(app, 5)
        one, some, all_of_them = fresh(group)[0], fresh(group), fresh(group)
        commands.take()
        assert wait(one) == 2
        of_one = commands.take_texts()
        assert wait(some) == [2, 3, 4]
        of_some = commands.take_texts()
        assert [each.result for each in all_of_them] == [2, 3, 4]
        of_pynenc = commands.take_texts()
    assert of_one == ["find orchestrator_invocations", "find state_backend_results"]
    assert sorted(of_some) == sorted(["find orchestrator_invocations", *of_pynenc])
