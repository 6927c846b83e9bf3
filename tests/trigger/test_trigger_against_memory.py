"""The same random steps through MongoTrigger and pynenc's MemTrigger: whatever can be observed is equal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pynenc import Pynenc
from pynenc.arguments import Arguments
from pynenc.identifiers.call_id import CallId
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus
from pynenc.trigger import BaseTrigger, MemTrigger, TriggerBuilder
from pynenc.trigger.arguments import StaticArgumentProvider, create_argument_filter, create_result_filter
from pynenc.trigger.conditions import (
    CompositeLogic,
    CronCondition,
    CronContext,
    EventCondition,
    EventContext,
    ExceptionCondition,
    ExceptionContext,
    ResultCondition,
    ResultContext,
    StatusCondition,
    StatusContext,
    TriggerCondition,
    ValidCondition,
)
from pynenc.trigger.monitoring import EventRecord, TriggerRunParticipant, TriggerRunRecord
from pynenc.trigger.trigger_definitions import TriggerDefinition

from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.reproducible import played

NOW = datetime.now(UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
TASKS = [TaskId("shop.orders", name) for name in ("pay", "ship")]
CODES = ["order.paid", "$order"]
INVOCATIONS = ["inv-0", "inv-1", "inv-2"]
KEYS = {"$set": 1, "a.b": {"$c.d": [2]}}

CONDITIONS: list[TriggerCondition[Any]] = [
    CronCondition("* * * * *"),
    CronCondition("0 * * * *"),
    EventCondition(CODES[0], create_argument_filter(KEYS)),
    EventCondition(CODES[1], create_argument_filter(None)),
    StatusCondition(TASKS[0], [InvocationStatus.SUCCESS], create_argument_filter(KEYS)),
    ResultCondition(TASKS[0], create_argument_filter(None), create_result_filter(3)),
    ExceptionCondition(TASKS[1], create_argument_filter(None), ["ValueError"]),
]
CRONS = [condition.condition_id for condition in CONDITIONS[:2]]
CONTEXT_TYPES = [None, StatusContext, ResultContext, ExceptionContext, EventContext]
DEFINITIONS = [
    TriggerDefinition(task, [condition.condition_id for condition in chosen], logic, provider)
    for task in TASKS
    for chosen, logic, provider in [
        (CONDITIONS[:1], CompositeLogic.AND, None),
        (CONDITIONS[:3], CompositeLogic.OR, StaticArgumentProvider(KEYS)),
        (CONDITIONS[2:], CompositeLogic.AND, None),
    ]
]


def builders() -> list[TriggerBuilder]:
    return [TriggerBuilder().on_cron("* * * * *"), TriggerBuilder().on_event(CODES[0], KEYS)]


def status_of(invocation_id: str, task: TaskId) -> dict[str, Any]:
    return {
        "call_id": CallId(task, "args"),
        "invocation_id": InvocationId(invocation_id),
        "arguments": Arguments(KEYS),
        "disable_cache_args": (),
    }


def valid_conditions() -> list[ValidCondition]:
    """Return one of each kind and invocation; contexts are stamped in the order in which they are made."""
    return [
        ValidCondition(condition, context)
        for invocation_id in INVOCATIONS[:2]
        for condition, context in [
            (CONDITIONS[0], CronContext(timestamp=NOW, last_execution=NOW - timedelta(minutes=1))),
            (CONDITIONS[2], EventContext(f"event of {invocation_id}", CODES[0], KEYS)),
            (
                CONDITIONS[4],
                StatusContext(status=InvocationStatus.SUCCESS, **status_of(invocation_id, TASKS[0])),
            ),
            (
                CONDITIONS[5],
                ResultContext(
                    result=3, status=InvocationStatus.SUCCESS, **status_of(invocation_id, TASKS[0])
                ),
            ),
            (
                CONDITIONS[6],
                ExceptionContext(
                    exception_type="ValueError",
                    exception_message="no",
                    status=InvocationStatus.FAILED,
                    **status_of(invocation_id, TASKS[1]),
                ),
            ),
        ]
    ]


VALID_CONDITIONS = valid_conditions()
APP = Pynenc(config_values={"app_id": "beside-memory", "mongo_url": "mongomock://", "mongo_db": "memory"})

numbers = st.integers(0, 5)
hours = st.integers(0, 60)
definitions = st.sampled_from(DEFINITIONS)
tasks = st.sampled_from(TASKS)
conditions = st.sampled_from(CONDITIONS)
some_invocations = st.lists(st.sampled_from(INVOCATIONS), max_size=3)
some_valid_conditions = st.lists(st.sampled_from(VALID_CONDITIONS), max_size=4)


def ago(number: int, hours: int) -> datetime:
    """Return an instant that no other number ever has."""
    return NOW - timedelta(hours=hours, minutes=1, microseconds=number)


class Twins(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.mem, self.mongo = MemTrigger(APP), MongoTrigger(APP)
        self.both: tuple[BaseTrigger, BaseTrigger] = (self.mem, self.mongo)
        self.stored: set[str] = set()

    @initialize()
    def begin_empty(self) -> None:
        self.purge()

    def agree(self, answers: Sequence[Any]) -> Any:
        ours, theirs = answers[1], answers[0]
        assert ours == theirs
        return ours

    # conditions and triggers

    @rule(condition=conditions)
    def register_condition(self, condition: TriggerCondition[Any]) -> None:
        for trigger in self.both:
            trigger.register_condition(condition)

    @rule(condition=conditions, task=tasks)
    def register_source(self, condition: TriggerCondition[Any], task: TaskId) -> None:
        self.register_condition(condition)
        for trigger in self.both:
            trigger.register_source_task_condition(task, condition.condition_id)

    @rule(definition=definitions)
    def register_trigger(self, definition: TriggerDefinition) -> None:
        for trigger in self.both:
            trigger.register_trigger(definition.to_dto(APP))

    @rule(task=tasks, count=st.integers(0, 2))
    def register_task_triggers(self, task: TaskId, count: int) -> None:
        for trigger in self.both:
            trigger.register_task_triggers(SimpleNamespace(task_id=task), builders()[:count])  # type: ignore[arg-type]

    @rule(task=tasks)
    def clean_task_trigger_definitions(self, task: TaskId) -> None:
        for trigger in self.both:
            trigger.clean_task_trigger_definitions(task)

    # valid conditions, cron and claims

    @rule(chosen=some_valid_conditions)
    def record_valid_conditions(self, chosen: list[ValidCondition]) -> None:
        for trigger in self.both:
            trigger.record_valid_conditions(chosen)

    @rule(chosen=some_valid_conditions)
    def clear_valid_conditions(self, chosen: list[ValidCondition]) -> None:
        for trigger in self.both:
            trigger.clear_valid_conditions(chosen)

    @rule(condition_id=st.sampled_from(CRONS), hours=hours, stale=st.booleans())
    def store_last_cron_execution(self, condition_id: str, hours: int, stale: bool) -> None:
        # None where something is stored differs on purpose: it loses here, and overwrites in memory
        known = self.mem.get_last_cron_execution(condition_id)
        expected = ago(7, hours) if stale else known
        self.agree(
            [
                trigger.store_last_cron_execution(condition_id, ago(6, hours), expected)
                for trigger in self.both
            ]
        )

    @rule(number=numbers, seconds=st.sampled_from([-1, 60]))
    def claim(self, number: int, seconds: int) -> None:
        self.agree([trigger.claim_trigger_run(f"run-{number}", seconds) for trigger in self.both])
        self.agree(
            [
                trigger.claim_trigger_execution("trigger", f"vc-{number}", seconds)
                for trigger in (self.mem, self.mongo)
            ]
        )

    # events

    @rule(number=numbers, hours=hours, matched=st.booleans(), triggered=some_invocations)
    def store_event(self, number: int, hours: int, matched: bool, triggered: list[str]) -> None:
        for trigger in self.both:
            trigger.store_event(
                EventRecord(
                    event_id=f"event-{number}",
                    event_code=CODES[number % 2],
                    payload=KEYS,
                    timestamp=ago(number, hours),
                    matched_condition_ids=["condition"] if matched else [],
                    valid_condition_ids=["vc"] if matched else [],
                    triggered_invocation_ids=list(triggered),
                    emitted_by_invocation_id=INVOCATIONS[number % 3] if number else None,
                    emitted_by_task_id=TASKS[0].key if number else None,
                    emitted_by_runner_context_id="runner",
                )
            )
        self.stored.add(f"event-{number}")

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), invocation=st.sampled_from(INVOCATIONS))
    def link(self, data: st.DataObject, invocation: str) -> None:
        chosen = data.draw(st.lists(st.sampled_from(sorted(self.stored)), unique=True))
        for trigger in self.both:
            trigger.link_trigger_run_to_events(chosen, invocation, trigger_run_id="run")

    # trigger runs

    @rule(number=numbers, hours=hours, executed=st.booleans())
    def store_trigger_run(self, number: int, hours: int, executed: bool) -> None:
        for trigger in self.both:
            trigger.store_trigger_run(
                TriggerRunRecord(
                    trigger_run_id=f"run-{number}",
                    trigger_id="trigger",
                    task_id_key=TASKS[number % 2].key,
                    logic_value="or",
                    valid_condition_ids=[f"vc-{number % 3}"],
                    event_ids=[f"event-{number}", f"event-{number // 2}"],
                    source_invocation_ids=[INVOCATIONS[number % 3]] * 2,
                    triggered_invocation_id=f"triggered-{number % 4}" if number else None,
                    arguments_preview=KEYS,
                    claimed_at=ago(number, hours),
                    executed_at=ago(number, hours) if executed else None,
                    participants=[
                        TriggerRunParticipant("EventContext", valid_condition_id=f"p-{number % 2}")
                    ],
                    atomic_service_run_id=f"service-{number % 2}" if number else None,
                )
            )

    # retention

    @rule(days=st.integers(1, 3), most_events=st.integers(0, 3), most_runs=st.integers(0, 3))
    def auto_purge(self, days: int, most_events: int, most_runs: int) -> None:
        for trigger in self.both:
            trigger.conf.event_retention_days = days
            trigger.conf.event_max_records = most_events
            trigger.conf.trigger_run_max_records = most_runs
        self.agree([trigger.auto_purge_events() for trigger in self.both])
        self.stored = {event_id for event_id in self.stored if self.mem.get_event(event_id)}

    @rule()
    def purge(self) -> None:
        for trigger in self.both:
            trigger.purge()
        self.stored = set()

    # what can be observed

    @invariant()
    def definitions_agree(self) -> None:
        ids = [condition.condition_id for condition in CONDITIONS]
        self.agree([as_json(trigger._get_all_conditions()) for trigger in self.both])
        self.agree(
            [as_json(filter(None, trigger.get_conditions_batch(ids).values())) for trigger in self.both]
        )
        for task in TASKS:
            for kind in CONTEXT_TYPES:
                self.agree(
                    [as_json(trigger.get_conditions_sourced_from_task(task, kind)) for trigger in self.both]
                )
        for condition_id in ids:
            # memory names a trigger once more for each time that it was registered
            waiting = [trigger.get_triggers_for_condition(condition_id) for trigger in self.both]
            self.agree([{each.trigger_id: each for each in found} for found in waiting])
        names = [definition.trigger_id for definition in DEFINITIONS]
        self.agree([trigger.get_triggers_batch(names) for trigger in self.both])

    @invariant()
    def satisfied_conditions_agree(self) -> None:
        found = [trigger.get_valid_conditions() for trigger in self.both]
        self.agree([{key: each.to_json(APP) for key, each in valid.items()} for valid in found])
        for condition_id in CRONS:
            self.agree([trigger.get_last_cron_execution(condition_id) for trigger in self.both])

    @invariant()
    def events_agree(self) -> None:
        for number in range(6):
            self.agree([trigger.get_event(f"event-{number}") for trigger in self.both])
            self.agree(
                [trigger.get_invocations_triggered_by_event(f"event-{number}") for trigger in self.both]
            )
        self.agree([trigger.list_event_codes() for trigger in self.both])

    @rule(
        code=st.none() | st.sampled_from(CODES),
        matched=st.none() | st.booleans(),
        triggered=st.none() | st.booleans(),
        emitter=st.none() | st.sampled_from(INVOCATIONS),
        task=st.none() | st.just(TASKS[0].key),
        span=st.tuples(hours, hours),
        limit=st.integers(0, 4),
        offset=st.integers(0, 4),
    )
    def find_events(
        self,
        code: str | None,
        matched: bool | None,
        triggered: bool | None,
        emitter: str | None,
        task: str | None,
        span: tuple[int, int],
        limit: int,
        offset: int,
    ) -> None:
        criteria: dict[str, Any] = {
            "event_code": code,
            "matched": matched,
            "triggered": triggered,
            "emitted_by_invocation_id": emitter,
            "emitted_by_task_id": task,
            "start_time": ago(0, max(span)),
            "end_time": ago(0, min(span)),
        }
        self.agree([trigger.count_events(**criteria) for trigger in self.both])
        self.agree([trigger.get_events(limit=limit, offset=offset, **criteria) for trigger in self.both])

    @rule(
        code=st.none() | st.sampled_from(CODES),
        state=st.sampled_from(["all", "matched", "unmatched", "triggered", "untriggered"]),
        limit=st.integers(0, 4),
        offset=st.integers(0, 4),
    )
    def find_markers(self, code: str | None, state: str, limit: int, offset: int) -> None:
        self.agree(
            [
                trigger.get_event_markers_in_timerange(
                    ago(0, 48), NOW, event_code=code, state=state, limit=limit, offset=offset
                )
                for trigger in self.both
            ]
        )

    @invariant()
    def runs_agree(self) -> None:
        names = [f"run-{number}" for number in range(6)]
        self.agree([trigger.get_trigger_runs_batch(names) for trigger in self.both])
        for number in range(6):
            self.agree([trigger.get_trigger_runs_for_event(f"event-{number}") for trigger in self.both])
        for invocation_id in INVOCATIONS:
            self.agree(
                [trigger.get_trigger_runs_sourced_by_invocation(invocation_id) for trigger in self.both]
            )
        for number in range(4):
            found = [trigger.get_trigger_runs_for_invocation(f"triggered-{number}") for trigger in self.both]
            self.agree([sorted(runs, key=lambda run: run.trigger_run_id) for runs in found])
        for name in ("vc-0", "vc-1", "vc-2", "p-0", "p-1"):
            self.agree([trigger.get_trigger_runs_for_valid_condition(name) for trigger in self.both])
        self.agree([trigger.get_referenced_atomic_service_run_ids() for trigger in self.both])

    @rule(
        code=st.none() | st.sampled_from(CODES),
        task=st.none() | st.sampled_from([task.key for task in TASKS]),
        span=st.tuples(hours, hours),
        limit=st.none() | st.integers(0, 4),
    )
    def find_runs(self, code: str | None, task: str | None, span: tuple[int, int], limit: int | None) -> None:
        start, end = ago(0, max(span)), ago(0, min(span))
        self.agree(
            [
                trigger.get_trigger_runs_in_timerange(
                    start, end, event_code=code, task_id_key=task, limit=limit
                )
                for trigger in self.both
            ]
        )
        self.agree([trigger.get_trigger_runs_in_timerange(FIRST, LAST) for trigger in self.both])


def as_json(found: Any) -> dict[str, str]:
    return {condition.condition_id: condition.to_json(APP) for condition in found}


TestTwins = Twins.TestCase
TestTwins.settings = played(4, 30, steps=30)
