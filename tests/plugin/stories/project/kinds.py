"""Fifteen tests that fail, each of another cause."""

import pytest
from kitchen import (
    brew,
    call_supplier,
    die,
    hang,
    leave,
    order,
    pour,
    recipe,
    sell,
    steep,
    use_oven,
    use_scales,
)
from pynenc.invocation import InvocationStatus


def test_wrong_result(who):
    assert brew(2).result == 4
    assert brew(3).result == 7


def test_task_raises(who):
    brew(1).result
    order("sugar").result


@pytest.mark.pynenc_mongo(timeout=1)
def test_task_hangs(who):
    hang().result


def test_retries_exhausted(who):
    call_supplier("555-0123").result


def test_exit(who):
    leave(3).result


def test_sigsegv(who):
    die("SIGSEGV").result


def test_sigkill(who):
    die("SIGKILL").result


def test_deadlocked_pair(who):
    pour().result


@pytest.mark.pynenc_mongo(timeout=1)
def test_slot_never_free(who, pynenc_wait):
    first = use_oven("cake")
    pynenc_wait.status(first, InvocationStatus.RUNNING)
    use_oven("bread").result


def test_controlled_final(who, pynenc_wait):
    first = use_scales("flour")
    pynenc_wait.status(first, InvocationStatus.RUNNING)
    use_scales("sugar").result


def test_trigger_not_fired(who, pynenc_event):
    assert brew(1).result == 2
    (packed,) = pynenc_event("order payed", {"order": "A-7"})
    assert packed.result == "packed"


def test_unserialisable_result(who):
    assert recipe().result() == "tea"


def test_exception_not_rebuilt(who):
    sell("tea").result


def test_no_runner(pynenc_app):
    brew(3).result


@pytest.mark.pynenc_mongo(
    config={"broker": {"queues": ["default", "slow"]}, "runner": {"queues": ["default"]}}
)
def test_queue_not_consumed(who):
    steep(4).result
