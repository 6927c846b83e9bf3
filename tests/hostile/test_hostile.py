"""A part of `python -m tests.hostile`, and what it would see."""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from pynenc_mongo.storage import shapes, verbs
from tests import reproducible, whole_lives
from tests.hostile.damaging import BAD_JSON, Damage, Trial
from tests.hostile.entering import EDGES_OF_TIME, visitors
from tests.hostile.stored import Stored, filled
from tests.hostile.trying import Tally, try_documents, try_inputs
from tests.state_backend.helpers import history
from tests.storage.helpers import new_name

SEED, INPUTS, COUNT = 3, 1000, 500 if reproducible.is_thorough else 200


@pytest.fixture
def stored(any_url: str) -> Iterator[Stored]:
    with filled(any_url, new_name()) as everything:
        yield everything


@pytest.mark.thorough("embedded")
def test_no_damaged_document_is_read_as_another_value_or_without_a_name(any_url: str) -> None:
    tally = try_documents(any_url, SEED, COUNT)
    assert tally.wrong == []
    assert tally.named > COUNT / 2


@pytest.mark.thorough("embedded")
def test_no_hostile_input_finds_or_changes_what_is_another_s(any_url: str) -> None:
    tally = try_inputs(any_url, SEED, INPUTS)
    assert tally.wrong == []
    assert tally.right > INPUTS / 8


def test_every_collection_has_a_document_and_a_reader(stored: Stored) -> None:
    empty = [name for name, _ in stored.specs() if not stored.collection(name).find_one({})]
    read = {name for reader in stored.readers for name in reader.reads}
    assert empty == []
    # whose documents are never read, but asked about
    assert {name for name, _ in stored.specs()} - read == {"trigger.claims"}


def test_what_is_not_checked_is_seen(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    damage = _damaged(stored, "state_backend.workflow_data", payload={"text": None})
    assert Trial(stored).judge(damage).wrong == ()
    monkeypatch.setattr(verbs, "checked", lambda _collection, document, _fields=None: document)
    assert Trial(stored).judge(damage).wrong


def test_what_is_asked_without_a_check_is_seen(any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "asked", lambda _collection, wanted: wanted)
    with whole_lives.at(any_url, new_name()):
        result = visitors()[0]
        assert any("the witness" in said for said in result.knock({"$ne": None}))
        whole_lives.app.purge()


@pytest.mark.thorough("embedded")
def test_a_document_of_a_later_schema_is_refused_by_its_version(stored: Stored) -> None:
    for name, _ in stored.specs():
        damage = _damaged(stored, name, is_newer=True, **{shapes.VERSION: 2})
        assert Trial(stored).judge(damage).wrong == (), name


@pytest.mark.thorough("embedded")
def test_texts_that_are_no_json_are_named(stored: Stored) -> None:
    for text in BAD_JSON:
        damage = _damaged(stored, "state_backend.app_info", info=text)
        assert Trial(stored).judge(damage).wrong == (), text


def test_any_two_instants_are_a_time_range(mongomock_url: str) -> None:
    with whole_lives.at(mongomock_url, new_name()):
        state, trigger, orchestrator = (
            whole_lives.app.state_backend,
            whole_lives.app.trigger,
            whole_lives.app.orchestrator,
        )
        for first, last in itertools.product(EDGES_OF_TIME, repeat=2):
            assert list(state.iter_history_in_timerange(first, last)) == []
            assert list(state.iter_invocations_in_timerange(first, last)) == []
            assert trigger.get_events(start_time=first, end_time=last) == []
            assert trigger.count_events(start_time=first, end_time=last) == 0
            assert trigger.get_trigger_runs_in_timerange(first, last) == []
            assert orchestrator.get_atomic_service_executions_in_timerange(first, last) == []


@pytest.mark.parametrize("instant", EDGES_OF_TIME, ids=lambda each: each.isoformat())
def test_a_record_of_any_instant_is_found_between_the_first_and_the_last(
    mongomock_url: str, instant: datetime
) -> None:
    with whole_lives.at(mongomock_url, new_name()):
        state: Any = whole_lives.app.state_backend
        state._add_histories(["the one"], history("the one", instant))
        (found,) = state.iter_history_in_timerange(datetime.min, datetime.max)
        assert [each.invocation_id for each in found] == ["the one"]
        whole_lives.app.purge()


def test_a_tally_counts_what_it_tried(mongomock_url: str) -> None:
    tally = try_documents(mongomock_url, SEED, 3)
    assert (tally.tried, tally.wrong, Tally().tried) == (3, [], 0)


def _damaged(stored: Stored, name: str, *, is_newer: bool = False, **changed: Any) -> Damage:
    document = random.Random(SEED).choice(list(stored.collection(name).find({})))
    return Damage(name, str(changed), {**document, **changed}, frozenset(changed), is_newer=is_newer)
