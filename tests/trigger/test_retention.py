"""What is kept, and for how long."""

from datetime import UTC, datetime, timedelta

from pynenc import Pynenc
from pynenc.trigger.conditions import (
    CronCondition,
)

from pynenc_mongo.trigger.documents import CLAIMS
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.trigger.helpers import FIRST, LAST, NOW, event, ids_of, run


def test_retention_deletes_by_age_and_what_depends_on_it(trigger: MongoTrigger) -> None:
    trigger.conf.event_retention_days = 2
    old, new = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC)
    trigger.store_event(event(0, old, triggered_invocation_ids=["inv"]))
    trigger.store_event(event(1, new))
    trigger.store_trigger_run(run(0, new, event_ids=["event-00", "event-01"]))
    trigger.store_trigger_run(run(1, new, event_ids=["event-01"]))
    trigger.store_trigger_run(run(2, old))
    trigger.store_trigger_run(run(3, at=None))

    assert trigger.auto_purge_events() == 3
    assert [each.event_id for each in trigger.get_events()] == ["event-01"]
    assert trigger.get_invocations_triggered_by_event("event-00") == []
    kept = trigger.get_trigger_runs_batch([f"run-{number:02}" for number in range(4)])
    assert [name for name, each in kept.items() if each] == ["run-01", "run-03"]
    assert trigger.auto_purge_events() == 0


def test_retention_keeps_the_latest_of_too_many(trigger: MongoTrigger) -> None:
    trigger.conf.event_max_records, trigger.conf.trigger_run_max_records = 2, 3
    for number in range(5):
        trigger.store_event(event(number, datetime.now(UTC)))
        trigger.store_trigger_run(run(number, datetime.now(UTC)))
    trigger.store_trigger_run(run(5, at=None))

    # three events, and of six runs those that are not the latest three: one has no instant at all
    assert trigger.auto_purge_events() == 6
    assert [each.event_id for each in trigger.get_events()] == ["event-04", "event-03"]
    assert trigger.get_trigger_run("run-05") is None
    assert ids_of(trigger.get_trigger_runs_in_timerange(FIRST, LAST)) == ["run-02", "run-03", "run-04"]


def test_retention_of_one_record_among_equal_instants_keeps_one(trigger: MongoTrigger) -> None:
    trigger.conf.event_retention_days = 10_000
    trigger.conf.event_max_records = trigger.conf.trigger_run_max_records = 1
    for number in range(5):
        trigger.store_event(event(number))
        trigger.store_trigger_run(run(number))
    assert trigger.auto_purge_events() == 8
    assert (trigger.count_events(), len(trigger.get_trigger_runs_in_timerange(FIRST, LAST))) == (1, 1)


def test_retention_deletes_claims_that_expired_long_ago_and_no_other(trigger: MongoTrigger) -> None:
    days = 24 * 3600
    trigger.conf.event_retention_days = 2
    for name, seconds in [("held", 60), ("expired", -60), ("forgotten", -3 * days)]:
        assert trigger.claim_trigger_run(name, expiration_seconds=seconds)

    trigger.auto_purge_events()

    claims = trigger._collections.existing(CLAIMS)
    assert len(list(claims.find({}))) == 2
    assert not trigger.claim_trigger_run("held")
    assert trigger.claim_trigger_run("expired")
    assert trigger.claim_trigger_run("forgotten")


def test_purge_empties_the_store_of_this_app_alone(trigger: MongoTrigger, mongo_app: Pynenc) -> None:
    other = MongoTrigger(Pynenc(config_values={**(mongo_app.config_values or {}), "app_id": "another"}))
    for each in (trigger, other):
        each.register_condition(CronCondition("* * * * *"))
        each.emit_event("order.paid", {})
        each.store_trigger_run(run(0))
        each.store_last_cron_execution("cron", NOW)
        each.claim_trigger_run("run")

    trigger.purge()

    assert (trigger._get_all_conditions(), trigger.get_events()) == ([], [])
    assert (trigger.get_trigger_run("run-00"), trigger.get_last_cron_execution("cron")) == (None, None)
    assert trigger.claim_trigger_run("run")
    assert (len(other._get_all_conditions()), other.count_events()) == (1, 1)
    assert not other.claim_trigger_run("run")
