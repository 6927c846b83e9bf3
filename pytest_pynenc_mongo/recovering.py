"""Recovery, now: what runners that have died had in their hands is taken back at once."""

import threading
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import executors, prospects

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.dist_invocation import DistributedInvocation

# a runner that lives needs milliseconds from one step to the next
_STEP_SECONDS = 0.2


class Recover:
    """Does now what pynenc's two recovery tasks do in time, for one app: `recover()`, `recover(another_app)`.

    Dead are, at once, the runners of workers that have ended or are paused, runners here that have stopped or
    failed, and children of runners whose process has ended. Another one loses nothing, however silent it is.
    """

    def __init__(self, app: "Pynenc") -> None:
        self._app = app

    def __call__(self, app: "Pynenc | None" = None) -> list["DistributedInvocation[Any, Any]"]:
        """Queue again what runners had in their hands when they died; return those invocations.

        They were PENDING or RUNNING, on their way from one status to the next, or ready to run without a
        message. The next runner that lives runs them from their beginning.
        """
        app = app or self._app
        deaths = _Deaths(app)
        orchestrator: Any = app.orchestrator  # the app is on the test database, so it is ours
        queued = orchestrator.recover_at_once(deaths.has_died, deaths.settle)
        return [app.state_backend.get_invocation(invocation_id) for invocation_id in queued]


class _Deaths:
    """Which runners of an app have died."""

    def __init__(self, app: "Pynenc") -> None:
        self._app = app
        self._executors = executors.of(app)
        self._is_settled = False

    def has_died(self, runner_id: str) -> bool:
        """Return whether a runner is lost at two looks.

        One that begins is told of a moment later: a child to its runner, and a context to the store.
        """
        if not self._is_lost(runner_id):
            return False
        self.settle()
        return self._is_lost(runner_id)

    def settle(self) -> None:
        """Wait, once, until those that live have gone a step further."""
        if not self._is_settled and self._executors.are_alive:
            threading.Event().wait(_STEP_SECONDS)
        self._is_settled = True

    def _is_lost(self, runner_id: str) -> bool:
        context = self._app.state_backend.get_runner_context(runner_id)
        if context is None:  # it died before it could say who it is
            return True
        if any(_is_silent(executor) and executor.has(context) for executor in self._executors.all):
            return True
        return any(prospects.end_of(self._executors, each) for each in executors.lineage(context))


def _is_silent(executor: executors.Executor) -> bool:
    return executor.is_paused or not executor.is_alive
