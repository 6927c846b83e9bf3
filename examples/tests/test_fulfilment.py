"""What runs by itself: on an event, by the clock, as a workflow, one at a time."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pynenc import Pynenc
from shop import fulfilment
from ways import Shop


def test_a_paid_order_is_packed(shop: Shop, pynenc_app: Pynenc) -> None:
    event = pynenc_app.trigger.emit_event("order paid", {"order": "tea for two"})
    packed = _until(lambda: _results_of(pynenc_app, fulfilment.pack))
    assert [parcel["order"] for parcel in packed] == ["tea for two"]
    assert shop.runs(packed[0]["pid"])
    assert len(list(pynenc_app.state_backend.get_invocations_by_parent_event(event))) == 1


def test_stock_is_counted_by_the_clock(shop: Shop, pynenc_app: Pynenc) -> None:
    counted = _until(lambda: _results_of(pynenc_app, fulfilment.count_stock))
    assert all(shop.runs(pid) for pid in counted)


def test_a_workflow_keeps_its_steps(shop: Shop, pynenc_app: Pynenc) -> None:
    invocation = fulfilment.fulfil([("tea", 2), ("coffee", 1)])
    journey = invocation.result
    assert journey["steps"] == ["priced", "delivered"]
    assert journey["cents"] == 2 * 450 + 980
    assert shop.runs(journey["pid"])
    run = invocation.workflow
    assert run is not None
    assert list(pynenc_app.state_backend.get_workflow_runs(run.workflow_type)) == [run]


def test_labels_are_printed_one_at_a_time(shop: Shop, tmp_path: Path) -> None:
    printer = str(tmp_path / "printer")
    labels = [fulfilment.print_label(printer, f"order {number}") for number in range(4)]
    assert all(shop.runs(label.result) for label in labels)


def _results_of(app: Pynenc, task: Any) -> list[Any]:
    """Return the results of all finished invocations of a task."""
    finished = app.orchestrator.filter_final(list(app.orchestrator.get_task_invocation_ids(task.task_id)))
    return [app.state_backend.get_result(invocation_id) for invocation_id in finished]


def _until[T](answer: Callable[[], T], seconds: float = 30.0) -> T:
    deadline = time.monotonic() + seconds
    while not (answered := answer()):
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)
    return answered
