"""Signs of life: written when they say something new."""

import pytest
from pynenc import Pynenc

from pynenc_mongo.orchestrator import heartbeats
from tests.commands import CommandLog
from tests.orchestrator.helpers import app_at

RUNNERS = ["runner 1", "runner 2"]
ONE_TURN = 0.01


class Clock:
    """A monotonic clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(heartbeats, "time", made)
    return made


@pytest.fixture
def app(place: tuple[str, str], commands: CommandLog, clock: Clock) -> Pynenc:
    """An app whose two runners have just given a sign of life."""
    made = app_at(*place)
    made.orchestrator.register_runner_heartbeats(RUNNERS, consumed_queues=("default",))
    commands.take()
    return made


def test_what_was_just_told_is_not_told_again(app: Pynenc, commands: CommandLog) -> None:
    app.orchestrator.register_runner_heartbeats(RUNNERS, consumed_queues=("default",))
    app.orchestrator.register_runner_heartbeats(RUNNERS[:1])
    assert commands.take() == []


@pytest.mark.parametrize(("dead_after_minutes", "pause"), [(10.0, 1.0), (0.5, 0.3)])
def test_it_is_told_again_after_a_second_or_a_hundredth_of_the_longest_silence(
    app: Pynenc, commands: CommandLog, clock: Clock, dead_after_minutes: float, pause: float
) -> None:
    app.conf.runner_considered_dead_after_minutes = dead_after_minutes
    clock.now += pause - ONE_TURN
    app.orchestrator.register_runner_heartbeats(RUNNERS)
    assert commands.take() == []
    clock.now += 2 * ONE_TURN
    app.orchestrator.register_runner_heartbeats(RUNNERS)
    assert [str(sent) for sent in commands.take()] == ["update orchestrator_runner_heartbeats"]


def test_what_is_new_is_told_at_once(app: Pynenc) -> None:
    app.orchestrator.register_runner_heartbeats(["runner 3"])
    app.orchestrator.register_runner_heartbeats(["runner 1"], True, ("slow",))
    found = {each.runner_id: each for each in app.orchestrator.get_active_runners()}
    assert set(found) == {"runner 1", "runner 2", "runner 3"}
    assert found["runner 1"].allow_to_run_atomic_service
    assert tuple(found["runner 1"].consumed_queues) == ("slow",)


def test_after_a_purge_all_is_told_again(app: Pynenc) -> None:
    app.orchestrator.purge()
    app.orchestrator.register_runner_heartbeats(RUNNERS)
    assert {each.runner_id for each in app.orchestrator.get_active_runners()} == set(RUNNERS)


def test_runners_that_are_gone_are_forgotten(app: Pynenc, clock: Clock) -> None:
    """ProcessRunner has a new runner for each task."""
    orchestrator = app.orchestrator
    for number in range(10):
        clock.now += 2.0
        orchestrator.register_runner_heartbeats([f"child {number}"])
    assert set(orchestrator._heartbeats._told) == {"child 9"}  # type: ignore[attr-defined]
