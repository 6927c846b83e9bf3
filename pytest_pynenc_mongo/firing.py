"""What the clock or an event starts, started now, by pynenc's own road: the trigger loop of a runner."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import eager, executors, prospects
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.waiting import Wait

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.invocation.dist_invocation import DistributedInvocation
    from pynenc.task import Task
    from pynenc.trigger.conditions import CronCondition, ValidCondition

__tracebackhide__ = True

_TICK = timedelta(microseconds=1)
_NEVER, _FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
# more than one loop begins and ends while another one is looked at
_LATEST_TURNS = 50
# longer than a test: nobody else takes the run over
_CLAIM_SECONDS = 24 * 3600


class Cron:
    """Fires crons of tasks: `pynenc_cron.fire(task)`."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._last = _NEVER

    def fire(
        self, task: "Task[Any, Any]", cron: str = "", timeout: float | None = None
    ) -> "DistributedInvocation[Any, Any]":
        """Have a cron of a task fire now, once, and return the invocation that a runner's loop makes of it.

        Other tasks that have the same schedule do not run. To pynenc the cron has then just fired.

        :param cron: the schedule, where the task has several
        :raises RunnerError: if the task has no such cron, nobody runs its app, or nobody gets to it in time
        """
        app = task.app
        _insist_on_somebody(app)
        condition = _cron_of(task, cron)
        valid = self._satisfied_now(app, condition)
        _keep_others_from_running(task, valid)
        app.trigger.record_valid_conditions([valid])
        turns = _Turns(app)

        def made() -> list[str]:
            runs = app.trigger.get_trigger_runs_for_valid_condition(valid.valid_condition_id)
            return [str(run.triggered_invocation_id) for run in runs if run.task_id_key == task.task_id.key]

        Wait(app, self._timeout).until(lambda: made() or turns.is_over(), timeout, turns.describe)
        for invocation_id in made():
            return _invocation(app, invocation_id)
        raise RunnerError(
            f"cron {condition.cron_expression!r} of {task.task_id} has fired, but its trigger waits for "
            f"more: {_other_conditions(task, condition)}"
        )

    def _satisfied_now(self, app: "Pynenc", condition: "CronCondition") -> "ValidCondition":
        from pynenc.trigger.conditions import CronContext, ValidCondition

        # each firing is another one to pynenc by its instant, on a clock that stands still, too
        self._last = now = max(datetime.now(UTC), self._last + _TICK)
        last = app.trigger.get_last_cron_execution(condition.condition_id)
        app.trigger.store_last_cron_execution(condition.condition_id, now, last)
        return ValidCondition(condition, CronContext(timestamp=now, last_execution=last))


class Event:
    """Emits events: `pynenc_event("ordered", {"tea": 2})`."""

    def __init__(self, app: "Pynenc", timeout: float) -> None:
        self._app = app
        self._timeout = timeout

    def __call__(
        self, code: str, payload: Mapping[str, Any] | None = None, timeout: float | None = None
    ) -> list["DistributedInvocation[Any, Any]"]:
        """Emit an event, and return the invocations that it triggered, which may be none.

        Returns at once where no trigger waits for the event, else as soon as a runner's loop has been through
        all that do. A trigger that waits for more than the event makes no invocation yet.

        :raises RunnerError: if nobody runs the app, or nobody gets to it in time
        """
        trigger = self._app.trigger
        _insist_on_somebody(self._app)
        event_id = trigger.emit_event(code, dict(payload or {}))
        event = trigger.get_event(event_id)
        waiting = set(event.valid_condition_ids) if event else set()
        if waiting:
            turns = _Turns(self._app)
            Wait(self._app, self._timeout).until(
                lambda: waiting.isdisjoint(trigger.get_valid_conditions()) or turns.is_over(),
                timeout,
                turns.describe,
            )
        return [_invocation(self._app, each) for each in trigger.get_invocations_triggered_by_event(event_id)]


class _Turns:
    """The turns of the trigger loops of an app's runners, from now on."""

    def __init__(self, app: "Pynenc") -> None:
        self._app = app
        self._before = set(self._all())

    def is_over(self) -> bool:
        """Return whether a turn that began later has ended well."""
        from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus

        completed = AtomicServiceExecutionStatus.COMPLETED
        return any(status == completed for turn, status in self._all().items() if turn not in self._before)

    def describe(self) -> str:
        return f"no runner of app {self._app.app_id!r} has looked after its triggers"

    def _all(self) -> dict[str, object]:
        found = self._app.orchestrator.get_atomic_service_executions_in_timerange(
            _NEVER, _FOREVER, _LATEST_TURNS
        )
        return {each.atomic_service_run_id: each.status for each in found}


def _insist_on_somebody(app: "Pynenc") -> None:
    """Refuse to trigger what nobody would run; runners register the triggers of an app, too."""
    eager.refuse(app, "a trigger")
    executors.of(app).check_server()
    if why := prospects.nobody_runs(app, math.inf):
        raise RunnerError(why)


def _cron_of(task: "Task[Any, Any]", cron: str) -> "CronCondition":
    crons = _crons_of(task)
    if cron:
        crons = {each: condition for each, condition in crons.items() if each == cron}
    if len(crons) == 1:
        return next(iter(crons.values()))
    if crons:
        raise RunnerError(
            f"{task.task_id} has {len(crons)} crons, {', '.join(map(repr, sorted(crons)))}: "
            f"name the one to fire, fire(task, {min(crons)!r})"
        )
    known = ", ".join(map(repr, sorted(_crons_of(task))))
    raise RunnerError(
        f"{task.task_id} has no cron {cron!r}, but {known}"
        if known
        else f"{task.task_id} has no cron: give it one, @app.task(triggers=on_cron('0 3 * * *'))"
    )


def _crons_of(task: "Task[Any, Any]") -> dict[str, "CronCondition"]:
    from pynenc.trigger.conditions import CronCondition

    trigger = task.app.trigger
    conditions = [
        each
        for each in trigger._get_all_conditions()  # there is no public way
        if isinstance(each, CronCondition)
    ]
    return {
        each.cron_expression: each
        for each in conditions
        if any(
            definition.task_id == task.task_id
            for definition in trigger.get_triggers_for_condition(each.condition_id)
        )
    }


def _keep_others_from_running(task: "Task[Any, Any]", valid: "ValidCondition") -> None:
    """Claim the runs of other tasks that the same cron would start; loops pass over what is claimed."""
    from pynenc.trigger.trigger_context import TriggerContext
    from pynenc.trigger.trigger_definitions import TriggerDefinition

    trigger = task.app.trigger
    satisfied = TriggerContext(valid_conditions={valid.valid_condition_id: valid})
    for each in trigger.get_triggers_for_condition(valid.condition.condition_id):
        definition = TriggerDefinition(each.task_id, each.condition_ids, each.logic)
        if each.task_id != task.task_id and definition.should_trigger(satisfied):
            for run_id in definition.generate_trigger_run_ids(satisfied):
                trigger.claim_trigger_run(run_id, _CLAIM_SECONDS)


def _other_conditions(task: "Task[Any, Any]", condition: "CronCondition") -> str:
    definitions = task.app.trigger.get_triggers_for_condition(condition.condition_id)
    needed = {other for each in definitions if each.task_id == task.task_id for other in each.condition_ids}
    return ", ".join(sorted(needed - {condition.condition_id}))


def _invocation(app: "Pynenc", invocation_id: str) -> "DistributedInvocation[Any, Any]":
    from pynenc.identifiers.invocation_id import InvocationId

    return app.state_backend.get_invocation(InvocationId(invocation_id))
