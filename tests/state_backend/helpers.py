"""Invocations, histories and workflows to store."""

import base64
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pynenc.identifiers.call_id import CallId
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.models.call_dto import CallDTO
from pynenc.models.invocation_dto import InvocationDTO
from pynenc.state_backend.base_state_backend import InvocationHistory
from pynenc.workflow.workflow_identity import WorkflowIdentity

from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from pynenc_mongo.storage.payloads import PARTS
from tests.storage.helpers import documents_in

type Backend = MongoStateBackend[Any, Any]
type Entry = tuple[InvocationDTO, CallDTO]

BAKE = TaskId("shop.tasks", "bake")
SELL = TaskId("shop.tasks", "sell")
NOON = datetime(2024, 2, 29, 12, 0, 0, 123456, UTC)
MICROSECOND = timedelta(microseconds=1)


def entry(
    invocation_id: str,
    arguments: dict[str, str] | None = None,
    *,
    parent: str | None = None,
    event: str | None = None,
    workflow: WorkflowIdentity | None = None,
) -> Entry:
    call_id = CallId(BAKE, "no_args")
    parent_id = InvocationId(parent) if parent else None
    invocation = InvocationDTO(InvocationId(invocation_id), call_id, workflow, parent_id, event)
    return invocation, CallDTO(call_id, arguments or {})


def workflow(workflow_id: str, task: TaskId = BAKE, parent: str | None = None) -> WorkflowIdentity:
    return WorkflowIdentity(InvocationId(workflow_id), task, InvocationId(parent) if parent else None)


def history(
    invocation_id: str,
    at: datetime,
    status: InvocationStatus = InvocationStatus.REGISTERED,
    status_at: datetime | None = None,
) -> InvocationHistory:
    record = InvocationStatusRecord(status, "runner", status_at or at)
    made = InvocationHistory(invocation_id, record, "runner")
    made._timestamp = at
    return made


def add(backend: Backend, *histories: InvocationHistory) -> None:
    for each in histories:
        backend._add_histories([InvocationId(each.invocation_id)], each)


def noise(size: int, seed: int = 0) -> str:
    """Return text that compresses to little less than `size` bytes."""
    return base64.b64encode(random.Random(seed).randbytes(size)).decode()


def parts_of(backend: Backend) -> dict[str, Any]:
    return documents_in(backend._collections.existing(PARTS))


def ids(found: Iterable[str]) -> list[str]:
    return list(found)
