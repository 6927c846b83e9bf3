"""Another process goes on, much later, until nothing is left to do: a runner, and pynenc's recoveries."""

from datetime import UTC, datetime
from typing import Any

from pynenc import context
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.orchestrator.documents import EXECUTIONS, HEARTBEATS
from pynenc_mongo.trigger.documents import CLAIMS, VALID_CONDITIONS
from tests.faults import life
from tests.faults.life import InlineRunner, app

RECOVERIES = [
    TaskId("pynenc.core_tasks", f"recover_{status}_invocations") for status in ("pending", "running")
]
# so that nothing is too young to be recovered
SETTINGS = {"max_pending_seconds": 0.0}
UNFINISHED = sorted(set(InvocationStatus) - InvocationStatus.get_final_statuses())
_ROUNDS = 8


def bring(url: str, database: str) -> bool:
    """Go on until nothing is left to do; return whether there was anything."""
    with life.at(url, database, **SETTINGS):
        try:
            return _go_on()
        finally:
            context.clear_current_runner(app.app_id)


def _go_on() -> bool:
    let_time_pass()
    was_left = is_anything_left()
    runner = InlineRunner()
    runner.begin()
    app.register_core_tasks()
    for _ in range(_ROUNDS):
        for recovery in RECOVERIES:
            app.get_task(recovery)()
        _run(runner)
        if not is_anything_left():
            break
        let_time_pass()
    return was_left


def _run(runner: InlineRunner) -> None:
    try:
        life.go_on(runner)
    except life.DeadlockedError:
        let_time_pass()


def let_time_pass() -> None:
    """Have all that holds for a time have ended: signs of life, claims, runs of the atomic service."""
    orchestrator, trigger = collections_of("orchestrator"), collections_of("trigger")
    orchestrator.existing(HEARTBEATS).update_many({}, {"$set": {"beat_at": 0}})
    orchestrator.existing(EXECUTIONS).update_many({"running": True}, {"$set": {"started_at": 0}})
    trigger.existing(CLAIMS).update_many({}, {"$set": {"until": 0}})


def sweep() -> int:
    """Have the parts that nobody names been there for long; return of how many texts they were."""
    components = ("state_backend", "client_data_store", "trigger")
    return sum(getattr(app, component)._payloads.sweep(datetime.now(UTC)) for component in components)


def is_anything_left() -> bool:
    """Whether somebody has still something to do."""
    left = (("broker", MESSAGES), ("trigger", VALID_CONDITIONS))
    return bool(
        app.orchestrator.count_invocations(statuses=UNFINISHED)
        or app.orchestrator.get_active_atomic_service_executions()
        or any(collections_of(name).existing(spec).count_documents({}) for name, spec in left)
    )


def collections_of(component: str) -> Any:
    return getattr(app, component)._collections
