"""No lookup that is saved loses an event: a trigger that another process registers late is seen at once."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pynenc import Pynenc

from benchmarks.life import RUNNER
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.budgets import late_shop
from tests.budgets.late_shop import AnotherProcess, another_process, meanwhile, sell

STATUSES = ("registered", "pending", "running", "success", "result")
FAILURES = ("failed", "exception")
# what is still to come for a task that runs
STILL_TO_COME = ("success", "result", *FAILURES)


@pytest.fixture(scope="module")
def other() -> Iterator[AnotherProcess]:
    with another_process() as process:
        yield process


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    """The selling process, which has brought tasks through their lives before."""
    with wiring.rewired(late_shop.app, wiring.settings(TestDatabase(TestServer(place[0]), place[1]))) as shop:
        live(shop, "plain")
        live(shop, "burnt")
        shop.trigger.emit_event("ordered", {})
        assert satisfied(shop) == []
        yield shop
    meanwhile.clear()


def live(app: Pynenc, cake: str) -> None:
    """Bring a task through its life in this process."""
    sell(cake)
    (taken,) = app.orchestrator.get_invocations_to_run(1, RUNNER, lambda: ("default",), lambda _: None)
    try:
        taken.run(RUNNER)
    except ValueError:
        assert cake == "burnt"


def satisfied(app: Pynenc) -> list[str]:
    """Return the kinds of the conditions that are recorded as satisfied."""
    recorded: Any = app.trigger.get_valid_conditions().values()
    return [type(valid.condition).__name__ for valid in recorded]


def cake_for(what: str) -> str:
    return "burnt" if what in FAILURES else "plain"


@pytest.mark.parametrize("what", [*STATUSES, *FAILURES])
def test_the_next_task_satisfies_a_trigger_registered_late(
    app: Pynenc, other: AnotherProcess, place: tuple[str, str], what: str
) -> None:
    other.register(*place, what)
    live(app, cake_for(what))
    assert len(satisfied(app)) == 1


@pytest.mark.parametrize("what", STILL_TO_COME)
def test_a_running_task_satisfies_a_trigger_registered_meanwhile(
    app: Pynenc, other: AnotherProcess, place: tuple[str, str], what: str
) -> None:
    meanwhile.append(partial(other.register, *place, what))
    live(app, cake_for(what))
    assert len(satisfied(app)) == 1


def test_the_next_event_satisfies_a_trigger_registered_late(
    app: Pynenc, other: AnotherProcess, place: tuple[str, str]
) -> None:
    other.register(*place, "event")
    app.trigger.emit_event("ordered", {})
    assert satisfied(app) == ["EventCondition"]


@pytest.mark.parametrize("what", ["success", "running"])
def test_a_trigger_registered_after_the_event_is_late_for_it(
    app: Pynenc, other: AnotherProcess, place: tuple[str, str], what: str
) -> None:
    """The control: what the trigger is registered for is over."""
    live(app, "plain")
    other.register(*place, what)
    assert satisfied(app) == []
