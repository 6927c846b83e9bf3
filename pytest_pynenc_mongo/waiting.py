"""Waiting for what tasks do: with a deadline, and never for those who are dead."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.base_invocation import BaseInvocation
    from pynenc.invocation.status import InvocationStatus

_LOOK_EVERY_SECONDS = 0.01


class Producer(Protocol):
    """A runner or a worker that runs an app's tasks."""

    @property
    def is_alive(self) -> bool: ...

    def obituary(self) -> str:
        """How it ended, and what it last said."""
        ...

    def last_words(self) -> str:
        """What it last said, for the failure of a task."""
        ...


class Producers:
    """All who run the tasks of an app during a test."""

    def __init__(self) -> None:
        self._producers: list[Producer] = []
        self.ending = ExitStack()  # stops them, before the app is put back

    def add(self, producer: Producer) -> None:
        self._producers.append(producer)

    def check(self) -> None:
        """Refuse to wait where nobody is left to wait for.

        :raises RunnerError: if there were some and all have ended; says how the last one did
        """
        if self._producers and not any(producer.is_alive for producer in self._producers):
            raise RunnerError(self._producers[-1].obituary())

    def last_words(self) -> str:
        return "\n".join(filter(None, (producer.last_words() for producer in self._producers)))


_of_apps: "WeakKeyDictionary[Pynenc, Producers]" = WeakKeyDictionary()


def producers_of(app: "Pynenc") -> Producers:
    return _of_apps.setdefault(app, Producers())


def watch(app: "Pynenc", producer: Producer) -> None:
    """Have whoever waits for a result of `app` in this process look whether somebody is left to compute it.

    pynenc's `invocation.result` waits for ever by itself.
    """
    producers = producers_of(app)
    producers.add(producer)
    runner = app.runner
    wait = type(runner).waiting_for_results

    def waiting_for_results(*arguments: Any, **options: Any) -> None:
        producers.check()
        wait(runner, *arguments, **options)

    runner.waiting_for_results = waiting_for_results  # type: ignore[method-assign]
    async_wait = type(runner).async_waiting_for_results

    async def async_waiting_for_results(*arguments: Any, **options: Any) -> None:
        producers.check()
        await async_wait(runner, *arguments, **options)

    runner.async_waiting_for_results = async_waiting_for_results  # type: ignore[method-assign]


def forget(app: "Pynenc") -> None:
    """Stop and forget who ran the tasks of `app`, before it is put back."""
    if producers := _of_apps.get(app):
        try:
            producers.ending.close()
        finally:
            _of_apps.pop(app, None)


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
            if words := producers_of(self._app).last_words():
                error.add_note(words)
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
        """
        seconds = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        producers = producers_of(self._app)
        pause = threading.Event()
        while not happened():
            if time.monotonic() > deadline:
                raise RunnerError(
                    "\n".join(filter(None, (f"after {seconds:g} s {describe()}", producers.last_words())))
                )
            producers.check()
            pause.wait(_LOOK_EVERY_SECONDS)

    def _unfinished(self, invocation: "BaseInvocation[Any, Any]") -> str:
        status = self._app.orchestrator.get_invocation_status(invocation.invocation_id)
        return f"invocation {invocation.invocation_id} of {invocation.task.task_id} is {status.value}"

    def _has_had(self, invocation: "BaseInvocation[Any, Any]", status: "InvocationStatus") -> bool:
        history = self._app.state_backend.get_history(invocation.invocation_id)
        return any(entry.status_record.status == status for entry in history)
