"""Waiting for what tasks do: with a deadline, and never for those who are dead."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import executors
from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.base_invocation import BaseInvocation
    from pynenc.invocation.status import InvocationStatus

_LOOK_EVERY_SECONDS = 0.01


class Wait:
    """Waits for invocations of one app, `timeout` seconds at most."""

    def __init__(self, app: "Pynenc", timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    def __call__(self, invocation: "BaseInvocation[Any, Any]", timeout: float | None = None) -> Any:
        """Return the result of an invocation, or raise what its task raised.

        :raises RunnerError: if it is not final in time, or nobody is left to run it
        """

        def is_final() -> bool:
            return invocation.status.is_final()

        self.until(is_final, timeout, lambda: self._unfinished(invocation))
        try:
            return invocation.result
        except Exception as error:
            if output := executors.of(self._app).last_output():
                error.add_note(output)
            raise

    def status(
        self,
        invocation: "BaseInvocation[Any, Any]",
        status: "InvocationStatus",
        timeout: float | None = None,
    ) -> None:
        """Return as soon as an invocation has had a status, be it over already.

        :raises RunnerError: if it has not in time, or nobody is left to run it
        """
        self.until(lambda: self._has_had(invocation, status), timeout, lambda: self._unfinished(invocation))

    def idle(self, timeout: float | None = None) -> None:
        """Return as soon as no message is queued and no invocation is unfinished.

        :raises RunnerError: if that is not so in time, or nobody is left to run them
        """
        from pynenc.invocation.status import InvocationStatus

        unfinished = [status for status in InvocationStatus if not status.is_final()]

        def count() -> int:
            return self._app.broker.count_invocations() + self._app.orchestrator.count_invocations(
                statuses=unfinished
            )

        self.until(lambda: not count(), timeout, lambda: f"{count()} messages and invocations are unfinished")

    def until(
        self,
        happened: Callable[[], object],
        timeout: float | None = None,
        describe: Callable[[], str] = lambda: "what was waited for did not happen",
    ) -> None:
        """Return as soon as `happened()` is true.

        :raises RunnerError: if it is not in time, or nobody is left to run tasks
        :raises EngineError: if MongoDB has ended meanwhile
        """
        seconds = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        who = executors.of(self._app)
        pause = threading.Event()
        while not happened():
            if time.monotonic() > deadline:
                raise RunnerError(
                    "\n".join(filter(None, (f"after {seconds:g} s {describe()}", who.last_output())))
                )
            who.check()
            pause.wait(_LOOK_EVERY_SECONDS)

    def _unfinished(self, invocation: "BaseInvocation[Any, Any]") -> str:
        status = self._app.orchestrator.get_invocation_status(invocation.invocation_id)
        return f"invocation {invocation.invocation_id} of {invocation.task.task_id} is {status.value}"

    def _has_had(self, invocation: "BaseInvocation[Any, Any]", status: "InvocationStatus") -> bool:
        history = self._app.state_backend.get_history(invocation.invocation_id)
        return any(entry.status_record.status == status for entry in history)
