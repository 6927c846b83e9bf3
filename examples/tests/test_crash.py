"""What is left when a worker dies in the middle of a task."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from pynenc import Pynenc
from pynenc.invocation import InvocationStatus
from shop import orders

from pytest_pynenc_mongo import FailPoint, Recover, RunnerError, Wait, Worker

NOT_PRIMARY = 10107  # what a member says that is none any more


@pytest.fixture
def way() -> str:
    return "worker"


def test_a_killed_worker_leaves_its_task_running(
    pynenc_app: Pynenc, pynenc_worker: Worker, pynenc_wait: Wait, tmp_path: Path
) -> None:
    cake = orders.bake_cake(str(tmp_path / "never"))
    pynenc_wait.status(cake, InvocationStatus.RUNNING)
    pynenc_worker.kill()

    assert pynenc_worker.exit_code == -signal.SIGKILL
    assert pynenc_app.orchestrator.get_invocation_status(cake.invocation_id) == InvocationStatus.RUNNING
    history = pynenc_app.state_backend.get_history(cake.invocation_id)
    assert [entry.status_record.status.value for entry in history] == ["registered", "pending", "running"]


def test_a_cake_survives_its_baker(
    pynenc_app: Pynenc,
    pynenc_worker_factory: Callable[[Pynenc], Worker],
    pynenc_wait: Wait,
    pynenc_recover: Recover,
    tmp_path: Path,
) -> None:
    first = pynenc_worker_factory(pynenc_app)
    cake = orders.bake_cake(str(tmp_path / "done"))
    pynenc_wait.status(cake, InvocationStatus.RUNNING)
    first.kill()

    assert pynenc_recover() == [cake]
    pynenc_worker_factory(pynenc_app)
    (tmp_path / "done").touch()
    assert pynenc_wait(cake) == "a cake"
    history = pynenc_app.state_backend.get_history(cake.invocation_id)
    assert [entry.status_record.status.value for entry in history].count("running") == 2


def test_nobody_waits_for_a_dead_worker(pynenc_worker: Worker, tmp_path: Path) -> None:
    pynenc_worker.kill()
    cake = orders.bake_cake(str(tmp_path / "never"))
    with pytest.raises(RunnerError, match=f"worker {pynenc_worker.pid} ended with SIGKILL"):
        _ = cake.result


@pytest.mark.usefixtures("pynenc_worker")
def test_an_order_survives_a_failover(pynenc_mongo_failpoint: FailPoint) -> None:
    with pynenc_mongo_failpoint(error=NOT_PRIMARY, times=3) as failpoint:
        assert orders.price_order([("tea", 2)]).result["cents"] == 900
    assert failpoint.count == 3
