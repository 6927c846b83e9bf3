"""Runners as a snapshot has them: what each said of itself, whose it is, how it ended."""

import os
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_pynenc_mongo import executors, prospects
from pytest_pynenc_mongo.snapshot import Runner

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.orchestrator.atomic_service import ActiveRunnerInfo
    from pynenc.runner.runner_context import RunnerContext


def all_of(app: "Pynenc", also: Iterable[str] = ()) -> tuple[Runner, ...]:
    """Return the runners of an app that gave a sign of life, those above them, and others by their id."""
    look = prospects.Runners(app)
    signs = {sign.runner_id: sign for sign in look.signs}
    stored = look.contexts(dict.fromkeys([*signs, *also]))
    above = {each.runner_id: each for context in stored.values() for each in executors.lineage(context)}
    return tuple(_runner(each, signs.get(each.runner_id), look) for each in above.values())


def _runner(context: "RunnerContext", sign: "ActiveRunnerInfo | None", look: prospects.Runners) -> Runner:
    gone = look.end_of(context)
    all_of_test = executors.of_test()
    # how it ended, where that is known
    ended = next(filter(None, (each.end_of(context.runner_id, context.pid) for each in all_of_test)), None)
    executor = next((each for each in all_of_test if each.has(context)), None)
    is_here = context.pid == os.getpid() and context.hostname == socket.gethostname()
    return Runner(
        id=context.runner_id,
        kind=context.runner_cls,
        pid=gone[0] if gone else context.pid,
        host=context.hostname,
        parent_id=context.parent_ctx.runner_id if context.parent_ctx else "",
        role=executor.role if executor else "test" if is_here else "",
        is_alive=not gone and (executor is None or executor.is_alive),
        end=ended.how if ended else "",
        queues=tuple(sign.consumed_queues) if sign else (),
        seen_at=sign.last_heartbeat.timestamp() if sign else None,
    )
