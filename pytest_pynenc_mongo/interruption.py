"""Tests that are over before their end: those that failed, and the one that Ctrl-C met.

What such a test started ends soon and without a word of its own; the test says what it waited for.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from traceback import walk_tb
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import executors, report

if TYPE_CHECKING:
    from pynenc.invocation.base_invocation import BaseInvocation
_FAILED: pytest.StashKey[bool] = pytest.StashKey()
_INTERRUPTED: pytest.StashKey[bool] = pytest.StashKey()
# a worker of a test that failed may end as it would, and write what it has to; at Ctrl-C all has to be gone
_FAILED_SECONDS = 1.0
_INTERRUPTED_SECONDS = 0.3
# what pynenc and pynenc_wait call their waits
_PYNENC_S_WAITS = ("result", "results", "async_result", "async_results")
_OUR_WAITS = ("_wait", "_async_wait")  # of pynenc_wait


def remember_outcome(item: pytest.Item, outcome: pytest.TestReport) -> None:
    if outcome.failed:
        item.stash[_FAILED] = True


def has_failed(item: pytest.Item) -> bool:
    return item.stash.get(_FAILED, False)


def hurry_if_over(item: pytest.Item) -> executors.Hurry | None:
    """Return how what a test started has to end, if the test failed or the run is at its end."""
    return hurry(item) if has_failed(item) or _is_interrupted(item.config) else None


def hurry(item: pytest.Item) -> executors.Hurry:
    """Return how what a test started has to end, now that nobody waits for it."""
    seconds = _INTERRUPTED_SECONDS if _is_interrupted(item.config) else _FAILED_SECONDS
    return executors.Hurry(seconds, partial(report.note, item.config))


def _is_interrupted(config: pytest.Config) -> bool:
    return config.stash.get(_INTERRUPTED, False)


@contextmanager
def noticed(item: pytest.Item, phase: str) -> Generator[None]:
    """Around a phase of a test: say which test Ctrl-C met, where, and what it waited for."""
    try:
        yield
    except (KeyboardInterrupt, pytest.exit.Exception) as error:
        notice(item, error, phase)
        # Ctrl-C has killed the processes of runners, which would replace them
        executors.hurry_all(hurry(item))
        raise


def notice(item: pytest.Item, error: BaseException, phase: str = "call") -> None:
    """Say which test Ctrl-C met, if that is what `error` is, while its app is still where it was."""
    if isinstance(error, KeyboardInterrupt) and not _is_interrupted(item.config):
        report.note(item.config, f"interrupted: {item.nodeid}{_where(item, phase, error.__traceback__)}")
    if isinstance(error, KeyboardInterrupt | pytest.exit.Exception):
        item.config.stash[_INTERRUPTED] = True


def _where(item: pytest.Item, phase: str, traceback: TracebackType | None) -> str:
    """Return in words where in its module a test was, and what it waited for."""
    frames = list(walk_tb(traceback))
    lines = [line for frame, line in frames if Path(frame.f_code.co_filename) == item.path]
    at = f", in line {lines[-1]}" if lines else f", in its {phase}"
    # the innermost one; each asks the store
    awaited = next(filter(None, (_awaited_in(frame) for frame, _ in reversed(frames))), "")
    return f"{at}, waited: {awaited}" if awaited else at


def _awaited_in(frame: FrameType) -> str:
    """Return in words what a function waits for, if it is one of those that wait."""
    from pynenc.invocation.base_invocation import BaseInvocation, BaseInvocationGroup

    if frame.f_code.co_name in _OUR_WAITS:
        return _told(frame.f_locals.get("wanted"))
    awaited = frame.f_locals.get("self") if frame.f_code.co_name in _PYNENC_S_WAITS else None
    if isinstance(awaited, BaseInvocation):
        return _described([awaited])
    if isinstance(awaited, BaseInvocationGroup):
        return _described(awaited.invocations)
    return ""


def _told(wanted: object) -> str:
    """Return what is so instead of what `pynenc_wait` waits for; a condition is the test's own."""
    from pynenc_mongo.errors import PynencMongoError
    from pytest_pynenc_mongo.wanted import Condition, Wanted

    if not isinstance(wanted, Wanted) or isinstance(wanted, Condition):
        return ""
    try:
        return wanted.what_is_known()
    except PynencMongoError:
        return "what is in a store that is gone"


def _described(invocations: "Sequence[BaseInvocation[Any, Any]]") -> str:
    """Return what is known of the first of them that is not final."""
    from pynenc_mongo.errors import PynencMongoError
    from pytest_pynenc_mongo import awaiting

    app, ids = invocations[0].app, [each.invocation_id for each in invocations]
    try:
        final = set(app.orchestrator.filter_final(ids))
        waiting = [each for each in ids if each not in final] or ids
        return awaiting.current().what_is_known(app, waiting)
    except PynencMongoError:
        return f"{invocations[0].task.task_id.func_name}, in a store that is gone"
