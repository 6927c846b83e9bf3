"""A trigger run has one invocation, whatever happens to the loop that started it, or was about to."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.orchestrator.atomic_service import AtomicServiceRun

from pynenc_mongo.trigger.documents import CLAIMS, VALID_CONDITIONS
from tests.commands import CommandLog
from tests.faults import life
from tests.storage.helpers import CHILD_SECONDS

LOOP = AtomicServiceRun(runner_id="runner")


class EndedError(Exception):
    """The loop is over before its end."""


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    """The orders, and one event that is emitted and not processed."""
    with life.at(*place):
        life.app.register_deferred_triggers()
        life.app.trigger.emit_event("packed", {"number": 1})
        yield life.app


def shipped(app: Pynenc) -> list[Any]:
    return list(app.orchestrator.get_task_invocation_ids(life.ship.task_id))


def satisfied(app: Pynenc) -> int:
    trigger: Any = app.trigger
    count: int = trigger._collections.existing(VALID_CONDITIONS).count_documents({})
    return count


def loop(app: Pynenc) -> None:
    app.trigger.trigger_loop_iteration(LOOP)


def minute_passes(app: Pynenc) -> None:
    trigger: Any = app.trigger
    trigger._collections.existing(CLAIMS).update_many({}, {"$set": {"until": 0}})


def end_at(app: Pynenc, monkeypatch: pytest.MonkeyPatch, component: str, step: str) -> None:
    """Have the loop end before a step."""

    def end(*_: object, **__: object) -> None:
        raise EndedError

    with monkeypatch.context() as patched:
        patched.setattr(getattr(app, component), step, end)
        with pytest.raises(EndedError):
            loop(app)


def test_one_that_ended_before_it_enqueued_is_started_when_its_claim_is_over(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_at(app, monkeypatch, "state_backend", "upsert_invocations")
    loop(app)
    assert shipped(app) == []
    assert satisfied(app) == 1
    minute_passes(app)
    loop(app)
    assert len(shipped(app)) == 1
    assert satisfied(app) == 0


@pytest.mark.parametrize(
    ("component", "step"),
    [
        ("state_backend", "add_histories"),
        ("broker", "route_invocations"),
        ("trigger", "_record_trigger_run"),
        ("trigger", "clear_valid_conditions"),
    ],
)
@pytest.mark.parametrize("later", [True, False], ids=["when its claim is over", "within its claim"])
def test_one_that_ended_after_it_was_registered_is_not_started_again(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch, component: str, step: str, later: bool
) -> None:
    end_at(app, monkeypatch, component, step)
    (first,) = shipped(app)
    if later:
        minute_passes(app)
    loop(app)
    assert shipped(app) == [first]
    assert satisfied(app) == 0
    if later:
        (run,) = app.trigger.get_trigger_runs_for_invocation(first)
        assert run.event_ids


def test_one_that_stood_still_at_the_enqueue_enqueues_nothing(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, event = app.state_backend.upsert_invocations, app.trigger.get_events()[0].event_id
    stands, goes_on = threading.Event(), threading.Event()

    def store_and_stand(invocations: Any) -> None:
        store(invocations)
        if threading.current_thread() is late:
            stands.set()
            assert goes_on.wait(CHILD_SECONDS)

    monkeypatch.setattr(app.state_backend, "upsert_invocations", store_and_stand)
    late = threading.Thread(target=loop, args=(app,), daemon=True)
    late.start()
    assert stands.wait(CHILD_SECONDS)
    minute_passes(app)
    loop(app)
    goes_on.set()
    late.join(CHILD_SECONDS)
    assert not late.is_alive()
    (only,) = shipped(app)
    assert list(app.state_backend.get_invocations_by_parent_event(event)) == [only]
    assert app.broker.count_invocations() == 1


def test_what_happens_again_is_another_one(app: Pynenc) -> None:
    """The control."""
    loop(app)
    app.trigger.emit_event("packed", {"number": 2})
    loop(app)
    assert len(shipped(app)) == 2


def test_it_costs_no_command(app: Pynenc, commands: CommandLog, monkeypatch: pytest.MonkeyPatch) -> None:
    loop(app)
    app.trigger.emit_event("packed", {"number": 2})
    commands.take()
    loop(app)
    with_causes = [str(each) for each in commands.take()]
    monkeypatch.setattr(app.orchestrator, "caused_by", None)
    monkeypatch.setattr(app.orchestrator, "was_caused_by", None)
    app.trigger.emit_event("packed", {"number": 3})
    commands.take()
    loop(app)
    assert [str(each) for each in commands.take()] == with_causes
