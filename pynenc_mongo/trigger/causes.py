"""What a trigger run is of, so that it has one invocation whatever happens to who started it (docs/adr/0044).

pynenc claims a run, enqueues its task, and forgets the satisfied conditions at the end of its loop. A loop
that died, or failed, in between has left a claim: the next one within its minute would forget the conditions
of a run that nobody has started, and the next one after that would start a run a second time.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from pynenc.trigger.conditions import ValidCondition

from pynenc_mongo.storage.instants import to_micros

if TYPE_CHECKING:
    from datetime import datetime

    from pynenc.app import Pynenc
    from pynenc.trigger.trigger_context import TriggerContext


_SEPARATOR = ":"  # no run's id has one: they are hexadecimal digits


class Causes:
    """The runs that one iteration of pynenc's loop meets, in its thread."""

    def __init__(self, app: "Pynenc") -> None:
        self._app = app
        self._local = threading.local()

    @contextmanager
    def of_an_iteration(self) -> Iterator[None]:
        """Collect what one iteration of the loop meets."""
        self._local.runs, self._local.kept, self._local.current = {}, set(), ""
        try:
            yield
        finally:
            vars(self._local).clear()

    def note(self, run_id: str, context: "TriggerContext") -> None:
        """Note which satisfied conditions a run is of."""
        self._local.runs[run_id] = context.valid_conditions

    def begin(self, run_id: str) -> None:
        """Note that the next task is enqueued for a run."""
        if run_id in self._runs:
            self._local.current = self._cause_of(run_id)

    def keep_unless_started(self, run_id: str, since: "datetime") -> None:
        """Have the conditions of a run that was claimed since an instant stay, if it has no invocation."""
        was_caused = getattr(self._app.orchestrator, "was_caused_by", None)
        if was_caused and run_id in self._runs and not was_caused(run_id + _SEPARATOR, since):
            self._local.kept |= set(self._runs[run_id])

    def once(self) -> AbstractContextManager[None]:
        """Have the orchestrator, where it is ours, register one invocation of the run that has begun."""
        caused_by = getattr(self._app.orchestrator, "caused_by", None)
        cause = getattr(self._local, "current", "")
        return caused_by(cause) if caused_by and cause else nullcontext()

    def processed(self, conditions: Iterable[ValidCondition]) -> list[ValidCondition]:
        """Return those of some conditions that may be forgotten."""
        kept = getattr(self._local, "kept", ())
        return [each for each in conditions if each.valid_condition_id not in kept]

    @property
    def _runs(self) -> dict[str, dict[str, ValidCondition]]:
        return getattr(self._local, "runs", {})

    def _cause_of(self, run_id: str) -> str:
        # a run's id is the same each time that an invocation has a status, or that a task fails of an error
        instants = sorted(to_micros(each.context.timestamp) for each in self._runs[run_id].values())
        return _SEPARATOR.join([run_id, *map(str, instants)])
