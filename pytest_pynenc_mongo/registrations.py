"""Tasks that a test registers itself, on its fixture's app: no import registers them in another process."""

import pickle
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_pynenc_mongo.errors import RunnerError

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.task_id import TaskId
    from pynenc.task import Task


class Registration(NamedTuple):
    """A task that a process knows."""

    task_id: "TaskId"
    # pickled options and triggers, if its name is that of a plain function, which says nothing of them
    details: bytes


def of(app: "Pynenc") -> list[Registration]:
    """Return the tasks that `app` knows here."""
    return [_registration(app, task) for task in app.tasks.values()]


def complete(app: "Pynenc", registrations: Iterable[Registration]) -> None:
    """Register with `app` those tasks that its modules have not registered in this process.

    :raises RunnerError: naming one that this process cannot find
    """
    for registration in registrations:
        if registration.task_id in app.tasks:
            continue
        try:
            _register(app, registration)
        except (ImportError, AttributeError, ValueError) as error:
            raise RunnerError(
                f"cannot have task {registration.task_id.key}: another process finds neither a function "
                f"of that name at the top of a module nor its options ({error}); write them there"
            ) from None


def _registration(app: "Pynenc", task: "Task[Any, Any]") -> Registration:
    module = sys.modules.get(task.task_id.module)
    if getattr(module, task.task_id.func_name, None) is not task.func:
        return Registration(task.task_id, b"")
    triggers = app._deferred_trigger_tasks.get(task.task_id, [])
    try:
        return Registration(task.task_id, pickle.dumps((task.options, triggers)))
    except (pickle.PicklingError, AttributeError, TypeError):
        return Registration(task.task_id, b"")


def _register(app: "Pynenc", registration: Registration) -> None:
    if not registration.details:
        app.get_task(registration.task_id)
        return
    options, triggers = pickle.loads(registration.details)
    function = getattr(import_module(registration.task_id.module), registration.task_id.func_name)
    app.task(function, triggers=triggers, **options)
