"""Every document comes back as what it was made of, and MongoDB can hold it."""

import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import bson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pynenc.app_info import AppInfo
from pynenc.identifiers.call_id import CallId
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.models.call_dto import CallDTO
from pynenc.models.invocation_dto import InvocationDTO
from pynenc.runner.runner_context import RunnerContext
from pynenc.state_backend.base_state_backend import InvocationHistory
from pynenc.workflow.workflow_identity import WorkflowIdentity

from pynenc_mongo.state_backend import documents
from tests.state_backend.helpers import BAKE, MICROSECOND, NOON, entry, history

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates included
names = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
tasks = st.builds(TaskId, st.lists(names, min_size=1).map(".".join), names)
invocation_ids = st.text(min_size=1).map(InvocationId)
call_ids = st.builds(CallId, tasks, st.text(string.hexdigits, min_size=1))
workflows = st.builds(WorkflowIdentity, invocation_ids, tasks, st.none() | invocation_ids)
invocations = st.builds(
    InvocationDTO,
    invocation_ids,
    call_ids,
    st.none() | workflows,
    st.none() | invocation_ids,
    st.none() | st.text(min_size=1),
)
instants = st.datetimes(
    min_value=datetime(1, 1, 2),  # hypothesis adds the zone
    max_value=datetime(9999, 12, 30),
    timezones=st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours))),
)
records = st.builds(
    InvocationStatusRecord, st.sampled_from(InvocationStatus), st.none() | st.text(), instants
)
contexts: st.SearchStrategy[RunnerContext] = st.recursive(
    st.builds(
        RunnerContext,
        st.text(),
        st.text(),
        st.none(),
        st.integers(0, 2**22),
        st.text(),
        st.integers(0, 2**47),
    ),
    lambda parents: st.builds(
        RunnerContext, st.text(), st.text(), parents, st.just(1), st.just("host"), st.just(2)
    ),
    max_leaves=4,
)


def stored[Doc](document: Doc) -> Doc:
    """Return the document as MongoDB would give it back."""
    back: Any = bson.decode(bson.encode(document))  # type: ignore[arg-type]
    assert back == document
    return document


@given(invocations, st.dictionaries(st.text(), st.text()))
def test_an_invocation_comes_back_with_every_combination_of_optional_fields(
    invocation: InvocationDTO, arguments: dict[str, str]
) -> None:
    call = CallDTO(invocation.call_id, arguments)
    text = documents.encode_arguments(call)
    document = stored(documents.encode_invocation(invocation, call, {"text": text}))
    assert documents.decode_invocation(document, text) == (invocation, call)


@given(st.dictionaries(any_text, any_text))
@example({"$set": "1", "a.b": "2", "": "3", "nul\0": "4"})
@example({"smile": "\ud83d\ude00"})
@example({"\ud83d\ude00": "two surrogates", "😀": "one character"})
def test_arguments_come_back_whatever_their_names_and_values_hold(arguments: dict[str, str]) -> None:
    invocation, call = entry("invocation", arguments)
    text = documents.encode_arguments(call)
    document = documents.encode_invocation(invocation, call, {"text": text})
    assert documents.decode_invocation(document, text)[1].serialized_arguments == arguments


def test_what_an_invocation_does_not_have_takes_no_field() -> None:
    assert documents.encode_invocation(*entry("invocation"), {"text": "{}"}) == {
        "_id": "invocation",
        "call_id": "shop.tasks.bake:no_args",
        "arguments": {"text": "{}"},
    }


@given(invocation_ids, records, instants, st.text(), st.none() | st.text(min_size=1))
def test_a_history_comes_back_exact_to_the_microsecond_and_in_utc(
    invocation_id: str,
    record: InvocationStatusRecord,
    at: datetime,
    runner_context_id: str,
    registered_by: str | None,
) -> None:
    made = InvocationHistory(invocation_id, record, runner_context_id, registered_by)
    made._timestamp = at
    back = documents.decode_history(stored(documents.encode_history(invocation_id, made)))
    assert back == made
    assert back.timestamp.tzinfo is UTC
    assert back.status_record.timestamp.tzinfo is UTC


@given(st.lists(st.tuples(invocation_ids, st.sampled_from(InvocationStatus), instants), unique=True))
def test_two_records_share_a_key_only_if_invocation_status_and_instant_are_the_same(
    changes: list[tuple[InvocationId, InvocationStatus, datetime]],
) -> None:
    keys = {documents.encode_history(each, history(each, at, status))["_id"] for each, status, at in changes}
    assert len(keys) == len({(each, status, at.astimezone(UTC)) for each, status, at in changes})


@pytest.mark.parametrize("later", [MICROSECOND, timedelta(days=1), timedelta(days=365 * 2000)])
def test_keys_of_records_sort_by_time(later: timedelta) -> None:
    first = documents.encode_history("z", history("z", NOON))["_id"]
    assert first < documents.encode_history("a", history("a", NOON + later))["_id"]


@given(workflows)
def test_a_workflow_comes_back(workflow: WorkflowIdentity) -> None:
    assert documents.decode_workflow(stored(documents.encode_workflow(workflow))) == workflow


@given(st.text(), st.text())
def test_a_sub_invocation_names_both_sides(workflow_id: str, invocation_id: str) -> None:
    document = stored(documents.encode_sub_invocation(workflow_id, invocation_id))
    assert (document["workflow_id"], document["invocation_id"]) == (workflow_id, invocation_id)


@given(contexts)
def test_a_runner_context_comes_back_with_the_runners_above_it(context: RunnerContext) -> None:
    assert documents.decode_runner_context(stored(documents.encode_runner_context(context))) == context


@given(
    st.builds(
        AppInfo,
        st.text(),
        st.text(),
        st.none() | st.dictionaries(st.text(), st.text() | st.integers() | st.booleans()),
        st.none() | st.text(),
        st.none() | st.text(),
        st.none() | st.text(),
    )
)
@example(AppInfo("shop", "shop.tasks", {"$set": 1, "a.b": {"c.d": "$"}}))
def test_an_app_info_comes_back(info: AppInfo) -> None:
    assert documents.decode_app_info(stored(documents.encode_app_info(info))) == info


def test_every_status_that_pynenc_knows_comes_back() -> None:
    for status in InvocationStatus:
        made = history("invocation", NOON, status)
        assert (
            documents.decode_history(documents.encode_history("invocation", made)).status_record.status
            is status
        )


def test_a_call_keeps_its_task() -> None:
    document = documents.encode_invocation(*entry("invocation"), {"text": "{}"})
    assert documents.decode_invocation(document, "{}")[0].call_id.task_id == BAKE
