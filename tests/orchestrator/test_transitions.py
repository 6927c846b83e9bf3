"""Every transition does what pynenc's pure function says, in one command."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, cast

import pytest
from pynenc import Pynenc
from pynenc.exceptions import (
    InvocationStatusError,
    InvocationStatusOwnershipError,
    InvocationStatusRaceConditionError,
)
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord, status_record_transition

from pynenc_mongo.orchestrator import transitions
from pynenc_mongo.orchestrator.documents import INVOCATIONS, encode_record
from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator
from pynenc_mongo.orchestrator.transitions import Runs
from pynenc_mongo.storage.verbs import update_if
from tests.orchestrator.helpers import bake, invocation_of

OWNERS = (None, "me", "another")
CALLERS = (None, "me")


@pytest.fixture
def orchestrator(mongo_app: Pynenc) -> MongoOrchestrator:
    found = mongo_app.orchestrator
    assert isinstance(found, MongoOrchestrator)
    return found


def registered(orchestrator: MongoOrchestrator) -> str:
    invocation = invocation_of(bake)
    orchestrator._register_new_invocations([invocation])
    return invocation.invocation_id


def given(orchestrator: MongoOrchestrator, invocation_id: str, record: InvocationStatusRecord) -> None:
    collection = orchestrator._collections.existing(INVOCATIONS)
    collection.update_one({"_id": invocation_id}, {"$set": encode_record(record)})


def in_new_threads(orchestrator: MongoOrchestrator) -> None:
    """Have every run that began here be that of another thread."""
    orchestrator._runs = Runs()


def outcome_of(transition: object, *arguments: object) -> object:
    """Return status and owner, or the type of the error."""
    try:
        record = transition(*arguments)  # type: ignore[operator]
    except InvocationStatusError as error:
        return type(error)
    return record.status, record.runner_id


@pytest.mark.thorough("embedded")
def test_every_transition_of_every_owner_is_pynencs(orchestrator: MongoOrchestrator) -> None:
    invocation_id = registered(orchestrator)
    differing = []
    stored = None
    for source, owner, target, caller in product(InvocationStatus, OWNERS, InvocationStatus, CALLERS):
        record = InvocationStatusRecord(source, owner)
        if stored != (source, owner):
            given(orchestrator, invocation_id, record)
        in_new_threads(orchestrator)
        ours = outcome_of(orchestrator._atomic_status_transition, invocation_id, target, caller)
        pynencs = outcome_of(status_record_transition, record, target, caller)
        # one that was refused has left what was there
        stored = (source, owner) if isinstance(ours, type) else None
        if ours != pynencs:
            differing.append((source, owner, target, caller, ours, pynencs))
    assert not differing


def test_the_stored_record_is_the_returned_one(orchestrator: MongoOrchestrator) -> None:
    invocation_id = registered(orchestrator)
    returned = orchestrator._atomic_status_transition(invocation_id, InvocationStatus.PENDING, "me")  # type: ignore[arg-type]
    assert orchestrator.get_invocation_status_record(invocation_id) == returned  # type: ignore[arg-type]
    assert returned.timestamp.utcoffset() is not None


def test_an_unknown_invocation_is_named(orchestrator: MongoOrchestrator) -> None:
    with pytest.raises(KeyError, match="invocation nobody-knows is not registered"):
        orchestrator._atomic_status_transition("nobody-knows", InvocationStatus.PENDING, "me")  # type: ignore[arg-type]


def test_a_stalled_owner_does_not_take_back_what_another_one_has(orchestrator: MongoOrchestrator) -> None:
    """The peer's lock gives way after five seconds; RUNNING then overwrites the new owner's PENDING."""
    invocation_id = registered(orchestrator)
    given(orchestrator, invocation_id, InvocationStatusRecord(InvocationStatus.PENDING, "another"))
    with pytest.raises(InvocationStatusError):
        orchestrator._atomic_status_transition(invocation_id, InvocationStatus.RUNNING, "stalled")  # type: ignore[arg-type]
    record = orchestrator.get_invocation_status_record(invocation_id)  # type: ignore[arg-type]
    assert (record.status, record.runner_id) == (InvocationStatus.PENDING, "another")


def test_instants_grow_where_a_clock_is_late(orchestrator: MongoOrchestrator) -> None:
    """The machine before was five seconds ahead."""
    invocation_id = registered(orchestrator)
    ahead = datetime.now(UTC) + timedelta(seconds=5)
    given(orchestrator, invocation_id, InvocationStatusRecord(InvocationStatus.REROUTED, None, ahead))
    record = orchestrator._atomic_status_transition(invocation_id, InvocationStatus.PENDING, "me")  # type: ignore[arg-type]
    assert record.timestamp == ahead + timedelta(microseconds=1)
    assert orchestrator.get_invocation_status_record(invocation_id) == record  # type: ignore[arg-type]


def test_a_run_is_left_by_the_thread_that_began_it(orchestrator: MongoOrchestrator) -> None:
    """Its runner lost the invocation, and runs it again: the same owner, another run."""
    invocation_id: Any = registered(orchestrator)
    given(orchestrator, invocation_id, InvocationStatusRecord(InvocationStatus.PENDING, "me"))
    orchestrator._atomic_status_transition(invocation_id, InvocationStatus.RUNNING, "me")
    given(orchestrator, invocation_id, InvocationStatusRecord(InvocationStatus.RUNNING, "me"))
    for end in (InvocationStatus.SUCCESS, InvocationStatus.FAILED, InvocationStatus.RETRY):
        with pytest.raises(InvocationStatusOwnershipError, match="it runs again since"):
            orchestrator._atomic_status_transition(invocation_id, end, "me")
    in_new_threads(orchestrator)
    orchestrator._atomic_status_transition(invocation_id, InvocationStatus.SUCCESS, "me")


def test_a_transition_that_the_driver_made_twice_is_known_again(
    orchestrator: MongoOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the first time was lost, and the second one met nothing any more."""
    invocation_id, make = registered(orchestrator), cast("Any", update_if)

    def make_twice(*arguments: Any) -> Any:
        return make(*arguments) and make(*arguments)

    monkeypatch.setattr(transitions, "update_if", make_twice)
    record = orchestrator._atomic_status_transition(invocation_id, InvocationStatus.PENDING, "me")  # type: ignore[arg-type]
    assert orchestrator.get_invocation_status_record(invocation_id) == record  # type: ignore[arg-type]


def test_of_a_run_that_has_ended_nothing_is_noted(orchestrator: MongoOrchestrator) -> None:
    """A thread of a runner runs any number of tasks."""
    invocation_id: Any = registered(orchestrator)
    for status in (InvocationStatus.PENDING, InvocationStatus.RUNNING):
        orchestrator._atomic_status_transition(invocation_id, status, "me")
    assert orchestrator._runs.of(invocation_id, "me") is not None
    orchestrator._atomic_status_transition(invocation_id, InvocationStatus.SUCCESS, "me")
    assert orchestrator._runs.of(invocation_id, "me") is None


def test_no_page_is_all_of_them(orchestrator: MongoOrchestrator) -> None:
    registered(orchestrator)
    assert orchestrator.get_invocation_ids_paginated(limit=0) == []
    assert len(orchestrator.get_invocation_ids_paginated(limit=1)) == 1


def test_one_that_keeps_moving_is_given_up_after_some_attempts(
    orchestrator: MongoOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation_id = registered(orchestrator)
    attempts = []

    def lose(*arguments: object) -> bool:
        attempts.append(arguments)
        return False

    monkeypatch.setattr(transitions, "update_if", lose)
    with pytest.raises(InvocationStatusRaceConditionError):
        orchestrator._atomic_status_transition(invocation_id, InvocationStatus.PENDING, "me")  # type: ignore[arg-type]
    assert len(attempts) == 5
