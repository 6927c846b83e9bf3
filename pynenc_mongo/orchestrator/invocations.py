"""Registered invocations: by task, by call, by arguments, by status, by age."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from pynenc.identifiers.call_id import CallId
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord

from pynenc_mongo.errors import AlreadyCausedError
from pynenc_mongo.orchestrator.documents import (
    INVOCATIONS,
    NEWEST_FIRST,
    RECORD_FIELDS,
    InvocationDoc,
    decode_record,
    decode_status,
    decode_task,
    digests,
    one_of,
)
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import Condition, all_of, among, at_least, at_most, other_than
from pynenc_mongo.storage.instants import from_micros, to_micros
from pynenc_mongo.storage.verbs import (
    Filter,
    count,
    delete_all,
    find_all,
    find_by_key,
    find_one,
    find_page,
    insert_all_missing,
    insert_missing,
    ordered_pages,
    update,
)

_LAST = "\uffff"  # sorts after all that a cause has in its place
_REGISTERED_FIELDS = ["task", "registered_at", "retries", "slot", *RECORD_FIELDS]


class Registered(NamedTuple):
    """All that is registered of an invocation; one with a slot keeps others of its kind from running."""

    invocation_id: InvocationId
    task_id: TaskId
    record: InvocationStatusRecord
    registered_at: datetime
    retries: int
    has_slot: bool


class Invocations:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def register(self, documents: Sequence[InvocationDoc]) -> None:
        """Insert those that are not registered yet, in one command; leave the others as they are."""
        insert_all_missing(self._collections.indexed(INVOCATIONS), documents)

    def register_only(self, document: InvocationDoc, cause: str) -> None:
        """Insert one, unless it is registered, or its cause has another one.

        :raises AlreadyCausedError: naming the other one
        """
        if insert_missing(self._collections.indexed(INVOCATIONS), {**document, "cause": cause}):
            return
        other = find_one(self._collections.existing(INVOCATIONS), {"cause": cause}, ["_id"])
        if other and other["_id"] != document["_id"]:
            key = other["_id"]
            raise AlreadyCausedError(f"there is an invocation of this already: {key}", key)

    def is_caused_by(self, beginning: str, since: datetime) -> bool:
        """Whether one has been registered since an instant whose cause begins so."""
        causes = Condition({"$gte": beginning, "$lt": f"{beginning}{_LAST}"})
        wanted = {"cause": causes, "registered_at": at_least(to_micros(since))}
        return find_one(self._collections.existing(INVOCATIONS), wanted, ["_id"]) is not None

    def existing(
        self,
        task_id: TaskId,
        arguments: Mapping[str, str] | None,
        statuses: Iterable[InvocationStatus] | None,
    ) -> Iterator[InvocationId]:
        """Return the invocations of a task with all of `arguments` and one of `statuses`, if given."""
        wanted = _matching(task_id, statuses)
        if arguments:
            wanted["arguments"] = all_of(digests(arguments))
        return self._ids(wanted)

    def of_task(self, task_id: TaskId) -> Iterator[InvocationId]:
        return self._ids({"task": task_id.key})

    def of_call(self, call_id: CallId) -> Iterator[InvocationId]:
        return self._ids({"call": call_id.key})

    def page(
        self, task_id: TaskId | None, statuses: Iterable[InvocationStatus] | None, limit: int, offset: int
    ) -> list[InvocationId]:
        """Return ids, newest registration first; equal instants keep one order."""
        if limit <= 0:  # MongoDB reads 0 as no limit
            return []
        order: dict[str, Any] = {"sort": list(NEWEST_FIRST), "skip": offset, "fields": ["_id"]}
        invocations = self._collections.existing(INVOCATIONS)
        found = find_page(invocations, _matching(task_id, statuses), size=limit, **order)
        return [InvocationId(document["_id"]) for document in found]

    def latest(self, statuses: Iterable[InvocationStatus] | None, limit: int) -> list[Registered]:
        """Return what is registered of the latest ones of some statuses, if given, newest first."""
        order: dict[str, Any] = {"sort": list(NEWEST_FIRST), "fields": _REGISTERED_FIELDS}
        invocations = self._collections.existing(INVOCATIONS)
        found = find_page(invocations, _matching(None, statuses), size=limit, **order)
        return [
            Registered(
                InvocationId(each["_id"]),
                decode_task(each),
                decode_record(each),
                from_micros(each["registered_at"]),
                each.get("retries", 0),
                "slot" in each,
            )
            for each in found
        ]

    def count(self, task_id: TaskId | None, statuses: Iterable[InvocationStatus] | None) -> int:
        return count(self._collections.existing(INVOCATIONS), _matching(task_id, statuses))

    def with_status(self, ids: Sequence[str], statuses: Iterable[InvocationStatus]) -> list[InvocationId]:
        """Return those among `ids` that have one of `statuses`, in their order."""
        wanted = {"_id": among(ids), "status": one_of(statuses)}
        found = find_page(self._collections.existing(INVOCATIONS), wanted, size=len(ids), fields=["_id"])
        stored = {document["_id"] for document in found}
        return [InvocationId(key) for key in ids if key in stored]

    def statuses_of(self, ids: Sequence[str]) -> dict[str, InvocationStatus]:
        """Return the status of each registered one among `ids`."""
        found = find_by_key(self._collections.existing(INVOCATIONS), ids, ["status"])
        return {key: decode_status(document) for key, document in found.items()}

    def records_of(self, ids: Sequence[str]) -> dict[InvocationId, tuple[TaskId, InvocationStatusRecord]]:
        """Return the task and the status record of each registered one among `ids`, in one command."""
        found = find_by_key(self._collections.existing(INVOCATIONS), ids, ["task", *RECORD_FIELDS])
        return {
            InvocationId(key): (decode_task(document), decode_record(document))
            for key, document in found.items()
        }

    def since_before(self, status: InvocationStatus, instant: datetime) -> Iterator[InvocationId]:
        """Return the invocations that have had `status` since `instant` or longer."""
        return self._ids({"status": status.value, "status_at": at_most(to_micros(instant))})

    def owners(self, status: InvocationStatus) -> dict[InvocationId, str]:
        """Return the owner of each invocation of `status` that has one."""
        wanted = {"status": status.value, "owner": other_than(None)}
        found = find_all(self._collections.existing(INVOCATIONS), wanted, ["owner"])
        return {InvocationId(document["_id"]): str(document["owner"]) for document in found}

    def begin_auto_purge(self, invocation_id: str, at: datetime) -> None:
        begun = {"$set": {"finished_at": to_micros(at)}}
        update(self._collections.existing(INVOCATIONS), {"_id": invocation_id}, begun)

    def delete_finished_before(self, instant: datetime) -> None:
        wanted = {"finished_at": at_most(to_micros(instant))}
        delete_all(self._collections.existing(INVOCATIONS), wanted)

    def add_retry(self, invocation_id: str) -> None:
        # what has this token is counted: a repeated command counts once
        token = uuid4().hex
        uncounted = {"_id": invocation_id, "retried_by": other_than(token)}
        counted = {"$inc": {"retries": 1}, "$set": {"retried_by": token}}
        update(self._collections.existing(INVOCATIONS), uncounted, counted)

    def retries(self, invocation_id: str) -> int:
        found = find_one(self._collections.existing(INVOCATIONS), {"_id": invocation_id}, ["retries"])
        return found.get("retries", 0) if found else 0

    def _ids(self, wanted: Filter) -> Iterator[InvocationId]:
        invocations = self._collections.existing(INVOCATIONS)
        for page in ordered_pages(invocations, wanted, NEWEST_FIRST, fields=["registered_at"]):
            yield from (InvocationId(document["_id"]) for document in page)


def _matching(task_id: TaskId | None, statuses: Iterable[InvocationStatus] | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if task_id:
        wanted["task"] = task_id.key
    if statuses:
        wanted["status"] = one_of(statuses)
    return wanted
