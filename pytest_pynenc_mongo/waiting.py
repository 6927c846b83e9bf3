"""Waiting for what tasks do: with a deadline, and never for those who are dead."""

import inspect
import threading
from collections.abc import Awaitable, Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from pytest_pynenc_mongo import clock, progress
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.outsiders import THREADS_OF_WAITS
from pytest_pynenc_mongo.wanted import Condition, Idle, Results, Some, Status, Wanted, listed

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.base_invocation import BaseInvocation, BaseInvocationGroup
    from pynenc.invocation.status import InvocationStatus

__tracebackhide__ = True

_LOOK_EVERY_SECONDS = 0.01


class Wait:
    """Waits for invocations of one app, `timeout` seconds at most.

    One invocation, a group, or invocations in any iterable. Coroutines wait by the twins whose names
    begin with `async_`, as pynenc's own do.
    """

    def __init__(self, app: "Pynenc", timeout: float, terminal: progress.Terminal | None = None) -> None:
        self._app = app
        self._timeout = timeout
        self._terminal = terminal

    @overload
    def __call__[T](self, invocation: "BaseInvocation[..., T]", /, timeout: float | None = None) -> T: ...

    @overload
    def __call__[T](
        self, group: "BaseInvocationGroup[..., T, Any]", /, timeout: float | None = None
    ) -> list[T]: ...

    @overload
    def __call__[T](
        self, invocations: "Iterable[BaseInvocation[..., T]]", /, timeout: float | None = None
    ) -> list[T]: ...

    def __call__(self, invocations: Some[Any], /, timeout: float | None = None) -> Any:
        """Return the result of an invocation, or those of some in their order, or raise what a task raised.

        :raises RunnerError: if one is not final in time, or none can ever be; says why
        """
        results = Results(listed(invocations))
        self._wait(results, timeout)
        return _like(invocations, results)

    @overload
    async def async_result[T](
        self, invocation: "BaseInvocation[..., T]", /, timeout: float | None = None
    ) -> T: ...

    @overload
    async def async_result[T](
        self, group: "BaseInvocationGroup[..., T, Any]", /, timeout: float | None = None
    ) -> list[T]: ...

    @overload
    async def async_result[T](
        self, invocations: "Iterable[BaseInvocation[..., T]]", /, timeout: float | None = None
    ) -> list[T]: ...

    async def async_result(self, invocations: Some[Any], /, timeout: float | None = None) -> Any:
        """As the call, for coroutines."""
        results = Results(listed(invocations))
        await self._async_wait(results, timeout)
        return _like(invocations, results)

    def status(
        self, invocations: Some[Any], status: "InvocationStatus", timeout: float | None = None
    ) -> None:
        """Return as soon as an invocation, or each of some, has had a status, be it over already.

        :raises RunnerError: if it has not in time, or can never have it; says why
        """
        self._wait(Status(listed(invocations), status), timeout)

    async def async_status(
        self, invocations: Some[Any], status: "InvocationStatus", timeout: float | None = None
    ) -> None:
        """As `status`, for coroutines."""
        await self._async_wait(Status(listed(invocations), status), timeout)

    def idle(self, timeout: float | None = None) -> None:
        """Return as soon as no message is queued and no invocation is unfinished.

        :raises RunnerError: if that is not so in time, or nobody is left to run them
        """
        self._wait(Idle(self._app), timeout)

    async def async_idle(self, timeout: float | None = None) -> None:
        """As `idle`, for coroutines."""
        await self._async_wait(Idle(self._app), timeout)

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
        self._wait(Condition(self._app, happened, describe), timeout)

    async def async_until(
        self,
        happened: Callable[[], object | Awaitable[object]],
        timeout: float | None = None,
        describe: Callable[[], str] = lambda: "what was waited for did not happen",
    ) -> None:
        """As `until`, for coroutines; `happened` may be one itself."""
        await self._async_wait(Condition(self._app, happened, describe), timeout)

    def _wait(self, wanted: Wanted, timeout: float | None) -> None:
        pause = threading.Event()
        with self._patience(wanted, timeout) as spend:
            while not wanted.has_happened():
                spend()
                pause.wait(_LOOK_EVERY_SECONDS)

    async def _async_wait(self, wanted: Wanted, timeout: float | None) -> None:
        import asyncio

        loop, pause = asyncio.get_running_loop(), threading.Event()
        # freezegun stops the clock of the loop: a sleep of asyncio's would never end
        with self._patience(wanted, timeout) as spend, ThreadPoolExecutor(1, THREADS_OF_WAITS) as pool:
            while not await _settled(wanted.has_happened()):
                spend()
                await loop.run_in_executor(pool, pause.wait, _LOOK_EVERY_SECONDS)

    @contextmanager
    def _patience(self, wanted: Wanted, timeout: float | None) -> Generator[Callable[[], None]]:
        """Yield what each turn calls: it ends the wait where that has to end, and shows how it goes."""
        seconds = self._timeout if timeout is None else timeout
        deadline = clock.now() + seconds

        def spend() -> None:
            if clock.now() > deadline:
                raise RunnerError(f"after {seconds:g} s {wanted.what_is_known()}")
            wanted.check(seconds)
            shown.show(wanted.progress)

        with progress.shown(self._terminal) as shown:
            yield spend


def _like(some: Some[Any], results: Results) -> Any:
    """Return one value for one invocation, a list for several, be it one."""
    from pynenc.invocation.base_invocation import BaseInvocation

    return results.values[0] if isinstance(some, BaseInvocation) else results.values


async def _settled(answer: object) -> object:
    return await answer if inspect.isawaitable(answer) else answer
