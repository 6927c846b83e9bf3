"""Invocations: stored in batches, replaced, found by id, parent, event and workflow."""

from functools import partial
from typing import Any

import pytest
from pynenc.call import Call
from pynenc.exceptions import InvocationNotFoundError
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation import DistributedInvocation

from pynenc_mongo.errors import MissingPartsError
from pynenc_mongo.state_backend.documents import INVOCATIONS
from pynenc_mongo.storage.collections import Collections, CollectionSpec
from pynenc_mongo.storage.payloads import PARTS
from pynenc_mongo.storage.verbs import pages
from tests.commands import CommandLog
from tests.state_backend.helpers import BAKE, SELL, Backend, Entry, entry, ids, noise, parts_of, workflow
from tests.storage.helpers import FAILURES, Failing, documents_in, in_threads, raised

PAGE = 3


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pages.__kwdefaults__ is not None
    monkeypatch.setitem(pages.__kwdefaults__, "size", PAGE)


def stored_entries(backend: Backend, *entries: Entry) -> list[Entry | None]:
    return [backend._get_invocation(invocation.invocation_id) for invocation, _ in entries]


def bake() -> None:
    """A task."""


def invocation_of(backend: Backend, invocation_id: str) -> DistributedInvocation[Any, Any]:
    call: Call[Any, Any] = Call(backend.app.task(bake))
    return DistributedInvocation(call, InvocationId(invocation_id), None, None, stored_in_backend=True)


def large(invocation_id: str, seed: int = 0) -> Entry:
    """Return an invocation whose arguments take several parts on a frugal backend."""
    return entry(invocation_id, {"text": noise(300, seed)})


def break_writes(
    monkeypatch: pytest.MonkeyPatch, method: str, how: str, broken: CollectionSpec[Any] = INVOCATIONS
) -> None:
    """Have a collection fail in one method."""
    indexed = Collections.indexed

    def failing(self: Collections, spec: CollectionSpec[Any]) -> Any:
        collection = indexed(self, spec)
        return Failing(collection, method, how) if spec is broken else collection

    monkeypatch.setattr(Collections, "indexed", failing)


# stored


def test_a_stored_invocation_comes_back_with_all_it_has(state_backend: Backend) -> None:
    full = entry(
        "child", {"x": "1"}, parent="parent", event="event", workflow=workflow("run", BAKE, "run above")
    )
    bare = entry("bare")
    state_backend._upsert_invocations([full, bare])
    assert stored_entries(state_backend, full, bare) == [full, bare]


def test_an_invocation_that_was_never_stored_is_reported_by_its_id(state_backend: Backend) -> None:
    missing = InvocationId("missing")
    assert state_backend._get_invocation(missing) is None
    assert (
        raised(InvocationNotFoundError, lambda: state_backend.get_invocation(missing)).invocation_id
        == missing
    )


def test_new_invocations_take_one_command_together(state_backend: Backend, commands: CommandLog) -> None:
    state_backend._upsert_invocations([entry(str(number)) for number in range(100)])
    assert commands.names("_invocations") == ["createIndexes", "insert"]
    assert len(documents_in(state_backend._collections.existing(INVOCATIONS))) == 100


def test_an_empty_batch_stores_nothing(state_backend: Backend) -> None:
    state_backend._upsert_invocations([])
    assert documents_in(state_backend._collections.existing(INVOCATIONS)) == {}


def test_a_changed_invocation_replaces_what_was_there(state_backend: Backend) -> None:
    state_backend._upsert_invocations([entry("1", {"x": "1"}, parent="parent"), entry("2")])
    changed = entry("1", {"y": "2"}, event="event")
    state_backend._upsert_invocations([changed])
    assert stored_entries(state_backend, changed, entry("2")) == [changed, entry("2")]
    assert ids(state_backend.get_child_invocations(InvocationId("parent"))) == []


def test_an_unchanged_batch_replaces_nothing(state_backend: Backend, commands: CommandLog) -> None:
    batch = [entry(str(number), {"x": str(number)}, parent="parent") for number in range(20)]
    state_backend._upsert_invocations(batch)
    before = documents_in(state_backend._collections.existing(INVOCATIONS))
    commands.clear()
    state_backend._upsert_invocations(batch)
    assert commands.writes() == ["insert"]  # each key is taken
    assert documents_in(state_backend._collections.existing(INVOCATIONS)) == before


def test_an_argument_may_have_any_name(state_backend: Backend) -> None:
    odd = [entry(f"odd {name}", {name: "value"}) for name in ("$set", "a.b", "", "nul\0", "ü", "_id")]
    state_backend._upsert_invocations(odd)
    assert stored_entries(state_backend, *odd) == odd


# large arguments


def test_large_arguments_come_back(frugal_backend: Backend) -> None:
    batch = [large("1", 1), entry("2"), large("3", 3), entry("4", {"x": "z" * 1000})]
    frugal_backend._upsert_invocations(batch)
    assert stored_entries(frugal_backend, *batch) == batch
    assert {key.partition(":")[0] for key in parts_of(frugal_backend)} != set()


@pytest.mark.parametrize("successor", [entry("1", {"x": "small"}), large("1", 2), large("1", 1)])
def test_large_arguments_that_are_replaced_leave_no_part(frugal_backend: Backend, successor: Entry) -> None:
    frugal_backend._upsert_invocations([large("1", 1)])
    frugal_backend._upsert_invocations([successor])
    assert stored_entries(frugal_backend, successor) == [successor]
    document = documents_in(frugal_backend._collections.existing(INVOCATIONS))["1"]
    assert len(parts_of(frugal_backend)) == document["arguments"].get("parts", 0)


def test_of_two_versions_in_one_batch_the_last_is_stored_and_leaves_no_part(frugal_backend: Backend) -> None:
    last = entry("1", {"x": "small"})
    frugal_backend._upsert_invocations([large("1", 1), large("1", 2), last])
    assert stored_entries(frugal_backend, last) == [last]
    assert parts_of(frugal_backend) == {}


@pytest.mark.parametrize("how", ["refused", "broken"])
def test_a_batch_whose_parts_could_not_be_stored_stores_nothing(
    frugal_backend: Backend, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    frugal_backend._upsert_invocations([entry("1")])
    with monkeypatch.context() as patch:
        break_writes(patch, "insert_many", how, PARTS)
        raised(
            FAILURES[how], lambda: frugal_backend._upsert_invocations([entry("2"), large("1"), large("3")])
        )
    assert stored_entries(frugal_backend, entry("1"), entry("2"), large("3")) == [entry("1"), None, None]
    assert parts_of(frugal_backend) == {}


@pytest.mark.parametrize("how", ["refused", "broken"])
def test_a_batch_that_failed_can_be_stored_again_and_a_purge_takes_what_it_left(
    frugal_backend: Backend, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    batch = [large("1", 1), large("2", 2)]
    with monkeypatch.context() as patch:
        break_writes(patch, "insert_many", how)
        raised(FAILURES[how], lambda: frugal_backend._upsert_invocations(batch))
    assert stored_entries(frugal_backend, *batch) == [None, None]
    frugal_backend._upsert_invocations(batch)
    assert stored_entries(frugal_backend, *batch) == batch
    frugal_backend.purge()
    assert parts_of(frugal_backend) == {}


@pytest.mark.parametrize("how", FAILURES)
def test_a_batch_that_failed_half_way_leaves_only_invocations_that_can_be_read(
    frugal_backend: Backend, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    old, new, changed = large("taken", 1), large("new", 2), large("taken", 3)
    frugal_backend._upsert_invocations([old])
    with monkeypatch.context() as patch:
        break_writes(patch, "find_one_and_replace", how)
        raised(FAILURES[how], lambda: frugal_backend._upsert_invocations([new, changed]))
    assert stored_entries(frugal_backend, new) == [new]
    assert stored_entries(frugal_backend, old) == [changed if how == "answer lost" else old]


def test_arguments_whose_part_is_gone_are_reported_with_the_invocation(frugal_backend: Backend) -> None:
    frugal_backend._upsert_invocations([large("the one")])
    frugal_backend._payloads._parts().delete_many({})
    error = raised(MissingPartsError, lambda: frugal_backend._get_invocation(InvocationId("the one")))
    assert "the payload of invocation the one are not stored" in str(error)


# held back


def test_what_is_held_back_is_not_stored_and_what_comes_after_is(state_backend: Backend) -> None:
    first, second, third = (invocation_of(state_backend, str(number)) for number in range(3))
    with state_backend.held_back():
        state_backend.upsert_invocations([first])
        with state_backend.held_back(on=False):
            state_backend.upsert_invocations([second])
        state_backend.upsert_invocations([first])
    state_backend.upsert_invocations([third])
    assert sorted(documents_in(state_backend._collections.existing(INVOCATIONS))) == ["1", "2"]


def test_an_error_ends_what_is_held_back(state_backend: Backend) -> None:
    with pytest.raises(ZeroDivisionError), state_backend.held_back():
        raise ZeroDivisionError
    state_backend.upsert_invocations([invocation_of(state_backend, "1")])
    assert list(documents_in(state_backend._collections.existing(INVOCATIONS))) == ["1"]


def test_other_threads_store_while_one_holds_back(state_backend: Backend) -> None:
    invocation = invocation_of(state_backend, "1")
    with state_backend.held_back():
        in_threads([partial(state_backend.upsert_invocations, [invocation])])
    assert list(documents_in(state_backend._collections.existing(INVOCATIONS))) == ["1"]


# found


@pytest.mark.usefixtures("_small_pages")
def test_children_are_found_over_more_than_one_page(state_backend: Backend) -> None:
    children = [entry(f"child {number}", parent="parent") for number in range(2 * PAGE + 1)]
    others = [entry("stranger", parent="parent of another"), entry("orphan")]
    state_backend._upsert_invocations([*others, *children])
    found = ids(state_backend.get_child_invocations(InvocationId("parent")))
    assert found == [invocation.invocation_id for invocation, _ in children]
    assert ids(state_backend.get_child_invocations(InvocationId("nobody"))) == []


@pytest.mark.usefixtures("_small_pages")
def test_invocations_are_found_by_the_event_that_caused_them(state_backend: Backend) -> None:
    caused = [entry(f"caused {number}", event="event") for number in range(2 * PAGE)]
    state_backend._upsert_invocations([entry("other", event="another event"), entry("none"), *caused])
    assert ids(state_backend.get_invocations_by_parent_event("event")) == [
        invocation.invocation_id for invocation, _ in caused
    ]
    assert ids(state_backend.get_invocations_by_parent_event("$event")) == []


def test_invocations_are_found_by_workflow_and_by_its_type(state_backend: Backend) -> None:
    first, second = workflow("run 1", BAKE), workflow("run 2", SELL)
    state_backend._upsert_invocations(
        [entry("a", workflow=first), entry("b", workflow=first), entry("c", workflow=second), entry("d")]
    )

    def found(workflow_id: str | None, workflow_type: str | None) -> list[str]:
        return ids(state_backend.get_invocation_ids_by_workflow(workflow_id, workflow_type))

    assert found("run 1", None) == found(None, BAKE.key) == found("run 1", BAKE.key) == ["a", "b"]
    assert found("run 2", None) == found(None, SELL.key) == ["c"]
    assert found("run 1", SELL.key) == found("no run", None) == []
    assert found(None, None) == ["a", "b", "c", "d"]
