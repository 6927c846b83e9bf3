"""Workflows: their runs, their types, what they keep, and the invocations that run inside."""

from collections.abc import Iterator

from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.workflow.workflow_identity import WorkflowIdentity

from pynenc_mongo.state_backend import documents
from pynenc_mongo.state_backend.documents import SUB_INVOCATIONS, WORKFLOW_DATA, WORKFLOWS
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.naming import compound_key
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.verbs import distinct, insert_missing, pages, put


class Workflows:
    def __init__(self, collections: Collections, payloads: Payloads) -> None:
        self._collections = collections
        self._payloads = payloads

    def store_run(self, workflow: WorkflowIdentity) -> None:
        put(self._collections.indexed(WORKFLOWS), documents.encode_workflow(workflow))

    def types(self) -> Iterator[TaskId]:
        keys = distinct(self._collections.existing(WORKFLOWS), "type")
        return (documents.decode_type({"type": key}) for key in keys)

    def runs(self, workflow_type: TaskId | None = None) -> Iterator[WorkflowIdentity]:
        wanted = {"type": workflow_type.key} if workflow_type else {}
        for page in pages(self._collections.existing(WORKFLOWS), wanted):
            yield from map(documents.decode_workflow, page)

    def set_data(self, workflow_id: str, key: str, serialized: str) -> None:
        heads = self._collections.indexed(WORKFLOW_DATA)
        self._payloads.put(heads, compound_key(workflow_id, key), serialized)

    def get_data(self, workflow_id: str, key: str) -> str | None:
        heads = self._collections.existing(WORKFLOW_DATA)
        return self._payloads.get(heads, compound_key(workflow_id, key))

    def add_sub_invocation(self, workflow_id: str, invocation_id: str) -> None:
        document = documents.encode_sub_invocation(workflow_id, invocation_id)
        insert_missing(self._collections.indexed(SUB_INVOCATIONS), document)

    def sub_invocations(self, workflow_id: str) -> Iterator[InvocationId]:
        wanted = {"workflow_id": workflow_id}
        for page in pages(self._collections.existing(SUB_INVOCATIONS), wanted):
            yield from (InvocationId(document["invocation_id"]) for document in page)
