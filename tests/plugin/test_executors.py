"""Who runs tasks is known while a test waits, and stopped when it is over."""

from typing import Any

import pytest

from pytest_pynenc_mongo import apps, executors
from pytest_pynenc_mongo.children import Ended
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.executors import Executor, Executors, Hurry


class Somebody:
    """A runner that does nothing, and ends when it is told to."""

    is_paused = False
    role = "runner"

    def __init__(self, name: str = "runner", *, pid: int = 0) -> None:
        self.is_alive = True
        self.name = name
        self.pids = {pid} - {0}
        self.hurries: list[Hurry] = []

    def how_it_ended(self) -> str:
        return f"{self.name} ended"

    def hurry(self, hurry: Hurry) -> None:
        self.hurries.append(hurry)

    def end_of(self, runner_id: str, pid: int) -> Ended | None:
        return Ended(pid, "SIGKILL") if pid in self.pids or runner_id == self.name else None

    def has_lost_task(self, runner_id: str, invocation_id: str) -> bool:
        return (runner_id, invocation_id) == (self.name, "lost")

    def has(self, context: Any) -> bool:
        return False

    def log_tail(self) -> None:
        return None


def those(*some: Executor) -> Executors:
    found = Executors("mongodb://127.0.0.1:1")
    for each in some:
        found.add(each)
    return found


def test_where_nobody_ever_was_there_is_nobody_to_have_ended() -> None:
    nobody = those()
    nobody.check()
    assert (nobody.are_alive, nobody.how_all_ended(), nobody.ended_at) == (False, "", 0.0)


def test_while_one_lives_there_is_somebody_to_wait_for() -> None:
    dead, alive = Somebody(), Somebody()
    dead.is_alive = False
    those(dead, alive).check()


def test_once_all_have_ended_the_last_one_says_how_and_since_when() -> None:
    first, last = Somebody("first"), Somebody("last")
    both = those(first, last)
    first.is_alive = last.is_alive = False
    with pytest.raises(RunnerError, match="last ended"):
        both.check()
    seen = both.ended_at
    assert seen > 0
    assert both.ended_at == seen
    both.add(Somebody())
    both.check()


def test_what_one_of_them_knows_they_know() -> None:
    both = those(Somebody("first", pid=7), Somebody("second", pid=8))
    assert both.pids == {7, 8}
    assert both.end_of("unknown", 8) == Ended(8, "SIGKILL")
    assert both.end_of("first", 9) == Ended(9, "SIGKILL")
    assert both.end_of("unknown", 9) is None
    assert both.have_lost("second", "lost")
    assert not both.have_lost("second", "another")


def test_they_are_an_app_s_own_and_forgotten_when_they_are_stopped() -> None:
    app, other = apps.new(), apps.new()
    runner: Executor = Somebody()
    stopped: list[str] = []
    executors.watch(app, runner)
    executors.of(app).ending.callback(stopped.append, "runner")
    assert executors.of(app).all == (runner,)
    assert executors.of(other).all == ()
    executors.stop(app)
    assert stopped == ["runner"]
    assert executors.of(app).all == ()
    assert runner in executors.of_test()
    executors.forget_test()
    assert executors.of_test() == ()


def test_all_are_stopped_though_one_cannot_be() -> None:
    fine, broken = apps.new(), apps.new()
    stopped: list[str] = []

    def breaks() -> None:
        raise RunnerError("it does not end")

    executors.of(fine).ending.callback(stopped.append, "fine")
    executors.of(broken).ending.callback(breaks)
    with pytest.raises(RunnerError, match="it does not end"):
        executors.stop_all(None)
    assert stopped == ["fine"]
    assert executors.of(broken).all == ()


def test_in_a_hurry_each_begins_to_end_before_one_is_waited_for() -> None:
    app, order = apps.new(), list[str]()
    hurry = Hurry(1.0, order.append)
    runners = [Somebody(), Somebody()]
    for runner in runners:
        executors.watch(app, runner)
    executors.of(app).ending.callback(lambda: order.extend(f"{len(each.hurries)}" for each in runners))
    executors.stop(app, hurry)
    assert order == ["1", "1"]
    assert runners[0].hurries == [hurry]
    executors.forget_test()
