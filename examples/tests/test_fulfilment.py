"""What runs by itself: on an event, by the clock, as a workflow, one at a time."""

from pathlib import Path

from pynenc import Pynenc
from shop import fulfilment
from ways import Shop

from pytest_pynenc_mongo import Cron, Event, Wait


def test_a_paid_order_is_packed(shop: Shop, pynenc_event: Event, pynenc_wait: Wait) -> None:
    (packing,) = pynenc_event("order paid", {"order": "tea for two"})
    parcel = pynenc_wait(packing)
    assert parcel["order"] == "tea for two"
    assert shop.runs(parcel["pid"])


def test_stock_is_counted_by_the_clock(shop: Shop, pynenc_cron: Cron, pynenc_wait: Wait) -> None:
    assert shop.runs(pynenc_wait(pynenc_cron.fire(fulfilment.count_stock)))


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
