"""Waiting for what tasks do: with a deadline, and never for those who are dead."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import awaiting, clock, executors
from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.base_invocation import BaseInvocation
    from pynenc.invocation.status import InvocationStatus

__tracebackhide__ = True

_LOOK_EVERY_SECONDS = 0.01


class Wait:
    """Waits for invocations of one app, `timeout` seconds at most."""

    def __init__(self, app: "Pynenc", timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    def __call__(self, invocation: "BaseInvocation[Any, Any]", timeout: float | None = None) -> Any:
        """Return the result of an invocation, or raise what its task raised.

        :raises RunnerError: if it is not final in time, or can never be; says why
        """

        def is_final() -> bool:
            return invocation.status.is_final()

        self._until_of(invocation, is_final, timeout)
        return invocation.result

    def status(
        self,
        invocation: "BaseInvocation[Any, Any]",
        status: "InvocationStatus",
        timeout: float | None = None,
    ) -> None:
        """Return as soon as an invocation has had a status, be it over already.

        :raises RunnerError: if it has not in time, or can never have it; says why
        """
        self._until_of(invocation, lambda: _has_had(invocation, status), timeout)

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

        vigil, seconds = awaiting.Vigil(self._app), self._timeout if timeout is None else timeout
        self._poll(
            lambda: not count(),
            seconds,
            lambda: f"{count()} messages and invocations are unfinished",
            lambda: vigil.check([], seconds),
        )

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
        who = executors.of(self._app)
        self._poll(happened, seconds, describe, who.check)

    def _until_of(
        self, invocation: "BaseInvocation[Any, Any]", happened: Callable[[], object], timeout: float | None
    ) -> None:
        seconds = self._timeout if timeout is None else timeout
        guard, vigil, ids = awaiting.current(), awaiting.Vigil(invocation.app), [invocation.invocation_id]
        self._poll(
            happened,
            seconds,
            lambda: guard.what_is_known(invocation.app, ids),
            lambda: guard.refuse_in_vain(vigil, ids, seconds),
        )

    def _poll(
        self,
        happened: Callable[[], object],
        seconds: float,
        describe: Callable[[], str],
        check: Callable[[], None],
    ) -> None:
        deadline, pause = clock.now() + seconds, threading.Event()
        while not happened():
            if clock.now() > deadline:
                raise RunnerError(f"after {seconds:g} s {describe()}")
            check()
            pause.wait(_LOOK_EVERY_SECONDS)


def _has_had(invocation: "BaseInvocation[Any, Any]", status: "InvocationStatus") -> bool:
    history = invocation.app.state_backend.get_history(invocation.invocation_id)
    return any(entry.status_record.status == status for entry in history)
