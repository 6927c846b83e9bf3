"""The documents of the orchestrator, how each is made and read, and the indexes behind its queries."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from pymongo.operations import IndexModel
from pynenc.identifiers.call_id import CallId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.orchestrator.atomic_service import (
    ActiveRunnerInfo,
    AtomicServiceExecution,
    AtomicServiceExecutionStatus,
    AtomicServiceId,
)

from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.conditions import Condition, among
from pynenc_mongo.storage.instants import from_micros, to_micros
from pynenc_mongo.storage.naming import compound_key
from pynenc_mongo.storage.shapes import decodes

COMPONENT = "orchestrator"


class InvocationDoc(TypedDict):
    """An invocation and its status; `_id` is the invocation id."""

    _id: str
    task: str
    call: str
    registered_at: int
    status: str
    status_at: int
    owner: str | None
    retries: NotRequired[int]
    retried_by: NotRequired[str]  # the token of the last retry that was counted
    arguments: NotRequired[list[str]]  # one digest an argument, for concurrency control
    slot: NotRequired[str]  # what only one invocation at a time may hold, while it holds it
    cause: NotRequired[str]  # the trigger run that it is of, which has no other one
    finished_at: NotRequired[int]  # when its auto-purge period began


class EdgeDoc(TypedDict):
    """One invocation waits for another; `_id` is the pair."""

    _id: str
    waiter: str
    waited: str
    since: int


class HeartbeatDoc(TypedDict):
    """A runner's last sign of life; `_id` is the runner id."""

    _id: str
    created_at: int
    beat_at: int
    may_run_service: bool
    queues: list[str]


class ExecutionDoc(TypedDict):
    """One run of the atomic service; `_id` is its run id."""

    _id: str
    runner_id: str
    started_at: int
    ended_at: int | None
    status: str
    reason: str
    running: NotRequired[bool]  # only the one running execution bears it


INVOCATIONS = CollectionSpec(
    "invocations",
    InvocationDoc,
    (
        # get_invocation_ids_paginated, newest first, and get_task_invocation_ids
        IndexModel([("registered_at", -1), ("_id", -1)], name="registered_at"),
        IndexModel([("task", 1), ("registered_at", -1), ("_id", -1)], name="task"),
        # the same by status; recovery of pending and running ones
        IndexModel([("status", 1), ("registered_at", -1), ("_id", -1)], name="status"),
        # get_existing_invocations for concurrency control, which alone gives a document `arguments`; counts
        # and pages by task and status: of many the index `task` brings them in order, of few the server
        # sorts them (one index more on `status` would be one more to write at every transition)
        IndexModel([("task", 1), ("status", 1), ("arguments", 1)], name="task_status_arguments"),
        # get_call_invocation_ids
        IndexModel([("call", 1), ("registered_at", -1), ("_id", -1)], name="call"),
        # of a task with running concurrency control one runs at a time (docs/adr/0009)
        IndexModel([("slot", 1)], name="slot", unique=True, sparse=True),
        # of a trigger run there is one (docs/adr/0044)
        IndexModel([("cause", 1)], name="cause", unique=True, sparse=True),
        # auto_purge
        IndexModel([("finished_at", 1)], name="finished_at", sparse=True),
    ),
)
NEWEST_FIRST = (("registered_at", -1), ("_id", -1))

EDGES = CollectionSpec(
    "blocking_edges",
    EdgeDoc,
    (
        # get_blocking_invocations, oldest first
        IndexModel([("since", 1), ("_id", 1)], name="since"),
        # who waits is not ready itself
        IndexModel([("waiter", 1)], name="waiter"),
        # release_waiters
        IndexModel([("waited", 1)], name="waited"),
    ),
)
OLDEST_FIRST = (("since", 1), ("_id", 1))

HEARTBEATS = CollectionSpec(
    "runner_heartbeats",
    HeartbeatDoc,
    # get_active_runners: workers come and go, only the recent ones are read
    (IndexModel([("beat_at", 1)], name="beat_at"),),
)
EXECUTIONS = CollectionSpec(
    "atomic_service_executions",
    ExecutionDoc,
    (
        # at most one running execution, whatever happens (docs/adr/0005)
        IndexModel([("running", 1)], name="running", unique=True, sparse=True),
        # time ranges, newest first; retention by count
        IndexModel([("started_at", -1)], name="started_at"),
        # retention by age
        IndexModel([("ended_at", 1)], name="ended_at"),
    ),
)

SPECS: tuple[CollectionSpec[Any], ...] = (INVOCATIONS, EDGES, HEARTBEATS, EXECUTIONS)


def digests(arguments: Mapping[str, str]) -> list[str]:
    """Return a digest of each argument's name and value: of one size, whatever users pass."""
    pairs = (compound_key(name, value) for name, value in arguments.items())
    return [hashlib.blake2b(pair.encode(), digest_size=16).hexdigest() for pair in pairs]


def slot_of(task_id: TaskId, arguments: Mapping[str, str] | None) -> str:
    """Return the slot of a task, or of a task with some arguments."""
    return compound_key(task_id.key, *sorted(digests(arguments or {})))


def encode_invocation(
    invocation_id: str, task_id: TaskId, call_id: CallId, record: InvocationStatusRecord
) -> InvocationDoc:
    return {
        "_id": invocation_id,
        "task": task_id.key,
        "call": call_id.key,
        "registered_at": to_micros(record.timestamp),
        **encode_record(record),  # type: ignore[typeddict-item]
    }


def encode_record(record: InvocationStatusRecord) -> dict[str, Any]:
    return {
        "status": record.status.value,
        "status_at": to_micros(record.timestamp),
        "owner": record.runner_id,
    }


RECORD_FIELDS = ["status", "status_at", "owner"]


@decodes(INVOCATIONS.name)
def decode_record(document: Mapping[str, Any]) -> InvocationStatusRecord:
    return InvocationStatusRecord(
        status=InvocationStatus(document["status"]),
        runner_id=document["owner"],
        timestamp=from_micros(document["status_at"]),
    )


@decodes(INVOCATIONS.name)
def decode_status(document: Mapping[str, Any]) -> InvocationStatus:
    return InvocationStatus(document["status"])


@decodes(INVOCATIONS.name)
def decode_task(document: Mapping[str, Any]) -> TaskId:
    return TaskId.from_key(document["task"])


def one_of(statuses: Iterable[InvocationStatus]) -> Condition:
    """Return the condition on a status field."""
    return among(sorted(status.value for status in statuses))


def encode_edge(waiter: str, waited: str, since: datetime) -> EdgeDoc:
    return {
        "_id": compound_key(waiter, waited),
        "waiter": waiter,
        "waited": waited,
        "since": to_micros(since),
    }


def encode_heartbeat(
    runner_id: str, at: datetime, *, may_run_service: bool, queues: Iterable[str]
) -> HeartbeatDoc:
    return {
        "_id": runner_id,
        "created_at": to_micros(at),
        "beat_at": to_micros(at),
        "may_run_service": may_run_service,
        "queues": list(queues),
    }


@decodes(HEARTBEATS.name)
def decode_heartbeat(document: HeartbeatDoc) -> ActiveRunnerInfo:
    return ActiveRunnerInfo(
        runner_id=document["_id"],
        creation_time=from_micros(document["created_at"]),
        last_heartbeat=from_micros(document["beat_at"]),
        allow_to_run_atomic_service=document["may_run_service"],
        consumed_queues=tuple(document["queues"]),
    )


def encode_execution(execution: AtomicServiceExecution) -> ExecutionDoc:
    document: ExecutionDoc = {
        "_id": execution.atomic_service_run_id,
        "runner_id": execution.runner_id,
        "started_at": to_micros(execution.start_time),
        "ended_at": to_micros(execution.end_time) if execution.end_time else None,
        "status": execution.status.value,
        "reason": execution.reason,
    }
    if execution.status == AtomicServiceExecutionStatus.RUNNING:
        document["running"] = True
    return document


@decodes(EXECUTIONS.name)
def decode_execution(document: ExecutionDoc) -> AtomicServiceExecution:
    ended_at = document["ended_at"]
    return AtomicServiceExecution(
        atomic_service_id=AtomicServiceId(document["runner_id"], document["_id"]),
        start_time=from_micros(document["started_at"]),
        end_time=None if ended_at is None else from_micros(ended_at),
        status=AtomicServiceExecutionStatus(document["status"]),
        reason=document["reason"],
    )
