"""What dead runners had in their hands is taken back at once, and nothing of those that live."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.orchestrator.atomic_service import AtomicServiceExecutionStatus, AtomicServiceRun

from pynenc_mongo.broker.documents import MESSAGES
from pynenc_mongo.orchestrator.documents import INVOCATIONS, encode_record
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.kills import shop
from tests.orchestrator.helpers import HALFWAY, READY
from tests.storage.helpers import in_threads

DEAD, ALIVE = "dead runner", "live runner"
OWNED = {
    InvocationStatus.PENDING: "pending_recovery",
    InvocationStatus.RUNNING: "running_recovery",
}
ENDED = (InvocationStatus.SUCCESS, InvocationStatus.FAILED, InvocationStatus.CONCURRENCY_CONTROLLED_FINAL)


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    with wiring.rewired(shop.app, wiring.settings(TestDatabase(TestServer(place[0]), place[1]))) as rewired:
        yield rewired


def popped(
    app: Pynenc, status: InvocationStatus, owner: str | None = None, count: int = 2
) -> list[InvocationId]:
    """Return some invocations without a message, which have a status since a moment ago."""
    broker: Any = app.broker
    orchestrator: Any = app.orchestrator
    calls: list[Any] = [shop.sell(number) for number in range(count)]
    ids = [each.invocation_id for each in calls]
    broker._collections.existing(MESSAGES).delete_many({})
    give(orchestrator, ids, status, owner)
    return ids


def give(orchestrator: Any, ids: list[InvocationId], status: InvocationStatus, owner: str | None) -> None:
    record = encode_record(InvocationStatusRecord(status, owner, datetime.now(UTC)))
    orchestrator._collections.existing(INVOCATIONS).update_many({"_id": {"$in": ids}}, {"$set": record})


def recover(app: Pynenc, settle: Callable[[], object] = lambda: None) -> list[InvocationId]:
    orchestrator: Any = app.orchestrator
    return list(orchestrator.recover_at_once(lambda runner_id: runner_id == DEAD, settle))


def queued(app: Pynenc) -> Counter[str]:
    broker: Any = app.broker
    return Counter(message["invocation_id"] for message in broker._collections.existing(MESSAGES).find({}))


def statuses(app: Pynenc, invocation_id: InvocationId) -> list[str]:
    return [each.status_record.status.value for each in app.state_backend.get_history(invocation_id)]


@pytest.mark.parametrize("status", OWNED)
def test_what_a_dead_runner_owns_is_queued_again(app: Pynenc, status: InvocationStatus) -> None:
    ids = popped(app, status, DEAD)
    assert sorted(recover(app)) == sorted(ids)
    assert queued(app) == Counter(ids)
    for each in ids:
        assert statuses(app, each) == ["registered", OWNED[status], "rerouted"]


@pytest.mark.parametrize("status", OWNED)
def test_what_a_live_runner_owns_stays_its_own(app: Pynenc, status: InvocationStatus) -> None:
    ids = popped(app, status, ALIVE)
    assert recover(app) == []
    assert queued(app) == Counter()
    assert [app.orchestrator.get_invocation_status(each) for each in ids] == [status] * len(ids)


@pytest.mark.parametrize("status", [*READY, *HALFWAY])
def test_what_nobody_owns_and_nobody_comes_to_is_queued(app: Pynenc, status: InvocationStatus) -> None:
    ids = popped(app, status)
    assert sorted(recover(app)) == sorted(ids)
    assert queued(app) == Counter(ids)
    wanted = status if status in READY else InvocationStatus.REROUTED
    assert [app.orchestrator.get_invocation_status(each) for each in ids] == [wanted] * len(ids)


def test_what_moves_between_two_looks_is_in_somebody_s_hands(app: Pynenc) -> None:
    lost, moving, queueing = popped(app, InvocationStatus.REROUTED, count=3)

    def settle() -> None:
        give(app.orchestrator, [moving], InvocationStatus.PENDING, ALIVE)
        app.broker.route_invocations([queueing], "default", 0.0)

    assert recover(app, settle) == [lost]
    assert queued(app) == Counter([lost, queueing])


def test_nobody_waits_where_nothing_is_stranded(app: Pynenc) -> None:
    popped(app, InvocationStatus.RUNNING, DEAD)
    recover(app, lambda: pytest.fail("there is nothing to look at twice"))


@pytest.mark.parametrize("status", ENDED)
def test_what_has_ended_and_what_is_queued_is_left_alone(app: Pynenc, status: InvocationStatus) -> None:
    popped(app, status)
    waiting: Any = shop.sell(1)
    assert recover(app) == []
    assert queued(app) == Counter([waiting.invocation_id])


def test_two_at_once_queue_it_once(app: Pynenc) -> None:
    ids = popped(app, InvocationStatus.RUNNING, DEAD, count=1)
    in_threads([lambda: recover(app)] * 4)
    assert statuses(app, ids[0]).count("rerouted") == 1


@pytest.mark.parametrize(("owner", "is_free"), [(DEAD, True), (ALIVE, False)])
def test_a_dead_runner_lets_go_of_the_atomic_service(app: Pynenc, owner: str, is_free: bool) -> None:
    orchestrator: Any = app.orchestrator
    assert orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id=owner), None)
    recover(app)
    if is_free:
        found = orchestrator.get_atomic_service_executions_in_timerange(
            datetime.min.replace(tzinfo=UTC), datetime.now(UTC)
        )
        assert [(each.status, each.reason) for each in found] == [
            (AtomicServiceExecutionStatus.ABANDONED, f"runner:{DEAD} has died")
        ]
    assert orchestrator.record_atomic_service_execution_start(AtomicServiceRun(runner_id="next"), None) == (
        is_free
    )
