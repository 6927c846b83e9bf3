"""The documents of the state backend, how each is made and read, and the indexes behind its queries."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NotRequired, TypedDict

from pymongo.operations import IndexModel
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

from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.instants import from_micros, sortable, to_micros
from pynenc_mongo.storage.naming import compound_key
from pynenc_mongo.storage.payloads import PARTS, HeadDoc, Payload
from pynenc_mongo.storage.shapes import decodes, encoding

COMPONENT = "state_backend"


class InvocationDoc(TypedDict):
    """An invocation and its call; `_id` is the invocation id, absent fields are None in pynenc."""

    _id: str
    call_id: str
    arguments: Payload
    parent_id: NotRequired[str]
    parent_event_id: NotRequired[str]
    workflow_id: NotRequired[str]
    workflow_type: NotRequired[str]
    parent_workflow_id: NotRequired[str]


class HistoryDoc(TypedDict):
    """One status change; `_id` begins with the instant, so that it sorts in time order by itself."""

    _id: str
    invocation_id: str
    at: int
    status: str
    status_at: int
    runner_id: str | None
    runner_context_id: str
    registered_by: NotRequired[str]


class WorkflowDoc(TypedDict):
    """A workflow run; `_id` is the workflow id."""

    _id: str
    type: str
    parent_id: str | None


class SubInvocationDoc(TypedDict):
    """An invocation that runs inside a workflow; `_id` is the pair."""

    _id: str
    workflow_id: str
    invocation_id: str


class RunnerContextDoc(TypedDict):
    """A runner and the runners above it; `_id` is the runner id."""

    _id: str
    context: Mapping[str, Any]


class AppInfoDoc(TypedDict):
    """What discovery needs of an app, as pynenc's own JSON; `_id` is the app id."""

    _id: str
    info: str


INVOCATIONS = CollectionSpec(
    "invocations",
    InvocationDoc,
    (
        # get_child_invocations, in pages by id (`sparse` would change nothing: every document has an `_id`)
        IndexModel([("parent_id", 1), ("_id", 1)], name="parent_id"),
        # get_invocations_by_parent_event, in pages by id
        IndexModel([("parent_event_id", 1), ("_id", 1)], name="parent_event_id"),
        # get_invocation_ids_by_workflow, in pages by id
        IndexModel([("workflow_id", 1), ("_id", 1)], name="workflow_id"),
        IndexModel([("workflow_type", 1), ("_id", 1)], name="workflow_type"),
    ),
)
HISTORY = CollectionSpec(
    "history",
    HistoryDoc,
    # get_history, oldest first; time ranges need no index but that of `_id`
    (IndexModel([("invocation_id", 1), ("_id", 1)], name="invocation_id"),),
)
RESULTS = CollectionSpec("results", HeadDoc)
EXCEPTIONS = CollectionSpec("exceptions", HeadDoc)
WORKFLOW_DATA = CollectionSpec("workflow_data", HeadDoc)
WORKFLOWS = CollectionSpec(
    "workflows",
    WorkflowDoc,
    # get_workflow_runs, in pages by id; get_all_workflow_types
    (IndexModel([("type", 1), ("_id", 1)], name="type"),),
)
SUB_INVOCATIONS = CollectionSpec(
    "workflow_sub_invocations",
    SubInvocationDoc,
    # get_workflow_sub_invocations, in pages by id
    (IndexModel([("workflow_id", 1), ("_id", 1)], name="workflow_id"),),
)
RUNNER_CONTEXTS = CollectionSpec("runner_contexts", RunnerContextDoc)
APP_INFO = CollectionSpec("app_info", AppInfoDoc)

SPECS: tuple[CollectionSpec[Any], ...] = (
    APP_INFO,
    INVOCATIONS,
    HISTORY,
    RESULTS,
    EXCEPTIONS,
    WORKFLOWS,
    WORKFLOW_DATA,
    SUB_INVOCATIONS,
    RUNNER_CONTEXTS,
    PARTS,
)


@encoding(INVOCATIONS.name)
def encode_arguments(call: CallDTO) -> str:
    """Return the arguments as one text, so that their names may hold `$` and `.`."""
    # not in ASCII: there two lone surrogates would read back as the one character they make together
    return json.dumps(call.serialized_arguments, ensure_ascii=False)


def encode_invocation(invocation: InvocationDTO, call: CallDTO, arguments: Payload) -> InvocationDoc:
    document: InvocationDoc = {
        "_id": invocation.invocation_id,
        "call_id": call.call_id.key,
        "arguments": arguments,
    }
    if invocation.parent_invocation_id:
        document["parent_id"] = invocation.parent_invocation_id
    if invocation.parent_event_id:
        document["parent_event_id"] = invocation.parent_event_id
    if workflow := invocation.workflow:
        document["workflow_id"] = workflow.workflow_id
        document["workflow_type"] = workflow.workflow_type.key
        if workflow.parent_workflow_id:
            document["parent_workflow_id"] = workflow.parent_workflow_id
    return document


@decodes(INVOCATIONS.name)
def decode_invocation(document: InvocationDoc, arguments: str) -> tuple[InvocationDTO, CallDTO]:
    call_id = CallId.from_key(document["call_id"])
    invocation = InvocationDTO(
        invocation_id=InvocationId(document["_id"]),
        call_id=call_id,
        workflow=_decode_membership(document),
        parent_invocation_id=_optional_id(document.get("parent_id")),
        parent_event_id=document.get("parent_event_id"),
    )
    return invocation, CallDTO(call_id=call_id, serialized_arguments=_decode_arguments(arguments))


def _decode_arguments(text: str) -> dict[str, str]:
    arguments = json.loads(text)
    if not (isinstance(arguments, dict) and all(isinstance(each, str) for each in arguments.values())):
        raise TypeError("its arguments are no JSON object of texts")
    return arguments


def _decode_membership(document: InvocationDoc) -> WorkflowIdentity | None:
    if "workflow_id" not in document:
        return None
    return WorkflowIdentity(
        workflow_id=InvocationId(document["workflow_id"]),
        workflow_type=TaskId.from_key(document["workflow_type"]),
        parent_workflow_id=_optional_id(document.get("parent_workflow_id")),
    )


def encode_history(invocation_id: str, history: InvocationHistory) -> HistoryDoc:
    record = history.status_record
    document: HistoryDoc = {
        "_id": f"{sortable(history.timestamp)}:{invocation_id}:{record.status.value}",
        "invocation_id": invocation_id,
        "at": to_micros(history.timestamp),
        "status": record.status.value,
        "status_at": to_micros(record.timestamp),
        "runner_id": record.runner_id,
        "runner_context_id": history.runner_context_id,
    }
    if history.registered_by_inv_id:
        document["registered_by"] = history.registered_by_inv_id
    return document


@decodes(HISTORY.name)
def decode_history(document: HistoryDoc) -> InvocationHistory:
    history = InvocationHistory(
        invocation_id=document["invocation_id"],
        status_record=InvocationStatusRecord(
            status=InvocationStatus(document["status"]),
            runner_id=document["runner_id"],
            timestamp=from_micros(document["status_at"]),
        ),
        runner_context_id=document["runner_context_id"],
        registered_by_inv_id=document.get("registered_by"),
    )
    history._timestamp = from_micros(document["at"])  # as InvocationHistory.from_json does
    return history


def encode_workflow(workflow: WorkflowIdentity) -> WorkflowDoc:
    return {
        "_id": workflow.workflow_id,
        "type": workflow.workflow_type.key,
        "parent_id": workflow.parent_workflow_id,
    }


@decodes(WORKFLOWS.name)
def decode_type(document: Mapping[str, Any]) -> TaskId:
    return TaskId.from_key(document["type"])


@decodes(WORKFLOWS.name)
def decode_workflow(document: WorkflowDoc) -> WorkflowIdentity:
    return WorkflowIdentity(
        workflow_id=InvocationId(document["_id"]),
        workflow_type=TaskId.from_key(document["type"]),
        parent_workflow_id=_optional_id(document["parent_id"]),
    )


def encode_sub_invocation(workflow_id: str, invocation_id: str) -> SubInvocationDoc:
    return {
        "_id": compound_key(workflow_id, invocation_id),
        "workflow_id": workflow_id,
        "invocation_id": invocation_id,
    }


@encoding(RUNNER_CONTEXTS.name)
def encode_runner_context(context: RunnerContext) -> RunnerContextDoc:
    return {"_id": context.runner_id, "context": json.loads(context.to_json())}


@decodes(RUNNER_CONTEXTS.name)
def decode_runner_context(document: RunnerContextDoc) -> RunnerContext:
    return RunnerContext.from_json(json.dumps(document["context"]))


@encoding(APP_INFO.name)
def encode_app_info(info: AppInfo) -> AppInfoDoc:
    # as AppInfo.to_json, which fails on sets: what the builder's trigger_task_modules() puts there
    return {"_id": info.app_id, "info": json.dumps(asdict(info), default=sorted)}


@decodes(APP_INFO.name)
def decode_app_info(document: AppInfoDoc) -> AppInfo:
    return AppInfo.from_json(document["info"])


def _optional_id(value: str | None) -> InvocationId | None:
    return InvocationId(value) if value else None
