"""What `pynenc_wait` waits for: results, a status, an idle app, a condition; each asks in few commands."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, override

from pytest_pynenc_mongo import awaiting, executors
from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.invocation_id import InvocationId
    from pynenc.invocation.base_invocation import BaseInvocation, BaseInvocationGroup
    from pynenc.invocation.status import InvocationStatus

type Invocation = BaseInvocation[..., Any]
type Some[T] = BaseInvocation[..., T] | BaseInvocationGroup[..., T, Any] | Iterable[BaseInvocation[..., T]]

__tracebackhide__ = True


class Wanted(ABC):
    """Something that happens, in time or never."""

    @abstractmethod
    def has_happened(self) -> object:
        """Return something true if it has; an awaitable only where coroutines wait."""

    @abstractmethod
    def check(self, seconds: float) -> None:
        """Refuse to wait for what never comes; for `seconds` at most it would be.

        :raises EngineError: if the app's MongoDB has ended; says how
        :raises RunnerError: says why
        """

    @abstractmethod
    def what_is_known(self) -> str:
        """Return what is so instead."""

    @abstractmethod
    def progress(self) -> str:
        """Return how far it is, for a terminal."""


class _Invocations(Wanted):
    """Something of each of some invocations; each of their apps is asked for all of its own at once."""

    def __init__(self, invocations: Sequence[Invocation]) -> None:
        self._missing: dict[Pynenc, dict[InvocationId, Invocation]] = {}
        for each in invocations:
            self._missing.setdefault(each.app, {})[each.invocation_id] = each
        self._names = Counter(each.task.task_id.func_name for each in invocations)
        self._guard = awaiting.current()
        self._vigils = {app: awaiting.Vigil(app) for app in self._missing}

    def check(self, seconds: float) -> None:
        for app, missing in self._unfinished():
            self._guard.refuse_in_vain(self._vigils[app], list(missing), seconds)

    def what_is_known(self) -> str:
        known = (self._guard.what_is_known(app, list(missing)) for app, missing in self._unfinished())
        return next(known, "nothing is missing any more")

    def progress(self) -> str:
        from pynenc.invocation.status import InvocationStatus

        missing = sum(len(some) for _, some in self._unfinished())
        running = sum(
            len(app.orchestrator.filter_by_status(list(some), frozenset({InvocationStatus.RUNNING})))
            for app, some in self._unfinished()
        )
        done = self._names.total() - missing
        return f"{done} done, {running} running, {missing - running} waiting: {', '.join(self._names)}"

    def _unfinished(self) -> "Iterator[tuple[Pynenc, dict[InvocationId, Invocation]]]":
        return ((app, some) for app, some in self._missing.items() if some)


class Results(_Invocations):
    """The result of each of some invocations; what one of their tasks raised, as soon as it is known."""

    def __init__(self, invocations: Sequence[Invocation]) -> None:
        super().__init__(invocations)
        self._ids = [each.invocation_id for each in invocations]
        self._found: dict[InvocationId, Any] = {}

    def has_happened(self) -> bool:
        for app, missing in self._unfinished():
            for key in _final_among(app, missing):
                self._found[key] = missing.pop(key).result
        return not any(self._missing.values())

    @property
    def values(self) -> list[Any]:
        """They, in the order of the invocations."""
        return [self._found[key] for key in self._ids]


class Status(_Invocations):
    """That each of some invocations has had a status, be it over already."""

    def __init__(self, invocations: Sequence[Invocation], status: "InvocationStatus") -> None:
        super().__init__(invocations)
        self._status = status

    def has_happened(self) -> bool:
        # one by one: what a history holds once it always holds
        for _, missing in self._unfinished():
            for key, invocation in list(missing.items()):
                has_had = self._has_run_to if _is_eager(invocation) else self._is_in_history
                if not has_had(invocation):
                    return False
                del missing[key]
        return True

    def _has_run_to(self, invocation: Invocation) -> bool:
        from pynenc.invocation.status import InvocationStatus

        before = (InvocationStatus.REGISTERED, InvocationStatus.RUNNING)
        if self._status == invocation.status or (invocation.status.is_final() and self._status in before):
            return True
        raise RunnerError(
            f"{invocation.task.task_id.func_name} is {invocation.status.value}, and nothing changes that by "
            "itself: it runs in the test process (dev_mode_force_sync_tasks)"
        )

    def _is_in_history(self, invocation: Invocation) -> bool:
        history = invocation.app.state_backend.get_history(invocation.invocation_id)
        return any(entry.status_record.status == self._status for entry in history)


class Idle(Wanted):
    """That no message is queued and no invocation is unfinished."""

    def __init__(self, app: "Pynenc") -> None:
        from pynenc.invocation.status import InvocationStatus

        self._app = app
        self._vigil = awaiting.Vigil(app)
        self._unfinished = [status for status in InvocationStatus if not status.is_final()]

    def has_happened(self) -> bool:
        return not self._count()

    def check(self, seconds: float) -> None:
        self._vigil.check([], seconds)

    def what_is_known(self) -> str:
        return f"{self._count()} messages and invocations are unfinished"

    def progress(self) -> str:
        return self.what_is_known()

    def _count(self) -> int:
        return self._app.broker.count_invocations() + self._app.orchestrator.count_invocations(
            statuses=self._unfinished
        )


class Condition(Wanted):
    """That a test's own condition is true."""

    def __init__(self, app: "Pynenc", happened: Callable[[], object], describe: Callable[[], str]) -> None:
        self._who = executors.of(app)
        self._happened = happened
        self._describe = describe

    def has_happened(self) -> object:
        return self._happened()

    @override
    def check(self, seconds: float) -> None:
        self._who.check()

    def what_is_known(self) -> str:
        return self._describe()

    def progress(self) -> str:
        return ""


def listed[T](some: Some[T]) -> "list[BaseInvocation[..., T]]":
    """Return one invocation, a group, or any iterable of invocations as a list.

    :raises TypeError: if it is something else, a task that was not called for example
    """
    from pynenc.invocation.base_invocation import BaseInvocation

    found = list(some) if isinstance(some, Iterable) else [some]
    for each in found:
        if not isinstance(each, BaseInvocation):
            raise TypeError(f"{each!r} is not an invocation: what a call of a task returns is one")
    return found


def _final_among(app: "Pynenc", some: "dict[InvocationId, Invocation]") -> "list[InvocationId]":
    """Return those that are over, or that run where their result is read; in the order of `some`."""
    if len(some) == 1:  # it remembers its status, which its result asks for again
        key, invocation = next(iter(some.items()))
        return [key] if _is_eager(invocation) or invocation.status.is_final() else []
    distributed = [key for key, each in some.items() if not _is_eager(each)]
    over = set(app.orchestrator.filter_final(distributed)) if distributed else set()
    return [key for key, each in some.items() if key in over or _is_eager(each)]


def _is_eager(invocation: Invocation) -> bool:
    """Return whether its task runs where its result is read: pynenc's `dev_mode_force_sync_tasks`."""
    from pynenc.invocation.conc_invocation import ConcurrentInvocation

    return isinstance(invocation, ConcurrentInvocation)
