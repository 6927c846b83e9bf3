"""Invocations as a snapshot has them: what five collections know of each, put together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from pytest_pynenc_mongo import prospects
from pytest_pynenc_mongo.snapshot import CONTROLLED_FINAL, Invocation, Slot, Step

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.identifiers.task_id import TaskId
    from pynenc.invocation.status import InvocationStatusRecord
    from pynenc.models.call_dto import CallDTO
    from pynenc.models.invocation_dto import InvocationDTO
    from pynenc.state_backend.base_state_backend import InvocationHistory
    from pynenc.task import Task

    from pynenc_mongo.orchestrator.invocations import Registered
    from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator
    from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend, Outcome

_MOST_CHARACTERS = 500  # of arguments, a result, an exception
_MOST_STEPS = 100  # of each end of a history
_MOST_UNFINISHED = 20  # of which is asked why they do not end
_IN_HAND = ("pending", "running", "paused")
_CORE_TASKS = "pynenc.core_tasks"


def is_core(registered: "Registered") -> bool:
    """Return whether it is an invocation of one of pynenc's own tasks."""
    return registered.task_id.module == _CORE_TASKS


def all_of(app: "Pynenc", registered: "Sequence[Registered]") -> tuple[Invocation, ...]:
    """Return what is stored of some registered invocations, in six commands, oldest first."""
    ids = [each.invocation_id for each in registered]
    store = cast("MongoStateBackend[Any, Any]", app.state_backend)
    stored, histories, outcomes = (
        store.get_stored_invocations(ids),
        store.get_histories(ids),
        store.get_outcomes(ids),
    )
    unfinished = [each.invocation_id for each in registered if not each.record.status.is_final()]
    waits = _waits(app, unfinished)
    seen = [
        _Seen(
            app,
            each,
            stored.get(each.invocation_id),
            histories[each.invocation_id],
            outcomes.get(each.invocation_id),
        ).told(waits.get(each.invocation_id, ()))
        for each in registered
    ]
    return tuple(sorted(seen, key=lambda each: each.registered_at))


def _waits(app: "Pynenc", unfinished: Sequence[Any]) -> dict[Any, tuple[str, ...]]:
    """Return what each waits for that is not over."""
    orchestrator = cast("MongoOrchestrator", app.orchestrator)
    waits = orchestrator.get_waited_for(unfinished) if unfinished else {}
    waited = list({key for each in waits.values() for key in each})
    over = set(orchestrator.filter_final(waited)) if waited else set()
    return {key: tuple(each for each in waited if each not in over) for key, waited in waits.items()}


class _Seen:
    """One invocation."""

    def __init__(
        self,
        app: "Pynenc",
        registered: "Registered",
        stored: "tuple[InvocationDTO, CallDTO] | None",
        history: "Sequence[InvocationHistory]",
        outcome: "Outcome | None",
    ) -> None:
        self._app = app
        self._registered = registered
        self._stored = stored
        self._history = history
        self._result = outcome.result if outcome else None
        self._exception = outcome.exception if outcome else None

    def told(self, waits_for: tuple[str, ...]) -> Invocation:
        registered, record, task = self._registered, self._registered.record, self._task()
        invocation = self._stored[0] if self._stored else None
        steps = _with_the_latest([_step(each) for each in self._history], record)
        has_result, has_failed = record.status.value == "success", record.status.value == "failed"
        traceback = self._exception[1] if self._exception and has_failed else ""
        return Invocation(
            id=registered.invocation_id,
            task=f"{registered.task_id.module}.{registered.task_id.func_name}",
            arguments=self._arguments(),
            status=record.status.value,
            is_final=record.status.is_final(),
            is_core=is_core(registered),
            registered_at=registered.registered_at.timestamp(),
            status_at=record.timestamp.timestamp(),
            steps=tuple(_ends(steps)),
            runner_id=record.runner_id or _last_runner(steps)
            if not record.status.is_available_for_run()
            else "",
            retries=registered.retries,
            max_retries=task.conf.max_retries if task else 0,
            queue=task.broker_queue if task else "",
            parent_id=(invocation and invocation.parent_invocation_id) or "",
            event_id=(invocation and invocation.parent_event_id) or "",
            waits_for=waits_for,
            result=self._result_in_short() if has_result else "",
            exception=self._exception_in_short() if has_failed else "",
            traceback=traceback,
            remarks=tuple(self._remarks(has_result=has_result, has_failed=has_failed)),
            stuck="",
        )

    def _task(self) -> "Task[Any, Any] | None":
        return _task(self._app, self._registered.task_id)

    def _arguments(self) -> str:
        from pynenc.conf.config_pynenc import ArgumentPrintMode

        conf, arguments = self._app.conf, self._stored[1].serialized_arguments if self._stored else {}
        mode = conf.argument_print_mode
        if not arguments or not conf.print_arguments or mode == ArgumentPrintMode.HIDDEN:
            return "hidden" if arguments else ""
        if mode == ArgumentPrintMode.KEYS:
            return ", ".join(arguments)
        most = _MOST_CHARACTERS if mode == ArgumentPrintMode.FULL else conf.truncate_arguments_length
        return ", ".join(f"{name}={_short(self._value(text), most)}" for name, text in arguments.items())

    def _value(self, serialized: str) -> str:
        """Return the repr of a stored value, on one line."""
        try:
            return _one_line(repr(self._app.client_data_store.deserialize(serialized)))
        except Exception as error:  # of whatever the user's class does
            return f"<unreadable: {type(error).__name__}>"

    def _result_in_short(self) -> str:
        return _short(self._value(self._result[0]), _MOST_CHARACTERS) if self._result else ""

    def _exception_in_short(self) -> str:
        if not self._exception:
            return ""
        said = _last_words(self._exception[1])
        return _short(_one_line(said), _MOST_CHARACTERS)

    def _remarks(self, *, has_result: bool, has_failed: bool) -> list[str]:
        remarks = []
        if has_result and self._result and self._result[1]:
            remarks.append(f"pynenc's serializer changed its result: {self._result[1]}")
        if has_failed and self._exception:
            backend = cast("MongoStateBackend[Any, Any]", self._app.state_backend)
            error, remark = backend.rebuild_exception(self._exception[0])
            instead = f"so `.result` raises {type(error).__name__}: {_one_line(str(error))}"
            remarks += [f"{remark}; {instead}"] if remark else []
        return remarks


def with_reasons(
    app: "Pynenc", invocations: Sequence[Invocation], slots: Sequence[Slot]
) -> tuple[Invocation, ...]:
    """Return the same with what is known of why some do not end, or have not run."""
    unfinished = [cast("Any", each.id) for each in invocations if not each.is_final and not each.is_core]
    reasons: Mapping[Any, str] = prospects.why_each_never(app, unfinished[:_MOST_UNFINISHED])
    by_id = {each.id: each for each in invocations}
    told = [
        replace(each, stuck=reasons.get(each.id) or _who_holds(each, by_id, slots)) for each in invocations
    ]
    return tuple(
        replace(each, remarks=(*each.remarks, _who_was_in_the_way(app, each, invocations)))
        if each.status == CONTROLLED_FINAL
        else each
        for each in told
    )


def _who_holds(invocation: Invocation, by_id: Mapping[str, Invocation], slots: Sequence[Slot]) -> str:
    """Return who has the slot that a waiting invocation needs; empty where nobody has it."""
    needs_none = invocation.is_final or invocation.status in ("running", "paused")
    for slot in slots:
        if not needs_none and slot.task == invocation.task and slot.holder_id != invocation.id:
            holder = by_id.get(slot.holder_id)
            name = f"{holder.name} " if holder else ""
            return f"{name}{slot.holder_id[:8]} holds the slot that it needs"
    return ""


def _who_was_in_the_way(app: "Pynenc", invocation: Invocation, others: Sequence[Invocation]) -> str:
    from pynenc.identifiers.task_id import TaskId

    module, _, name = invocation.task.rpartition(".")
    task = _task(app, TaskId(module, name))
    control = (
        f"running_concurrency={task.conf.running_concurrency.value}" if task else "its concurrency control"
    )
    at = next((step.at for step in invocation.steps if step.status == CONTROLLED_FINAL), invocation.status_at)
    ran = [
        f"{each.name} {each.short_id}"
        for each in others
        if each.task == invocation.task and _ran_at(each, at)
    ]
    return (
        f"it was never run, and so has no result: {control}, {ran[0] if ran else 'another one'} was running, "
        f"and reroute_on_concurrency_control is off"
    )


def _ran_at(invocation: Invocation, at: float) -> bool:
    started = invocation.started_at
    return started is not None and started <= at and (not invocation.is_final or invocation.status_at >= at)


def _task(app: "Pynenc", task_id: "TaskId") -> "Task[Any, Any] | None":
    try:
        return app.get_task(task_id)
    except Exception:  # its module may be gone, or fail
        return None


def _step(entry: "InvocationHistory") -> Step:
    record = entry.status_record
    return Step(
        record.status.value, record.timestamp.timestamp(), record.runner_id or entry.runner_context_id
    )


def _with_the_latest(steps: list[Step], record: "InvocationStatusRecord") -> list[Step]:
    """Return a history with the status that it does not have yet: pynenc stores that first."""
    at = record.timestamp.timestamp()
    if steps and steps[-1].at >= at:
        return steps
    return [*steps, Step(record.status.value, at, record.runner_id or "")]


def _ends(steps: Sequence[Step]) -> Sequence[Step]:
    return steps if len(steps) <= 2 * _MOST_STEPS else [*steps[:_MOST_STEPS], *steps[-_MOST_STEPS:]]


def _last_runner(steps: Sequence[Step]) -> str:
    """Return who was the last one to have it: a final status has no owner."""
    return next((step.runner_id for step in reversed(steps) if step.status in _IN_HAND), "")


def _last_words(traceback: str) -> str:
    """Return what a traceback ends with: the error and its message."""
    lines = traceback.splitlines()
    last_frame = max((place for place, line in enumerate(lines) if line.startswith("  ")), default=-1)
    return " ".join(lines[last_frame + 1 :])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str, most: int) -> str:
    return text if not most or len(text) <= most else f"{text[:most]}..."
