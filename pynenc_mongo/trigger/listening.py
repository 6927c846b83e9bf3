"""Who listens: the conditions that a change of an invocation's status may satisfy, or what comes of it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus
from pynenc.trigger.conditions import ConditionContext, StatusContext

from pynenc_mongo.trigger.definitions import Conditions
from pynenc_mongo.trigger.documents import AnyCondition

if TYPE_CHECKING:
    from pynenc.app import Pynenc

type Outcome = type[ConditionContext]


@dataclass
class _Finish:
    """That an invocation is being finished, and who listens to what comes of it, once that was asked."""

    outcome: Outcome
    listening_tasks: set[TaskId] | None = None


class Listening:
    """Asks who listens, in as few commands as answer it."""

    def __init__(self, app: "Pynenc", conditions: Conditions) -> None:
        self._app = app
        self._conditions = conditions
        self._of_thread = threading.local()

    def to_status(
        self, invocation_ids: Sequence[InvocationId], status: InvocationStatus | None
    ) -> list[tuple[AnyCondition, ConditionContext]]:
        """Return each condition that listens to the status of one of the invocations, with its context.

        One command asks which tasks are watched at all. Where there are any, the invocations are loaded; for
        each watched task among theirs, one more command reads its conditions.
        """
        watched = self._tasks_watched_for_status()
        if not watched:
            return []
        invocations = [self._app.state_backend.get_invocation(each) for each in invocation_ids]
        sources = watched.intersection(_task_of(invocation) for invocation in invocations)
        conditions = {task: self._conditions.sourced_from(task, StatusContext) for task in sources}
        return [
            (condition, context)
            for invocation in invocations
            if _task_of(invocation) in sources
            for context in (StatusContext.from_invocation(invocation, status),)
            for condition in conditions[_task_of(invocation)]
        ]

    def to_outcome(self, task_id: TaskId, outcome: Outcome) -> bool:
        """Whether a condition listens to the results of a task, or to its failures; at most one command."""
        finish = self._finish
        if finish and finish.outcome is outcome and finish.listening_tasks is not None:
            return task_id in finish.listening_tasks
        return bool(self._conditions.sourced_from(task_id, outcome))

    @contextmanager
    def finishing(self, outcome: Outcome) -> Iterator[None]:
        """Have this thread look up both in one command: who listens to a final status, and who to `outcome`.

        The look comes after the transition to the final status: who registered before it is seen, who
        registers later is late for it (docs/adr/0010).
        """
        before = self._finish
        self._of_thread.finish = _Finish(outcome)
        try:
            yield
        finally:
            self._of_thread.finish = before

    @property
    def _finish(self) -> _Finish | None:
        return getattr(self._of_thread, "finish", None)

    def _tasks_watched_for_status(self) -> set[TaskId]:
        if (finish := self._finish) is None:
            return self._conditions.watched_tasks(StatusContext)
        watched = self._conditions.watched_by_context((StatusContext, finish.outcome))
        finish.listening_tasks = watched[finish.outcome]
        return watched[StatusContext]


def _task_of(invocation: Any) -> TaskId:
    task_id: TaskId = invocation.call.call_id.task_id
    return task_id
