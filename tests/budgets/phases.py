"""The life of a task, phase by phase, and what each sends."""

from typing import NamedTuple

from pynenc import Pynenc

from benchmarks import life
from tests.commands import CommandLog


class Phases(NamedTuple):
    """The commands of one task, by phase."""

    enqueue: list[str]
    dequeue: list[str]
    run: list[str]
    read: list[str]

    @property
    def whole(self) -> list[str]:
        return [*self.enqueue, *self.dequeue, *self.run, *self.read]


def live(app: Pynenc, commands: CommandLog) -> Phases:
    """Bring one task through its life."""
    commands.take()
    invocation = life.enqueue()
    enqueue = commands.take_texts()
    (taken,) = life.dequeue(app)
    dequeue = commands.take_texts()
    life.run(taken)
    run = commands.take_texts()
    assert life.read(invocation) == 3
    return Phases(enqueue, dequeue, run, commands.take_texts())
