"""Events, runs and tasks for the tests of the trigger."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pynenc.identifiers.task_id import TaskId
from pynenc.orchestrator.atomic_service import AtomicServiceRun
from pynenc.trigger.monitoring import EventRecord, TriggerRunRecord

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
TASK = TaskId("shop.orders", "ship")
SERVICE_RUN = AtomicServiceRun(runner_id="runner", atomic_service_run_id="service-run")
HOSTILE = {"$set": 1, "a.b": {"$c.d": [2, {"": "\0"}]}, "ключ": "$where"}


def pay(amount: int) -> int:
    return amount


def ship(amount: int) -> int:
    return amount


def event(number: int, at: datetime = NOW, code: str = "order.paid", **more: Any) -> EventRecord:
    return EventRecord(event_id=f"event-{number:02}", event_code=code, timestamp=at, **more)


def run(number: int, at: datetime | None = NOW, **more: Any) -> TriggerRunRecord:
    return TriggerRunRecord(
        trigger_run_id=f"run-{number:02}",
        trigger_id="trigger",
        task_id_key=more.pop("task_id_key", TASK.key),
        logic_value="or",
        executed_at=at,
        **more,
    )


def ids_of(found: list[TriggerRunRecord]) -> list[str]:
    return [each.trigger_run_id for each in found]
