"""What is left when a worker dies in the middle of a task."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pynenc import Pynenc
from pynenc.invocation import InvocationStatus
from shop import orders

from pytest_pynenc_mongo.runners import Worker


@pytest.fixture
def way() -> str:
    return "worker"


def test_a_killed_worker_leaves_its_task_running(
    pynenc_app: Pynenc, pynenc_worker: Worker, tmp_path: Path
) -> None:
    cake = orders.bake_cake(str(tmp_path / "never"))
    _until(lambda: cake.status == InvocationStatus.RUNNING)
    pynenc_worker.kill()

    assert pynenc_worker.exit_code == -signal.SIGKILL
    assert pynenc_app.orchestrator.get_invocation_status(cake.invocation_id) == InvocationStatus.RUNNING
    history = pynenc_app.state_backend.get_history(cake.invocation_id)
    assert [entry.status_record.status.value for entry in history] == ["registered", "pending", "running"]


def _until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)
