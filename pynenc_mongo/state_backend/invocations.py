"""Invocations and their calls: stored in batches, found by id, by parent, by event, by workflow."""

from collections.abc import Iterator, Sequence
from functools import partial

from pynenc.identifiers.invocation_id import InvocationId
from pynenc.models.call_dto import CallDTO
from pynenc.models.invocation_dto import InvocationDTO

from pynenc_mongo.state_backend import documents
from pynenc_mongo.state_backend.documents import INVOCATIONS
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.conditions import among
from pynenc_mongo.storage.payloads import Payloads
from pynenc_mongo.storage.verbs import Filter, find_by_key, find_one, pages


class Invocations:
    def __init__(self, collections: Collections, payloads: Payloads) -> None:
        self._collections = collections
        self._payloads = payloads

    def put_all(self, entries: Sequence[tuple[InvocationDTO, CallDTO]]) -> None:
        """Store each invocation under its id, in place of what was there."""
        invocations = self._collections.indexed(INVOCATIONS)
        texts = ((entry.invocation_id, documents.encode_arguments(call)) for entry, call in entries)
        arguments = self._payloads.store_all(texts, invocations, "arguments")
        encoded = [
            documents.encode_invocation(invocation, call, payload)
            for (invocation, call), payload in zip(entries, arguments, strict=True)
        ]
        self._payloads.replace_many(invocations, encoded, "arguments")

    def delete_all(self, invocation_ids: Sequence[str]) -> None:
        wanted = {"_id": among(invocation_ids)}
        self._payloads.delete(self._collections.existing(INVOCATIONS), wanted, "arguments")

    def get(self, invocation_id: str) -> tuple[InvocationDTO, CallDTO] | None:
        find = partial(find_one, self._collections.existing(INVOCATIONS), {"_id": invocation_id})
        found = self._payloads.read(find, "arguments", f"invocation {invocation_id}")
        return documents.decode_invocation(*found) if found else None

    def get_all(self, invocation_ids: Sequence[str]) -> dict[str, tuple[InvocationDTO, CallDTO]]:
        """Return the stored ones among some, by id; one command, unless their arguments are large."""
        invocations = self._collections.existing(INVOCATIONS)
        found = find_by_key(invocations, invocation_ids)
        read = self._payloads.read_each(invocations, found.values(), "arguments")
        return {document["_id"]: documents.decode_invocation(document, text) for document, text in read}

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
