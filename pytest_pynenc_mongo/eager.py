"""Eager tests, `@pytest.mark.pynenc_mongo(eager=True)`: tasks run at the call, in the test process.

pynenc's `dev_mode_force_sync_tasks` runs a task in this process when somebody asks for its result, again at
each question while it raises, and never if nobody asks. Here it runs once, when it is called, and what it
raises waits for whoever asks for the result.
"""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.conc_invocation import ConcurrentInvocation

SETTING = "dev_mode_force_sync_tasks"


def refuse(app: "Pynenc", who: str) -> None:
    """Refuse what goes by messages, which an eager app has none of.

    :raises RunnerError: if the tasks of `app` run in the test process
    """
    if app.conf.dev_mode_force_sync_tasks:
        source = app.conf.field_info(SETTING).source
        raise RunnerError(
            f"app {app.app_id!r} is eager: its tasks run in the test process, not by {who} ({SETTING} comes "
            f"from {source}). Leave out {who}, or mark the test with pynenc_mongo(eager=False)"
        )


@contextmanager
def at_the_call() -> Generator[None]:
    """Have tasks of apps with that setting run when they are called."""
    from pynenc import task

    before = vars(task)["ConcurrentInvocation"]
    vars(task)["ConcurrentInvocation"] = _eager_invocation()
    try:
        yield
    finally:
        vars(task)["ConcurrentInvocation"] = before


@cache
def _eager_invocation() -> "type[ConcurrentInvocation[Any, Any]]":
    from pynenc.invocation.conc_invocation import ConcurrentInvocation

    class EagerInvocation(ConcurrentInvocation[Any, Any]):
        """An invocation whose task has run."""

        def __init__(self, call: Any) -> None:
            super().__init__(call)
            self._raised: Exception | None = None
            if iscoroutinefunction(self.task.func) and _in_a_loop():
                # which runs no second one in this thread
                thread = threading.Thread(target=copy_context().run, args=[self._run])
                thread.start()
                thread.join()
            else:
                self._run()

        def _run(self) -> None:
            try:
                _ = super().result
            except Exception as error:  # who asks for the result gets it
                self._raised = error

        @property
        def result(self) -> Any:
            if self._raised is not None:
                raise self._raised
            return super().result

    return EagerInvocation


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
