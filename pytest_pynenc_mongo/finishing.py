"""Processes of a runner that have done their task, and are about to end: they may write what they have to.

ProcessRunner kills its processes when it stops, and one that has just stored its result is not gone yet:
coverage, for one, writes its data at a process's end.
"""

from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import clock

if TYPE_CHECKING:
    from pynenc.runner.base_runner import BaseRunner

_SECONDS = 1.0


def let_finish(runner: "BaseRunner") -> None:
    """Have `runner` wait, when it stops, for those of its processes whose task is over."""
    stop = runner._on_stop  # its own step between the loop's end and the last word

    def _on_stop() -> None:
        _wait_for_those_who_are_done(runner)
        stop()

    runner._on_stop = _on_stop  # type: ignore[method-assign]


def _wait_for_those_who_are_done(runner: "BaseRunner") -> None:
    table: dict[str, Any] = getattr(runner, "child_runner_ids", {})
    children = {each.invocation_id: each.process for each in table.values() if hasattr(each, "invocation_id")}
    deadline = clock.now() + _SECONDS
    for done in runner.app.orchestrator.filter_final(list(children)) if children else ():
        children[done].join(max(0.0, deadline - clock.now()))
