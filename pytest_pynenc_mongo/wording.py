"""The words of a story: what an invocation, a runner, an instant are called in it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pytest_pynenc_mongo.snapshot import Invocation, Runner, Snapshot, Step, Trigger

_LONGEST_CYCLE, _FEWEST_TURNS = 4, 3
# what differs more is of another clock, one that a test has frozen
ONE_CLOCK_SECONDS = 24 * 3600.0


class Wording:
    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        names = [each.task for each in snapshot.invocations]
        # two functions of one name are told apart by their modules
        self._twins = {
            task
            for task in names
            if any(other != task and _function(other) == _function(task) for other in names)
        }

    def task(self, task: str) -> str:
        return task if task in self._twins else _function(task)

    def named(self, invocation: Invocation) -> str:
        return f"{self.task(invocation.task)} {invocation.short_id}"

    def named_by(self, invocation_id: str) -> str:
        invocation = self.snapshot.invocation_of.get(invocation_id)
        return self.named(invocation) if invocation else invocation_id[:8]

    def call(self, invocation: Invocation) -> str:
        return f"{self.task(invocation.task)}({invocation.arguments})"

    def state(self, invocation: Invocation) -> str:
        """Return a status, for how long it has been so, and where: `running for 1.2 s in worker 6303`."""
        seconds = self._seconds_until_now(invocation.status_at)
        since = f" for {seconds}" if seconds else ""
        where = f" in {self.owner(invocation)}" if invocation.runner_id and not invocation.is_final else ""
        return f"{invocation.status}{since}{where}"

    def owner(self, invocation: Invocation) -> str:
        """Return who has an invocation, or had it last."""
        return self.runner(invocation.runner_id) if invocation.runner_id else "nobody"

    def runner(self, runner_id: str) -> str:
        """Return what a runner is called: `worker 6303`, `process 6310 of worker 6303`."""
        runner = self.snapshot.runner_of.get(runner_id)
        if runner is None:
            return f"runner {runner_id[:8]}"
        if runner.role == "test":
            return "the test"
        root = self._root(runner)
        name = f"worker {root.pid}" if root.role == "worker" else root.kind
        if root is runner:
            return name if root.role else f"{name} {root.pid}"
        return f"process {runner.pid}" if root.role != "worker" or runner.pid != root.pid else name

    def about_runner(self, runner: Runner) -> str:
        """Return what a runner is, where, and whether it lives."""
        root = self._root(runner)
        if root is not runner:
            of = f"worker {root.pid}" if root.role == "worker" else root.kind
            what = f"{runner.kind} process {runner.pid} of {of}"
        elif runner.role == "worker":
            what = f"worker {runner.pid}: {runner.kind}"
        else:
            what = f"{runner.kind} in {'the test process' if runner.role else 'process'} {runner.pid}"
        consumed = f", takes from {', '.join(map(repr, runner.queues))}" if runner.queues else ""
        end = f"ended with {runner.end}" if runner.end else "alive" if runner.is_alive else "has ended"
        return f"{what} on {runner.host}, {end}{consumed}"

    def trigger(self, trigger: Trigger) -> str:
        times = f", {trigger.fired} times" if trigger.fired > 1 else ""
        return f"{self.task(trigger.task)} on {f' {trigger.logic} '.join(trigger.conditions)}{times}"

    def took(self, invocation: Invocation) -> str:
        return f"{invocation.seconds:.2f} s" if invocation.seconds is not None else "-"

    def ago(self, at: float) -> str:
        seconds = self._seconds_until_now(at)
        return f"{seconds} ago" if seconds else "at some time"

    def _seconds_until_now(self, at: float) -> str:
        """Return how long ago an instant was; empty where a clock was frozen."""
        seconds = self.snapshot.at - at
        return f"{max(seconds, 0.0):.1f} s" if abs(seconds) < ONE_CLOCK_SECONDS else ""

    def _root(self, runner: Runner) -> Runner:
        seen = {runner.id}
        while (above := self.snapshot.runner_of.get(runner.parent_id)) and above.id not in seen:
            seen.add(above.id)
            runner = above
        return runner


class _Turns(NamedTuple):
    """Some steps, and how often they come one after the other."""

    steps: Sequence[Step]
    times: int
    last: Step


def folded(steps: Sequence[Step], began: float) -> list[str]:
    """Return a history in words, seconds since `began` first; what comes again and again once."""
    return [
        f"{turn.times} times {'-'.join(step.status for step in turn.steps)} until {_at(turn.last, began)}"
        if turn.times > 1
        else f"{_at(turn.last, began)} {turn.last.status}"
        for turn in _turns(steps)
    ]


def _turns(steps: Sequence[Step]) -> Iterator[_Turns]:
    place = 0
    while place < len(steps):
        length, times = _cycle(steps, place)
        yield _Turns(steps[place : place + length], times, steps[place + length * times - 1])
        place += length * times


def _cycle(steps: Sequence[Step], place: int) -> tuple[int, int]:
    """Return how many steps from `place` on are repeated, and how often; one step, once, if none are."""
    statuses = [step.status for step in steps[place:]]
    for length in range(1, _LONGEST_CYCLE + 1):
        times = 1
        while statuses[times * length : (times + 1) * length] == statuses[:length]:
            times += 1
        if times >= _FEWEST_TURNS:
            return length, times
    return 1, 1


def _at(step: Step, began: float) -> str:
    seconds = step.at - began
    return f"{seconds:.2f}" if abs(seconds) < ONE_CLOCK_SECONDS else "?"


def _function(task: str) -> str:
    return task.rpartition(".")[2]


def plain(text: str) -> str:
    """Return text that takes one line, whatever it holds."""
    return "".join(character if character.isprintable() else " " for character in text)


def shortened(text: str, most: int) -> str:
    """Return text of `most` characters at most, three dots at its end where there were more."""
    return text if len(text) <= most else f"{text[: max(most - 3, 0)]}..."[:most]
