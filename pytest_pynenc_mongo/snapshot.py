"""What the stores knew of a test's app at one moment: plain values, for whoever tells of it.

Instants are seconds since 1970. An empty string is what there is not. All of it pickles, and is JSON by
`to_json`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, cast, get_args, get_origin, get_type_hints

_STARTED, _NEVER_RUN = "running", ("registered", "rerouted", "pending", "retry")
_FAILED = "failed"
CONTROLLED_FINAL = "concurrency_controlled_final"


@dataclass(frozen=True)
class Step:
    """A status that an invocation had from an instant on, and the runner that brought it there."""

    status: str
    at: float
    runner_id: str


@dataclass(frozen=True)
class Invocation:
    """An invocation, all that was stored of it, and what is known of its end."""

    id: str
    task: str  # module.function
    arguments: str  # as pynenc's argument_print_mode allows
    status: str
    is_final: bool
    is_core: bool  # a task of pynenc's own
    registered_at: float
    status_at: float
    steps: tuple[Step, ...]  # oldest first; none where only the newest few are told in full
    runner_id: str  # who has it, or had it last
    retries: int
    max_retries: int
    queue: str
    parent_id: str  # the invocation whose task called it
    event_id: str  # the event that triggered it
    waits_for: tuple[str, ...]  # ids of unfinished ones that its task waits for
    result: str  # its repr, on one line
    exception: str  # `ValueError: sold out`
    traceback: str  # of the task, on several lines, without pynenc's frames
    remarks: tuple[str, ...]  # sentences: what was stored instead, and why
    stuck: str  # why it never ends; empty while it may

    @property
    def name(self) -> str:
        """The task's function."""
        return self.task.rpartition(".")[2]

    @property
    def short_id(self) -> str:
        return self.id[:8]

    @property
    def has_failed(self) -> bool:
        return self.status == _FAILED

    @property
    def is_suspicious(self) -> bool:
        """Whether it may be what a test failed of."""
        return bool(not self.is_final or self.has_failed or self.remarks or self.status == CONTROLLED_FINAL)

    @property
    def started_at(self) -> float | None:
        """When its last run began."""
        return next((step.at for step in reversed(self.steps) if step.status == _STARTED), None)

    @property
    def seconds(self) -> float | None:
        """How long its last run took; None where it has not run, or runs still."""
        started = self.started_at
        return self.status_at - started if started is not None and self.is_final else None


@dataclass(frozen=True)
class Runner:
    """A runner, or a child process of one that is a runner, too."""

    id: str
    kind: str  # pynenc's name of its class
    pid: int
    host: str
    parent_id: str
    role: str  # `worker` or `runner`: a fixture's; `test`: the test process itself; empty: somebody else's
    is_alive: bool
    end: str  # `SIGSEGV`, `exit code 3`; empty while it lives, and where only its end is known
    queues: tuple[str, ...]  # which it takes invocations from; none are all
    seen_at: float | None  # its last sign of life


@dataclass(frozen=True)
class Queue:
    """What waits in a queue, next first, and the runners that take from it."""

    name: str
    waiting: tuple[str, ...]
    consumers: tuple[str, ...]


@dataclass(frozen=True)
class Slot:
    """What one invocation of a task at a time may hold, and who does."""

    task: str
    holder_id: str


@dataclass(frozen=True)
class Trigger:
    """A task and what it is triggered by: `event 'ordered'`, `cron '0 3 * * *'`."""

    task: str
    conditions: tuple[str, ...]
    logic: str  # `and` or `or`
    fired: int  # how many invocations it has made
    remark: str  # why it has made none though an event came
    is_registered: bool = True  # a runner does that when it starts


@dataclass(frozen=True)
class Event:
    code: str
    at: float
    payload: str
    is_matched: bool  # somebody waited for it
    triggered: tuple[str, ...]


@dataclass(frozen=True)
class Log:
    """The last lines that a worker wrote; `end` as a runner's."""

    title: str
    pid: int
    end: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """An app at one moment."""

    app_id: str
    at: float
    invocations: tuple[Invocation, ...] = ()  # oldest first
    left_out: int = 0  # how many more there are
    runners: tuple[Runner, ...] = ()
    queues: tuple[Queue, ...] = ()
    slots: tuple[Slot, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    events: tuple[Event, ...] = ()  # latest first
    logs: tuple[Log, ...] = ()
    nobody_runs: str = ""  # why nobody runs its tasks; empty where somebody does
    unread: tuple[str, ...] = ()  # sentences: what could not be read, and why

    @property
    def own(self) -> tuple[Invocation, ...]:
        """The invocations of the user's tasks."""
        return tuple(each for each in self.invocations if not each.is_core)

    @property
    def began(self) -> float:
        """When the first of them was registered, else the moment itself."""
        return min((each.registered_at for each in self.own), default=self.at)

    @cached_property
    def invocation_of(self) -> Mapping[str, Invocation]:
        return {each.id: each for each in self.invocations}

    @cached_property
    def runner_of(self) -> Mapping[str, Runner]:
        return {each.id: each for each in self.runners}


def to_json(snapshot: Snapshot) -> str:
    return json.dumps(asdict(snapshot))


def from_json(text: str) -> Snapshot:
    return cast("Snapshot", _decoded(Snapshot, json.loads(text)))


def _decoded(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {each.name: _decoded(hints[each.name], value[each.name]) for each in fields(kind)}
        return cast("Any", kind)(**known)
    if get_origin(kind) is tuple:
        return tuple(_decoded(get_args(kind)[0], each) for each in value)
    return value
