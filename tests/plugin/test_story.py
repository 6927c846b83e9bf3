"""A story never raises, is no wider than a terminal, no longer than sixty lines, and names what is wrong."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pynenc_mongo import snapshot, story
from pytest_pynenc_mongo.snapshot import Event, Invocation, Log, Queue, Runner, Slot, Snapshot, Step, Trigger
from tests import made_up

STATUSES = (
    "registered",
    "pending",
    "running",
    "success",
    "failed",
    "rerouted",
    "concurrency_controlled_final",
)
ids = st.sampled_from([f"{number:08d}-of-a-test" for number in range(30)])
texts = st.text(max_size=200)
# a busy machine makes them slowly
thorough = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
instants = st.floats(min_value=-1e12, max_value=1e12)
steps = st.lists(st.builds(Step, st.sampled_from(STATUSES), instants, ids), max_size=12).map(tuple)
some_ids = st.lists(ids, max_size=8).map(tuple)
some_texts = st.lists(texts, max_size=3).map(tuple)
invocations = st.builds(
    Invocation,
    id=ids,
    status=st.sampled_from(STATUSES),
    steps=steps,
    runner_id=ids,
    registered_at=instants,
    status_at=instants,
    waits_for=some_ids,
    remarks=some_texts,
    traceback=st.text(alphabet="ab \n", max_size=2000),
)
snapshots = st.builds(
    Snapshot,
    app_id=texts,
    at=instants,
    invocations=st.lists(invocations, max_size=12).map(tuple),
    left_out=st.integers(0, 1000),
    runners=st.lists(st.builds(Runner, id=ids, parent_id=ids, seen_at=st.none() | instants), max_size=8).map(
        tuple
    ),
    queues=st.lists(st.builds(Queue, texts, some_ids, some_ids), max_size=8).map(tuple),
    slots=st.lists(st.builds(Slot, texts, ids), max_size=8).map(tuple),
    triggers=st.lists(st.builds(Trigger, conditions=some_texts), max_size=8).map(tuple),
    events=st.lists(st.builds(Event, at=instants, triggered=some_ids), max_size=8).map(tuple),
    logs=st.lists(st.builds(Log, lines=some_texts), max_size=2).map(tuple),
    unread=some_texts,
)


def invocation(number: int, status: str = "success", **more: object) -> Invocation:
    """Return an invocation as it is where nothing is the matter with it."""
    values: dict[str, Any] = {
        "id": f"{number:08d}-of-a-test",
        "task": "shop.app.brew",
        "arguments": f"cups={number}",
        "registered_at": float(number),
        "status_at": number + 0.5,
        "steps": (Step("registered", float(number), ""), Step(status, number + 0.5, "")),
    }
    return made_up.invocation(**{"status": status, **values, **more})


def told(*invocations: Invocation, said: str = "", **more: object) -> str:
    seen = Snapshot("shop", 100.0, invocations, **more)  # type: ignore[arg-type]
    return "\n".join(story.lines(seen, said))


@thorough
@given(snapshots, texts)
def test_whatever_was_seen_it_takes_a_screen_of_lines_that_fit(seen: Snapshot, said: str) -> None:
    lines = story.lines(seen, said)
    assert 0 < len(lines) <= story.LINES
    assert max(map(len, lines)) <= story.COLUMNS
    assert all(line.isprintable() for line in lines)


@thorough
@given(snapshots)
def test_a_snapshot_comes_back_from_json(seen: Snapshot) -> None:
    assert snapshot.from_json(snapshot.to_json(seen)) == seen
    assert json.loads(snapshot.to_json(seen))["app_id"] == seen.app_id


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=6))
def test_each_suspicious_invocation_is_named(statuses: list[str]) -> None:
    some = [invocation(number, status) for number, status in enumerate(statuses)]
    text = told(*some)
    for each in some:
        assert f"{'>' if each.is_suspicious else ' '} {each.short_id}" in text
        assert not each.is_suspicious or f"brew {each.short_id}" in text or each.remarks == ()


def test_those_that_are_left_out_are_counted() -> None:
    text = told(
        *(invocation(number, "failed") for number in range(20)), *map(invocation, range(20, 40)), left_out=7
    )
    assert "and 31 more invocations, 12 failed among them" in text


def test_tasks_of_pynenc_s_own_are_left_out() -> None:
    assert told(invocation(1, "running", is_core=True)) == "no task of app 'shop' was called"


def test_what_is_stuck_comes_first() -> None:
    text = told(
        invocation(1),
        invocation(2, "failed", exception="ValueError: no"),
        invocation(3, "running", stuck="why"),
    )
    assert text.startswith("brew 00000003, running, is stuck: why\nbrew 00000002 failed: ValueError: no\n")


def test_a_circle_is_told_once() -> None:
    pair = [
        invocation(1, "running", stuck="pour never ends: pour waits for boil, boil waits for pour"),
        invocation(2, "running", stuck="boil never ends: boil waits for pour, pour waits for boil"),
    ]
    assert told(*pair).count(" is stuck: ") == 1


def test_a_traceback_that_the_report_has_is_not_told_again() -> None:
    failed = invocation(1, "failed", traceback='Traceback:\n  File "shop.py", line 1\nValueError: no')
    assert 'File "shop.py"' in told(failed)
    assert 'File "shop.py"' not in told(
        failed, said='E   Traceback:\nE     File "shop.py", line 1\nE   ValueError: no'
    )


def test_what_comes_again_and_again_is_folded() -> None:
    turns = [Step(status, 1.0 + turn, "") for turn in range(50) for status in ("pending", "rerouted")]
    text = told(invocation(1, "rerouted", steps=(Step("registered", 1.0, ""), *turns)))
    assert "0.00 registered  50 times pending-rerouted until 49.00" in text


def test_an_instant_of_a_frozen_clock_is_no_time_ago() -> None:
    text = told(invocation(1, "running", status_at=-1e9))
    assert "brew 00000001 has been running\n" in text


def test_two_functions_of_one_name_are_told_apart() -> None:
    text = told(invocation(1, task="shop.app.brew"), invocation(2, task="bar.app.brew"))
    assert "shop.app.brew(cups=1)" in text
    assert "bar.app.brew(cups=2)" in text
