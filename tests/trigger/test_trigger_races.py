"""Many processes and threads at the same time: one winner, and nothing lost."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from multiprocessing import get_context
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.trigger.arguments import create_argument_filter
from pynenc.trigger.conditions import EventCondition

from pynenc_mongo.trigger.documents import CLAIMS
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from tests.storage.helpers import AT_ONCE_SECONDS, FORK_OF_THREADS, in_processes, in_threads

CALLERS = 8
RUNS = [f"run-{number}" for number in range(20)]
FORK = get_context("fork")
FIRST, SECOND = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 1, tzinfo=UTC)


def trigger_in(url: str, database: str) -> MongoTrigger:
    return MongoTrigger(Pynenc(config_values={"app_id": "races", "mongo_url": url, "mongo_db": database}))


def claim_runs(url: str, database: str) -> list[str]:
    trigger = trigger_in(url, database)
    return [run_id for run_id in RUNS if trigger.claim_trigger_run(run_id)]


def claim_runs_in_two_steps(url: str, database: str, all_have_read: Any) -> list[str]:
    """What a claim would be that first reads and then writes, where everybody reads before anybody writes."""
    claims = trigger_in(url, database)._collections.existing(CLAIMS)
    claimed = []
    for run_id in RUNS:
        is_free = claims.find_one({"_id": run_id}) is None
        all_have_read.wait(AT_ONCE_SECONDS)
        if is_free:
            claims.replace_one({"_id": run_id}, {"until": 0}, upsert=True)
            claimed.append(run_id)
        all_have_read.wait(AT_ONCE_SECONDS)
    return claimed


def winners(outcomes: list[Any]) -> Counter[str]:
    """Return how many callers claimed each run."""
    return Counter(run_id for claimed in outcomes for run_id in claimed)


@pytest.mark.filterwarnings(FORK_OF_THREADS)
def test_a_run_is_claimed_by_one_of_eight_processes(place: tuple[str, str]) -> None:
    outcomes = in_processes(FORK, CALLERS, claim_runs, *place)
    assert winners(outcomes) == dict.fromkeys(RUNS, 1)


@pytest.mark.filterwarnings(FORK_OF_THREADS)
def test_a_claim_in_two_steps_is_claimed_by_all(place: tuple[str, str]) -> None:
    """The control: the test above would see it."""
    outcomes = in_processes(FORK, CALLERS, claim_runs_in_two_steps, *place, FORK.Barrier(CALLERS))
    assert winners(outcomes) == dict.fromkeys(RUNS, CALLERS)


def test_an_expired_claim_is_taken_over_once(trigger: MongoTrigger) -> None:
    for run_id in RUNS:
        assert trigger.claim_trigger_run(run_id, expiration_seconds=-1)
        outcomes = in_threads([partial(trigger.claim_trigger_run, run_id)] * CALLERS)
        assert Counter(outcomes) == {True: 1, False: CALLERS - 1}


def test_an_execution_is_claimed_once(trigger: MongoTrigger) -> None:
    outcomes = in_threads([partial(trigger.claim_trigger_execution, "trigger", "condition")] * CALLERS)
    assert Counter(outcomes) == {True: 1, False: CALLERS - 1}
    assert trigger.claim_trigger_execution("trigger", "another condition")
    assert trigger.claim_trigger_run("trigger")
    assert trigger.claim_trigger_run("trigger:condition")


@pytest.mark.parametrize("expected", [None, FIRST], ids=["the first time", "later"])
def test_a_cron_condition_is_satisfied_for_one_of_all_who_look(
    trigger: MongoTrigger, expected: datetime | None
) -> None:
    if expected:
        assert trigger.store_last_cron_execution("cron", expected)
    instants = [SECOND + timedelta(microseconds=number) for number in range(CALLERS)]
    outcomes = in_threads(
        [partial(trigger.store_last_cron_execution, "cron", instant, expected) for instant in instants]
    )
    assert Counter(outcomes) == {True: 1, False: CALLERS - 1}
    assert trigger.get_last_cron_execution("cron") == instants[outcomes.index(True)]


def emit_orders(url: str, database: str, count: int) -> list[str]:
    trigger = trigger_in(url, database)
    return [trigger.emit_event("order.paid", {"number": number}) for number in range(count)]


@pytest.mark.filterwarnings(FORK_OF_THREADS)
def test_events_of_two_processes_are_all_seen(place: tuple[str, str]) -> None:
    trigger = trigger_in(*place)
    condition = EventCondition("order.paid", create_argument_filter(None))
    trigger.register_condition(condition)

    emitted = list(chain.from_iterable(in_processes(FORK, 2, emit_orders, *place, 20)))

    assert {event.event_id for event in trigger.get_events()} == set(emitted)
    assert trigger.count_events(matched=True) == len(emitted) == 40
    contexts: list[Any] = [valid.context for valid in trigger.get_valid_conditions().values()]
    assert {context.event_id for context in contexts} == set(emitted)


def test_links_to_one_event_from_many_threads_are_all_kept(trigger: MongoTrigger) -> None:
    event_id = trigger.emit_event("order.paid", {})
    in_threads(
        [
            partial(trigger.link_trigger_run_to_events, [event_id], f"inv-{number}", trigger_run_id="run")
            for number in range(CALLERS)
        ]
    )
    assert sorted(trigger.get_invocations_triggered_by_event(event_id)) == [
        f"inv-{number}" for number in range(CALLERS)
    ]
