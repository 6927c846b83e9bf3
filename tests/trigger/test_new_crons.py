"""A cron that the store does not know: it fires at once, or counts as fired when it is registered."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pynenc import Pynenc
from pynenc.trigger import TriggerBuilder
from pynenc.trigger.conditions import CronCondition

from pynenc_mongo.trigger.documents import CONDITIONS, CRON_EXECUTIONS
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.storage.helpers import in_threads
from tests.trigger.helpers import NOW, SERVICE_RUN, ship

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_MINUTE, YEARLY = CronCondition("* * * * *"), CronCondition("0 0 1 1 *")
WAITING = {"mongo_new_crons_fire": False}


def app_with(app: Pynenc, **settings: Any) -> Pynenc:
    return Pynenc(config_values={**(app.config_values or {}), **settings})


@pytest.fixture
def waiting_trigger(mongo_app: Pynenc) -> MongoTrigger:
    return MongoTrigger(app_with(mongo_app, app_id="waiting", **WAITING))


def fired(trigger: MongoTrigger, at: datetime) -> set[str]:
    """Return the crons that fire at an instant."""
    trigger.check_time_based_triggers(at, atomic_service_run=SERVICE_RUN)
    return {each.condition.condition_id for each in trigger.get_valid_conditions().values()}


def test_by_default_a_new_cron_fires_at_once_as_in_pynenc(trigger: MongoTrigger) -> None:
    """The control."""
    trigger.register_condition(YEARLY)
    assert fired(trigger, NOW) == {YEARLY.condition_id}


def test_a_new_cron_that_counts_as_fired_waits_for_its_time(waiting_trigger: MongoTrigger) -> None:
    before = datetime.now(UTC)
    for cron in (EVERY_MINUTE, YEARLY):
        waiting_trigger.register_condition(cron)
        last = waiting_trigger.get_last_cron_execution(cron.condition_id)
        assert last
        assert timedelta(0) <= last - before < timedelta(seconds=10)
    assert fired(waiting_trigger, datetime.now(UTC)) == set()
    next_minute = datetime.now(UTC).replace(second=0) + timedelta(minutes=2)
    assert fired(waiting_trigger, next_minute) == {EVERY_MINUTE.condition_id}


def test_a_cron_that_the_store_knows_keeps_its_last_execution(
    waiting_trigger: MongoTrigger, mongo_app: Pynenc
) -> None:
    waiting_trigger.store_last_cron_execution(EVERY_MINUTE.condition_id, NOW)
    waiting_trigger.register_condition(EVERY_MINUTE)
    again = MongoTrigger(waiting_trigger.app)
    again.register_condition(EVERY_MINUTE)
    assert again.get_last_cron_execution(EVERY_MINUTE.condition_id) == NOW


def test_who_registers_a_task_s_crons_marks_them(waiting_trigger: MongoTrigger) -> None:
    task = waiting_trigger.app.task(ship)
    waiting_trigger.register_task_triggers(task, TriggerBuilder().on_cron(YEARLY.cron_expression))
    assert fired(waiting_trigger, datetime.now(UTC)) == set()


def test_of_several_processes_the_first_one_marks_it(waiting_trigger: MongoTrigger) -> None:
    registers: list[Callable[[], object]] = [
        partial(MongoTrigger(waiting_trigger.app).register_condition, YEARLY) for _ in range(8)
    ]
    in_threads(registers)
    executions = waiting_trigger._collections.existing(CRON_EXECUTIONS)
    assert executions.count_documents({}) == 1


def test_nobody_meets_a_new_cron_before_it_counts_as_fired(
    waiting_trigger: MongoTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[int] = []
    advance = waiting_trigger._cron_executions.advance

    def look_and_advance(*arguments: Any) -> bool:
        known.append(waiting_trigger._collections.existing(CONDITIONS).count_documents({}))
        return advance(*arguments)

    monkeypatch.setattr(waiting_trigger._cron_executions, "advance", look_and_advance)
    waiting_trigger.register_condition(YEARLY)
    assert known == [0]
