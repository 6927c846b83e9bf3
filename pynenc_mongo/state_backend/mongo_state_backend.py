"""MongoStateBackend: the table of contents; the rooms beside it do the work."""

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum, auto
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pynenc.exceptions import PynencError
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.state_backend.base_state_backend import BaseStateBackend, InvocationHistory
from pynenc.types import Params, Result

from pynenc_mongo.component import collections_of, outliving_outages, payloads_in, settings_of
from pynenc_mongo.conf.config_state_backend import ConfigStateBackendMongo
from pynenc_mongo.state_backend import notes
from pynenc_mongo.state_backend.discovery import AppInfos, discover
from pynenc_mongo.state_backend.documents import COMPONENT, EXCEPTIONS, RESULTS, SPECS
from pynenc_mongo.state_backend.history import Histories
from pynenc_mongo.state_backend.invocations import Invocations
from pynenc_mongo.state_backend.runner_contexts import RunnerContexts
from pynenc_mongo.state_backend.workflows import Workflows
from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.instants import to_micros
from pynenc_mongo.storage.payloads import HeadDoc

if TYPE_CHECKING:
    from pynenc.app import Pynenc
    from pynenc.app_info import AppInfo
    from pynenc.identifiers.invocation_id import InvocationId
    from pynenc.identifiers.task_id import TaskId
    from pynenc.invocation.dist_invocation import DistributedInvocation
    from pynenc.models.call_dto import CallDTO
    from pynenc.models.invocation_dto import InvocationDTO
    from pynenc.runner.runner_context import RunnerContext
    from pynenc.workflow.workflow_identity import WorkflowIdentity

logger = logging.getLogger(__name__)

_LARGEST_COMPARED = 1_000_000  # characters of a result


class ChunkPrefix(StrEnum):
    """What a payload is, in the messages that name it."""

    ARGS = auto()
    RESULT = auto()
    EXCEPTION = auto()


class Outcome(NamedTuple):
    """A result and an exception of one invocation as they are stored, each with what was noted of it."""

    result: tuple[str, str] | None
    exception: tuple[str, str] | None


class MongoStateBackend(BaseStateBackend[Params, Result]):
    """
    A MongoDB-based implementation of the state backend for cross-process testing.

    Stores invocations, history, results and exceptions in collections that begin with the app's id, so
    that processes share them and apps do not.

    ```{warning}
    The `MongoStateBackend` class is designed for testing purposes only and should not be used in
    production systems.
    ```
    """

    def __init__(self, app: "Pynenc") -> None:
        super().__init__(app)
        self._collections = collections_of(app, self.conf, COMPONENT, SPECS)
        self._payloads = payloads_in(self._collections, self.conf)
        self._app_infos = AppInfos(self._collections)
        self._invocations = Invocations(self._collections, self._payloads)
        self._history = Histories(self._collections)
        self._workflows = Workflows(self._collections, self._payloads)
        self._runner_contexts = RunnerContexts(self._collections)
        self._held_back = threading.local()
        self._outcomes = threading.local()

    @cached_property
    def conf(self) -> ConfigStateBackendMongo:
        return settings_of(self.app, ConfigStateBackendMongo)

    def purge(self) -> None:
        """Clear all state backend data of this app, parts of large payloads included."""
        self._collections.purge()
        # a context that is not stored any more must be stored again
        self._runner_context_cache.clear()

    # apps

    def store_app_info(self, app_info: "AppInfo") -> None:
        """Register this app's information for discovery."""
        with outliving_outages(self.app):  # the first that a runner's child does
            self._app_infos.put(app_info)

    def get_app_info(self) -> "AppInfo":
        """Retrieve the information of the current app.

        :raises KeyError: if none is stored
        """
        return self._app_infos.get(self.app.app_id)

    @staticmethod
    def discover_app_infos() -> dict[str, "AppInfo"]:
        """Retrieve every app in the database of the environment's settings, by app id."""
        return discover()

    # invocations

    def upsert_invocations(self, invocations: "list[DistributedInvocation[Any, Any]]") -> None:
        """Persist invocations, all of them in one command."""
        if not getattr(self._held_back, "by_registration", False):
            super().upsert_invocations(invocations)

    @contextmanager
    def held_back(self, *, on: bool = True) -> Iterator[None]:
        """Store no invocation that this thread makes meanwhile.

        For whoever stores them all together next: an invocation stores itself when it is made, and pynenc
        registers it right after, which stores it again.
        """
        before = getattr(self._held_back, "by_registration", False)
        self._held_back.by_registration = on
        try:
            yield
        finally:
            self._held_back.by_registration = before

    def forget(self, invocation_ids: "Sequence[InvocationId]") -> None:
        """Delete invocations that were stored, and then not registered."""
        self._invocations.delete_all(invocation_ids)

    def _upsert_invocations(self, entries: list[tuple["InvocationDTO", "CallDTO"]]) -> None:
        self._invocations.put_all(entries)

    def _get_invocation(self, invocation_id: "InvocationId") -> tuple["InvocationDTO", "CallDTO"] | None:
        return self._invocations.get(invocation_id)

    def get_child_invocations(self, parent_invocation_id: "InvocationId") -> Iterator["InvocationId"]:
        """Return IDs of the invocations that the given one spawned itself."""
        return self._invocations.children_of(parent_invocation_id)

    def get_invocations_by_parent_event(self, parent_event_id: str) -> Iterator["InvocationId"]:
        """Return IDs of the invocations that the given event caused."""
        return self._invocations.caused_by(parent_event_id)

    def get_invocation_ids_by_workflow(
        self, workflow_id: str | None = None, workflow_type_key: str | None = None
    ) -> Iterator["InvocationId"]:
        """Return IDs of the invocations in a workflow, or in any workflow of a type."""
        return self._invocations.in_workflow(workflow_id, workflow_type_key)

    def get_stored_invocations(
        self, invocation_ids: "Sequence[InvocationId]"
    ) -> "dict[str, tuple[InvocationDTO, CallDTO]]":
        """Return the stored ones among some invocations, by id, in one command."""
        return self._invocations.get_all(invocation_ids)

    # history

    def get_histories(self, invocation_ids: "Sequence[InvocationId]") -> dict[str, list[InvocationHistory]]:
        """Return the history of each of some invocations, in one command."""
        return self._history.of_each(invocation_ids)

    def add_histories(
        self,
        invocations: list["DistributedInvocation[Params, Result]"],
        status_record: InvocationStatusRecord,
        runner_context: "RunnerContext",
    ) -> None:
        """Persist one history record for each invocation, all in one command."""
        self.store_runner_context(runner_context)
        registering = status_record.status == InvocationStatus.REGISTERED
        self._history.add_each(
            [
                InvocationHistory(
                    invocation_id=invocation.invocation_id,
                    status_record=status_record,
                    runner_context_id=runner_context.runner_id,
                    registered_by_inv_id=invocation.parent_invocation_id if registering else None,
                )
                for invocation in invocations
            ]
        )

    def _add_histories(
        self, invocation_ids: list["InvocationId"], invocation_history: InvocationHistory
    ) -> None:
        self._history.add(invocation_ids, invocation_history)

    def _get_history(self, invocation_id: "InvocationId") -> list[InvocationHistory]:
        return self._history.of(invocation_id)

    def iter_invocations_in_timerange(
        self, start_time: datetime, end_time: datetime, batch_size: int = 100
    ) -> Iterator[list["InvocationId"]]:
        """Iterate over the invocations with history in a time range, each once.

        :param start_time: start of the range (inclusive)
        :param end_time: end of the range (inclusive)
        :param batch_size: ids per batch; only the last batch may be smaller
        """
        return self._history.invocations_between(start_time, end_time, batch_size)

    def iter_history_in_timerange(
        self, start_time: datetime, end_time: datetime, batch_size: int = 100
    ) -> Iterator[list[InvocationHistory]]:
        """Iterate over the history in a time range, in time order.

        :param start_time: start of the range (inclusive)
        :param end_time: end of the range (inclusive)
        :param batch_size: records per batch; only the last batch may be smaller
        """
        return self._history.between(start_time, end_time, batch_size)

    # results and exceptions, and what is noted of them

    def set_result(self, invocation_id: "InvocationId", result: Any) -> None:
        """Store a result, and beside it what the serializer changed of it, if that is to be found out."""
        serialized = self.app.client_data_store.serialize(result)
        note = self._what_changes(result, serialized) if self.conf.mongo_note_changed_results else ""
        self._set_outcome(RESULTS, invocation_id, serialized, note)

    def _what_changes(self, result: Any, serialized: str) -> str:
        store = self.app.client_data_store
        text = self.app.serializer.serialize(result) if store.is_reference(serialized) else serialized
        if len(text) > _LARGEST_COMPARED:
            return ""
        try:
            return notes.what_changed(result, self.app.serializer.deserialize(text))
        except Exception as error:  # of whatever the user's class does
            return f"the result cannot be read back: {type(error).__name__}: {error}"

    def set_exception(self, invocation_id: "InvocationId", exception: Exception) -> None:
        """Store an exception, and beside it the traceback of its task."""
        note = notes.traceback_of(exception)
        self._set_outcome(EXCEPTIONS, invocation_id, self.serialize_exception(exception), note)

    def get_exception(self, invocation_id: "InvocationId") -> Exception:
        """Return the exception of an invocation; the traceback of its task is a note of it.

        Where it cannot be rebuilt, the error that this meets comes in its place, and says so.
        """
        serialized, traceback = self._get_outcome(EXCEPTIONS, ChunkPrefix.EXCEPTION, invocation_id)
        exception, remark = self.rebuild_exception(serialized)
        for note in filter(None, (remark, traceback)):
            exception.add_note(note)
        return exception

    def rebuild_exception(self, serialized: str) -> tuple[Exception, str]:
        """Return a stored exception; where it cannot be rebuilt, the error met, and a sentence on it."""
        try:
            exception = self.deserialize_exception(serialized)
        except PynencError:
            raise
        except Exception as error:  # of whatever the user's class does
            exception = error.with_traceback(None)
        name = json.loads(serialized)["error_name"]
        return exception, "" if type(exception).__name__ == name else notes.not_rebuilt(name)

    def get_outcomes(self, invocation_ids: "Sequence[InvocationId]") -> "dict[InvocationId, Outcome]":
        """Return what is stored of results and of exceptions, as text, in two commands."""
        results, exceptions = (
            self._payloads.get_all_noted(self._collections.existing(spec), invocation_ids)
            for spec in (RESULTS, EXCEPTIONS)
        )
        return {
            key: Outcome(results.get(key), exceptions.get(key))
            for key in invocation_ids
            if key in results or key in exceptions
        }

    def _get_result(self, invocation_id: "InvocationId") -> str:
        return self._get_outcome(RESULTS, ChunkPrefix.RESULT, invocation_id)[0]

    def _set_result(self, invocation_id: "InvocationId", serialized_result: str) -> None:
        self._set_outcome(RESULTS, invocation_id, serialized_result)

    def _get_exception(self, invocation_id: "InvocationId") -> str:
        return self._get_outcome(EXCEPTIONS, ChunkPrefix.EXCEPTION, invocation_id)[0]

    def _set_exception(self, invocation_id: "InvocationId", serialized_exception: str) -> None:
        self._set_outcome(EXCEPTIONS, invocation_id, serialized_exception)

    @contextmanager
    def written_in(self, run: datetime) -> Iterator[None]:
        """Have what this thread stores meanwhile be the outcome of the run that began at an instant.

        It does not take the place of what a later run has stored.
        """
        before = getattr(self._outcomes, "run", None)
        self._outcomes.run = run
        try:
            yield
        finally:
            self._outcomes.run = before

    def _set_outcome(
        self, spec: CollectionSpec[HeadDoc], invocation_id: str, outcome: str, note: str = ""
    ) -> None:
        run = getattr(self._outcomes, "run", None)
        heads = self._collections.indexed(spec)
        if run is None:
            self._payloads.put(heads, invocation_id, outcome, note)
        else:
            self._payloads.put_newest(heads, invocation_id, outcome, to_micros(run), note)

    def _get_outcome(
        self, spec: CollectionSpec[HeadDoc], kind: ChunkPrefix, invocation_id: str
    ) -> tuple[str, str]:
        found = self._payloads.get_noted(self._collections.existing(spec), invocation_id)
        if found is None:
            raise KeyError(f"no {kind} is stored for invocation {invocation_id} of app {self.app.app_id}")
        return found

    # workflows

    def store_workflow_run(self, workflow_identity: "WorkflowIdentity") -> None:
        """Store a workflow run for tracking and monitoring."""
        self._workflows.store_run(workflow_identity)

    def get_all_workflow_types(self) -> Iterator["TaskId"]:
        """Retrieve the types of all stored workflow runs."""
        return self._workflows.types()

    def get_all_workflow_runs(self) -> Iterator["WorkflowIdentity"]:
        """Retrieve all stored workflow runs."""
        return self._workflows.runs()

    def get_workflow_runs(self, workflow_type: "TaskId") -> Iterator["WorkflowIdentity"]:
        """Retrieve the stored runs of one workflow type."""
        return self._workflows.runs(workflow_type)

    def set_workflow_data(self, workflow_identity: "WorkflowIdentity", key: str, value: Any) -> None:
        """Set a value of a workflow."""
        serialized = self.app.client_data_store.serialize(value)
        self._workflows.set_data(workflow_identity.workflow_id, key, serialized)

    def get_workflow_data(self, workflow_identity: "WorkflowIdentity", key: str, default: Any = None) -> Any:
        """Get a value of a workflow, or `default`."""
        serialized = self._workflows.get_data(workflow_identity.workflow_id, key)
        return default if serialized is None else self.app.client_data_store.deserialize(serialized)

    def store_workflow_sub_invocation(
        self, parent_workflow_id: "InvocationId", sub_invocation_id: "InvocationId"
    ) -> None:
        """Store that an invocation runs inside a workflow."""
        self._workflows.add_sub_invocation(parent_workflow_id, sub_invocation_id)

    def get_workflow_sub_invocations(self, workflow_id: "InvocationId") -> Iterator["InvocationId"]:
        """Retrieve the invocations that run inside a workflow."""
        return self._workflows.sub_invocations(workflow_id)

    # runner contexts

    def _store_runner_context(self, runner_context: "RunnerContext") -> None:
        with outliving_outages(self.app):  # ProcessRunner's loop stores one for each of its children
            self._runner_contexts.put(runner_context)

    def _get_runner_context(self, runner_id: str) -> "RunnerContext | None":
        return next(iter(self._runner_contexts.get_all([runner_id])), None)

    def _get_runner_contexts(self, runner_ids: list[str]) -> list["RunnerContext"]:
        return self._runner_contexts.get_all(runner_ids)

    def get_matching_runner_contexts(self, partial_id: str) -> Iterator["RunnerContext"]:
        """Return the contexts whose runner id contains `partial_id` (text, case-sensitive)."""
        return self._runner_contexts.matching(partial_id)
