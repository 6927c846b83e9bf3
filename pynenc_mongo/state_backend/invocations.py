"""Invocations and their calls: stored in batches, found by id, by parent, by event, by workflow."""

from collections.abc import Iterator, Sequence

from pynenc.identifiers.invocation_id import InvocationId
from pynenc.models.call_dto import CallDTO
from pynenc.models.invocation_dto import InvocationDTO

from pynenc_mongo.state_backend import documents
from pynenc_mongo.state_backend.documents import INVOCATIONS, InvocationDoc
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.verbs import Filter, pages, put_many


class Invocations:
    def __init__(self, collections: Collections, payloads: Payloads) -> None:
        self._collections = collections
        self._payloads = payloads

    def put_all(self, entries: Sequence[tuple[InvocationDTO, CallDTO]]) -> None:
        """Store each invocation under its id, in place of what was there."""
        # after an error here parts stay: which documents were written, and need theirs, is not known
        encoded = self._encode_all(entries)
        self._discard_arguments(put_many(self._collections.indexed(INVOCATIONS), encoded))

    def get(self, invocation_id: str) -> tuple[InvocationDTO, CallDTO] | None:
        found: list[InvocationDoc] = []

        def find() -> InvocationDoc | None:
            document = self._collections.existing(INVOCATIONS).find_one({"_id": invocation_id})
            found[:] = [document] if document else []
            return document

        arguments = self._payloads.read(find, "arguments", f"invocation {invocation_id}")
        return documents.decode_invocation(found[0], arguments) if arguments is not None else None

    def children_of(self, parent_id: str) -> Iterator[InvocationId]:
        return self._ids({"parent_id": parent_id})

    def caused_by(self, event_id: str) -> Iterator[InvocationId]:
        return self._ids({"parent_event_id": event_id})

    def in_workflow(self, workflow_id: str | None, workflow_type: str | None) -> Iterator[InvocationId]:
        """Return the ids that meet every given criterion; without any, all ids."""
        wanted = {"workflow_id": workflow_id, "workflow_type": workflow_type}
        return self._ids({field: value for field, value in wanted.items() if value})

    def _ids(self, wanted: Filter) -> Iterator[InvocationId]:
        for page in pages(self._collections.existing(INVOCATIONS), wanted, fields=["_id"]):
            yield from (InvocationId(document["_id"]) for document in page)

    def _encode_all(self, entries: Sequence[tuple[InvocationDTO, CallDTO]]) -> list[InvocationDoc]:
        encoded: list[InvocationDoc] = []
        try:
            for invocation, call in entries:
                arguments = self._payloads.store(documents.encode_arguments(call))
                encoded.append(documents.encode_invocation(invocation, call, arguments))
        except BaseException:
            self._discard_arguments(encoded)
            raise
        return encoded

    def _discard_arguments(self, unnamed: Sequence[InvocationDoc]) -> None:
        for document in unnamed:
            self._payloads.discard(document["arguments"])
