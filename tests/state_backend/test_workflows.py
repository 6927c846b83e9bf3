"""Workflows: runs, types, values, and the invocations inside."""

import pytest
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.storage.verbs import pages
from tests.state_backend.helpers import BAKE, SELL, Backend, ids, noise, parts_of, workflow

RUN = workflow("run")


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pages.__kwdefaults__ is not None
    monkeypatch.setitem(pages.__kwdefaults__, "size", 3)


ODD_KEYS = ["", "$set", "a.b", ".", "nul\0", "ü", "😀", '", "', "key\n", "payload.generation", "x" * 2000]


def test_a_value_of_a_workflow_is_kept_under_any_key(state_backend: Backend) -> None:
    for key in ODD_KEYS:
        assert state_backend.get_workflow_data(RUN, key, "default") == "default", key
        state_backend.set_workflow_data(RUN, key, {"of": key})
        assert state_backend.get_workflow_data(RUN, key) == {"of": key}, key
        assert state_backend.get_workflow_data(workflow("another run"), key, "default") == "default", key


def test_values_under_odd_keys_do_not_meet(state_backend: Backend) -> None:
    keys = [*ODD_KEYS, "\ud83d\ude00"]
    for number, key in enumerate(keys):
        state_backend.set_workflow_data(RUN, key, number)
    assert [state_backend.get_workflow_data(RUN, key) for key in keys] == list(range(len(keys)))


def test_workflow_and_key_are_not_run_together(state_backend: Backend) -> None:
    state_backend.set_workflow_data(workflow("a"), "bc", 1)
    state_backend.set_workflow_data(workflow("ab"), "c", 2)
    assert state_backend.get_workflow_data(workflow("a"), "bc") == 1
    assert state_backend.get_workflow_data(workflow("ab"), "c") == 2


def test_a_value_that_counts_as_false_is_not_taken_for_a_missing_one(state_backend: Backend) -> None:
    for value in (None, False, 0, ""):
        state_backend.set_workflow_data(RUN, "key", value)
        assert state_backend.get_workflow_data(RUN, "key", "default") == value


def test_a_value_is_replaced_whatever_its_size(frugal_backend: Backend) -> None:
    for value in ("small", noise(500), "small again"):
        frugal_backend.set_workflow_data(RUN, "key", value)
        assert frugal_backend.get_workflow_data(RUN, "key") == value
    assert parts_of(frugal_backend) == {}


def test_runs_are_found_by_type_over_more_than_one_page(state_backend: Backend) -> None:
    baked = [workflow(f"bake {number}", BAKE) for number in range(7)]
    sold = [workflow("sell", SELL, parent="bake 1")]
    for run in [*sold, *baked]:
        state_backend.store_workflow_run(run)
    assert list(state_backend.get_workflow_runs(BAKE)) == baked
    assert list(state_backend.get_workflow_runs(SELL)) == sold
    assert list(state_backend.get_all_workflow_runs()) == [*baked, *sold]
    assert sorted(task.key for task in state_backend.get_all_workflow_types()) == [BAKE.key, SELL.key]


def test_a_run_that_is_stored_again_is_one_run(state_backend: Backend) -> None:
    state_backend.store_workflow_run(RUN)
    state_backend.store_workflow_run(RUN)
    assert list(state_backend.get_all_workflow_runs()) == [RUN]


def test_without_runs_there_are_no_types(state_backend: Backend) -> None:
    assert list(state_backend.get_all_workflow_types()) == []
    assert list(state_backend.get_workflow_runs(BAKE)) == []


def test_invocations_inside_a_workflow_are_found_over_more_than_one_page(state_backend: Backend) -> None:
    inside = [InvocationId(f"inside {number}") for number in range(7)]
    for invocation_id in [*inside, *inside[:2]]:  # twice is once
        state_backend.store_workflow_sub_invocation(RUN.workflow_id, invocation_id)
    state_backend.store_workflow_sub_invocation(InvocationId("another run"), InvocationId("elsewhere"))
    assert ids(state_backend.get_workflow_sub_invocations(RUN.workflow_id)) == inside
    assert ids(state_backend.get_workflow_sub_invocations(InvocationId("no run"))) == []
