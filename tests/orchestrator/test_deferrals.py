"""What may not run now runs later: no runner ends over it, and none of them is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pynenc import Pynenc, context
from pynenc.exceptions import InvocationStatusTransitionError
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.orchestrator.documents import INVOCATIONS, encode_record
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.kills import shop
from tests.kills.workers import at_work, wait_until
from tests.reproducible import in_thorough_runs

RUNNER = RunnerContext(runner_cls="ThreadRunner", runner_id="runner", pid=1, hostname="here")
OTHER = RunnerContext(runner_cls="ThreadRunner", runner_id="other", pid=2, hostname="here")
CALLS = 12
ROUND_SECONDS = 40.0
REROUTED, RETRY, RUNNING = InvocationStatus.REROUTED, InvocationStatus.RETRY, InvocationStatus.RUNNING


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    """The shop, whose label printer is busy."""
    with wiring.rewired(shop.app, wiring.settings(TestDatabase(TestServer(place[0]), place[1]))) as rewired:
        yield rewired


@pytest.fixture
def busy(app: Pynenc) -> Any:
    """The invocation that keeps the printer busy, its message taken."""
    invocation: Any = shop.print_label("till", 0)
    assert app.broker.retrieve_invocation() == invocation.invocation_id
    given(app, invocation, RUNNING, OTHER.runner_id)
    return invocation


def given(app: Pynenc, invocation: Any, status: InvocationStatus, owner: str | None = None) -> None:
    orchestrator: Any = app.orchestrator
    record = encode_record(InvocationStatusRecord(status, owner))
    invocations = orchestrator._collections.existing(INVOCATIONS)
    invocations.update_one({"_id": invocation.invocation_id}, {"$set": record})


def taken(app: Pynenc) -> list[str]:
    """Take from the queue as a runner's loop does; return what may run."""
    found = app.orchestrator.get_invocations_to_run(5, RUNNER, lambda: ("default",), lambda _: None)
    return [each.invocation_id for each in found]


def statuses(app: Pynenc, invocation: Any) -> list[str]:
    history = app.state_backend.get_history(invocation.invocation_id)
    return [each.status_record.status.value for each in history]


@pytest.mark.parametrize("task", [shop.print_label, shop.count_cash], ids=["final", "reroute"])
@pytest.mark.parametrize("status", [REROUTED, RETRY])
def test_one_that_was_rerouted_or_retried_is_put_back(
    app: Pynenc, task: Any, status: InvocationStatus
) -> None:
    holder = task("till", 0)
    assert app.broker.retrieve_invocation() == holder.invocation_id
    given(app, holder, RUNNING, OTHER.runner_id)
    waits = task("till", 1)
    given(app, waits, status)
    assert taken(app) == []
    # RETRY leads nowhere but to PENDING
    expected = ["registered"] if status == RETRY else ["registered", "concurrency_controlled", "rerouted"]
    assert (waits.status, statuses(app, waits)) == (status, expected)
    assert app.broker.count_invocations() == 1
    given(app, holder, InvocationStatus.SUCCESS)
    assert taken(app) == [waits.invocation_id]


@pytest.mark.usefixtures("busy")
def test_a_new_one_ends_as_pynenc_defines(app: Pynenc) -> None:
    waits: Any = shop.print_label("till", 1)
    assert taken(app) == []
    assert waits.status == InvocationStatus.CONCURRENCY_CONTROLLED_FINAL
    assert app.broker.count_invocations() == 0


@pytest.mark.usefixtures("busy")
def test_the_transition_is_refused_to_everybody_else(app: Pynenc) -> None:
    waits: Any = shop.print_label("till", 1)
    given(app, waits, REROUTED)
    with pytest.raises(InvocationStatusTransitionError):
        app.orchestrator.set_invocation_status(
            waits.invocation_id, InvocationStatus.CONCURRENCY_CONTROLLED_FINAL, RUNNER
        )
    assert waits.status == REROUTED


@pytest.mark.parametrize("task", [shop.print_label, shop.count_cash], ids=["final", "reroute"])
def test_one_that_another_runner_takes_meanwhile_is_left_to_it(
    app: Pynenc, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = task("till", 1)

    def overtaken(invocation: Any) -> bool:
        given(app, invocation, InvocationStatus.PENDING, OTHER.runner_id)
        return False

    monkeypatch.setattr(app.orchestrator, "is_candidate_to_run_by_concurrency_control", overtaken)
    assert taken(app) == []
    assert app.orchestrator.get_invocation_status_record(waits.invocation_id).runner_id == OTHER.runner_id
    assert app.broker.count_invocations() == 0


@pytest.mark.usefixtures("busy")
def test_one_that_loses_the_slot_does_not_run_beside_the_one_that_holds_it(
    app: Pynenc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own runner may have taken it out of the queue again before pynenc asks for RUNNING."""
    loser: Any = shop.print_label("till", 1)
    given(app, loser, InvocationStatus.PENDING, RUNNER.runner_id)
    route = app.orchestrator.route_invocation

    def route_and_take(invocation: Any) -> None:
        route(invocation)
        given(app, invocation, InvocationStatus.PENDING, RUNNER.runner_id)

    monkeypatch.setattr(app.orchestrator, "route_invocation", route_and_take)
    loser.run(RUNNER)
    assert loser.status == InvocationStatus.PENDING
    assert context.get_dist_invocation_context(app.app_id) is None


def test_rerouting_leaves_alone_what_has_moved_on(app: Pynenc) -> None:
    """pynenc's recovery would end RUNNING for good over the first one, and reroute no other."""
    calls: Any = shop.sell(1), shop.sell(2)
    moved_on, stuck = calls
    given(app, moved_on, InvocationStatus.SUCCESS)
    given(app, stuck, InvocationStatus.KILLED)
    app.broker.purge()
    both: set[Any] = {each.invocation_id for each in (moved_on, stuck)}
    app.orchestrator.reroute_invocations(both, RUNNER)
    assert app.broker.retrieve_invocation() == stuck.invocation_id
    assert app.broker.retrieve_invocation() is None


CONTROLLED: dict[str, Callable[[str, int], Any]] = {
    "final": shop.print_label,
    "reroute": shop.count_cash,
    "retry": shop.weigh,
}


@pytest.mark.thorough("embedded")
@pytest.mark.parametrize("kind", [in_thorough_runs(["final"]), "reroute", in_thorough_runs(["retry"])])
def test_three_workers_lose_none_of_a_dozen(app: Pynenc, tmp_path: Path, kind: str) -> None:
    till = str(tmp_path / "till")
    with at_work(app, tmp_path, 3) as workers:
        calls = [CONTROLLED[kind](till, number) for number in range(CALLS)]
        wait_until(lambda: all(each.status.is_final() for each in calls), ROUND_SECONDS)
        assert all(worker.is_alive for worker in workers)
    ended = {each.status.value for each in calls}
    assert "success" in ended
    assert ended <= ({"success"} if kind == "reroute" else {"success", "concurrency_controlled_final"})
    assert not Path(f"{till}.jammed").exists()
