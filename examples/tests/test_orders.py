"""The shop's tasks, wherever they run."""

import pytest
from shop import orders
from ways import Shop


def test_an_order_is_priced_by_tasks_that_call_tasks(shop: Shop) -> None:
    price = orders.price_order([("tea", 2), ("coffee", 1)]).result
    assert price["cents"] == 2 * 450 + 980
    assert shop.runs(price["pid"])


def test_a_payment_is_tried_again(shop: Shop) -> None:
    receipt = orders.charge_card(1880).result
    assert (receipt["cents"], receipt["attempts"]) == (1880, 2)
    assert shop.runs(receipt["pid"])


def test_a_failure_arrives_with_its_type_and_words(shop: Shop) -> None:
    failing = orders.reserve("sugar", 1)
    with pytest.raises(orders.OutOfStockError, match="1 sugar ordered, 0 left"):
        _ = failing.result
    assert shop.runs(orders.price_of("tea", 1).result["pid"])


def test_a_batch_comes_back_whole(shop: Shop) -> None:
    prices = list(orders.price_of.parallelize([("tea", count) for count in range(20)]).results)
    assert sorted(price["cents"] for price in prices) == [450 * count for count in range(20)]
    assert all(shop.runs(price["pid"]) for price in prices)


def test_a_report_larger_than_a_document_arrives_whole(shop: Shop) -> None:
    report = orders.yearly_report(20).result
    assert len(report) == 20 * 1024 * 1024
    assert report == orders.yearly_report.func(20)
    assert shop.runs(orders.price_of("tea", 1).result["pid"])
