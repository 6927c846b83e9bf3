"""What runs by the clock in a test: the user's crons when their time comes, and pynenc's own when asked.

The settings reach workers with the app's `config_values`, and are applied to the app in each process alike.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.core_tasks import CoreTaskDefinition

# which of the settings that schedule core tasks a test has named; pynenc does not read it
_SCHEDULED = "pynenc_mongo_scheduled_core_tasks"


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a test with config values of its own.

    A cron fires when its time comes, not because a store is new. pynenc schedules those of its core tasks
    whose schedule the test itself names: `config={"recover_running_invocations_cron": "* * * * *"}`.
    """
    from pynenc.core_tasks import core_tasks_registry

    schedules = {definition.config_cron for definition in core_tasks_registry.definitions}
    return {"mongo_new_crons_fire": False, _SCHEDULED: sorted(config.keys() & schedules), **config}


def apply(app: "Pynenc") -> None:
    """Have `app` know its core tasks, and schedule those that its test has asked for, as `settings` says."""
    scheduled = (app.config_values or {}).get(_SCHEDULED)
    if scheduled is None:
        return

    def register_core_tasks() -> None:
        from pynenc.core_tasks import core_tasks_registry

        for definition in core_tasks_registry.definitions:
            if definition.config_cron in (None, *scheduled):
                app.register_core_task(definition)
            else:
                _register_without_schedule(app, definition)

    app.register_core_tasks = register_core_tasks  # type: ignore[method-assign]


def _register_without_schedule(app: "Pynenc", definition: "CoreTaskDefinition") -> None:
    task = app.task(definition.func, **definition.options)
    # of a runner before the test
    app._deferred_trigger_tasks.pop(task.task_id, None)
