"""What is stored of invocations, read in a few commands, however many there are."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from pytest_pynenc_mongo import awaiting
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.wanted import Invocation

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.invocation_id import InvocationId
    from pynenc.invocation.dist_invocation import DistributedInvocation
    from pynenc.invocation.status import InvocationStatus
    from pynenc.runner.runner_context import RunnerContext
    from pynenc.task import Task

    from pynenc_mongo.orchestrator.invocations import Registered
    from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator
    from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend

_MOST = 10_000
_CORE_TASKS = "pynenc.core_tasks"


def of_task[**P, T](task: "Task[P, T]") -> "list[DistributedInvocation[P, T]]":
    """Return the invocations of a task, oldest first, in two commands.

    :raises RunnerError: if its app is not on the test database, or stores none, or there are too many
    """
    refuse_what_is_not_stored(task.app)
    ids = task.app.orchestrator.get_invocation_ids_paginated(task.task_id, None, _MOST)
    if len(ids) == _MOST:
        raise RunnerError(f"{task.task_id.func_name} has {_MOST:,} invocations or more: too many to look at")
    return load(task.app, list(reversed(ids)))


def load(app: "Pynenc", ids: "Sequence[InvocationId]") -> "list[DistributedInvocation[Any, Any]]":
    """Return the stored ones among some invocations, in one command."""
    from pynenc.call import LazyCall
    from pynenc.invocation.dist_invocation import DistributedInvocation

    stored = _state_backend(app).get_stored_invocations(ids) if ids else {}
    found = (stored[key] for key in ids if key in stored)
    return [DistributedInvocation.from_dto(each, LazyCall.from_dto(app, call)) for each, call in found]


def of_status(app: "Pynenc", statuses: "Iterable[InvocationStatus]") -> "list[Registered]":
    """Return the invocations of an app that have one of some statuses, oldest first, in one command.

    Those of pynenc's own core tasks are left out.
    """
    refuse_what_is_not_stored(app)
    orchestrator = cast("MongoOrchestrator", app.orchestrator)
    found = orchestrator.get_registered(_MOST, list(statuses))
    return [each for each in reversed(found) if each.task_id.module != _CORE_TASKS]


def runs_of(invocations: Sequence[Invocation]) -> "Iterator[tuple[Invocation, list[RunnerContext | None]]]":
    """Return the runs of each invocation, as the runner that each was in, None for one that left no word.

    Two commands for each app.
    """
    from pynenc.invocation.status import InvocationStatus

    for app in dict.fromkeys(each.app for each in invocations):
        refuse_what_is_not_stored(app)
        some = [each for each in invocations if each.app is app]
        histories = _state_backend(app).get_histories([each.invocation_id for each in some])
        runs = {
            key: [
                each.runner_context_id
                for each in history
                if each.status_record.status == InvocationStatus.RUNNING
            ]
            for key, history in histories.items()
        }
        runner_ids = {runner_id for ids in runs.values() for runner_id in ids}
        contexts = {each.runner_id: each for each in app.state_backend.get_runner_contexts(list(runner_ids))}
        for each in some:
            yield each, [contexts.get(runner_id) for runner_id in runs[each.invocation_id]]


def refuse_what_is_not_stored(app: "Pynenc") -> None:
    """Refuse an app of which the test database knows nothing.

    :raises RunnerError: says why
    """
    if app not in awaiting.apps_of_test():
        remedy = "request pynenc_app, or put it there by pynenc_use_app(app)"
        raise RunnerError(f"app {app.app_id!r} is not on the test database: {remedy}")
    if app.conf.dev_mode_force_sync_tasks:
        raise RunnerError(f"app {app.app_id!r} stores no invocation: dev_mode_force_sync_tasks is set")


def _state_backend(app: "Pynenc") -> "MongoStateBackend[Any, Any]":
    return cast("MongoStateBackend[Any, Any]", app.state_backend)
