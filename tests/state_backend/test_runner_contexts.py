"""Runner contexts: found by id, and by any piece of text in it."""

import string

import pytest
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.storage.verbs import pages
from tests.commands import CommandLog
from tests.state_backend.helpers import Backend


def context(runner_id: str, parent: RunnerContext | None = None) -> RunnerContext:
    return RunnerContext("ThreadRunner", runner_id, parent, pid=1, hostname="host", thread_id=2)


def store(backend: Backend, *runner_ids: str) -> None:
    for runner_id in runner_ids:
        backend._store_runner_context(context(runner_id))


def matching(backend: Backend, text: str) -> list[str]:
    return [found.runner_id for found in backend.get_matching_runner_contexts(text)]


def test_a_context_comes_back_with_the_runners_above_it(state_backend: Backend) -> None:
    leaf = context("leaf", context("middle", context("root")))
    state_backend.store_runner_context(leaf)
    state_backend._runner_context_cache.clear()
    assert state_backend.get_runner_context("leaf") == leaf
    assert state_backend.get_runner_context("middle") == leaf.parent_ctx
    assert state_backend.get_runner_context("root") == context("root")


def test_contexts_come_back_in_the_order_they_were_asked_for(state_backend: Backend) -> None:
    store(state_backend, "a", "b", "c")
    found = state_backend._get_runner_contexts(["c", "nobody", "a"])
    assert [each.runner_id for each in found] == ["c", "a"]
    assert state_backend._get_runner_contexts([]) == []


def test_a_context_that_was_never_stored_is_none(state_backend: Backend) -> None:
    assert state_backend.get_runner_context("nobody") is None
    assert state_backend._get_runner_context("nobody") is None


def test_a_context_that_is_stored_again_is_one(state_backend: Backend) -> None:
    store(state_backend, "a", "a")
    assert matching(state_backend, "a") == ["a"]


def test_after_a_purge_a_context_is_stored_again(state_backend: Backend) -> None:
    leaf = context("leaf", context("root"))
    state_backend.store_runner_context(leaf)
    state_backend.purge()
    assert state_backend.get_runner_context("leaf") is None
    state_backend.store_runner_context(leaf)
    assert matching(state_backend, "") == ["leaf", "root"]


def test_every_piece_of_an_id_finds_it(state_backend: Backend) -> None:
    store(state_backend, "ab@host", "xyz")
    pieces = ("ab", "a", "b@ho", "st", "ab@host")
    assert [matching(state_backend, piece) for piece in pieces] == [["ab@host"]] * len(pieces)
    assert matching(state_backend, "") == ["ab@host", "xyz"]


PATTERNS = [
    ".*",
    ".",
    "a.b",
    "[",
    "[ab]",
    "\\",
    "\\w",
    "$",
    "^",
    "(",
    ")",
    "a|b",
    "a+",
    "a?",
    "{1}",
    "(?i)",
    "\\Q",
]


def test_text_is_text_and_never_a_pattern(state_backend: Backend) -> None:
    store(state_backend, "ab", "aab", "a-b")
    for text in PATTERNS:
        assert matching(state_backend, text) == [], text
    store(state_backend, *(f"has {text} in it" for text in PATTERNS))
    for text in PATTERNS:
        found = matching(state_backend, text)
        assert found == sorted(f"has {each} in it" for each in PATTERNS if text in each), text


def test_every_character_is_found_as_it_is(state_backend: Backend) -> None:
    characters = [*string.punctuation, " ", "\n", "\t", "é", "😀"]
    store(state_backend, "plain", *(f"a{character}b" for character in characters))
    for character in characters:
        assert matching(state_backend, character) == [f"a{character}b"], character


def test_upper_and_lower_case_differ(state_backend: Backend) -> None:
    store(state_backend, "Runner", "runner")
    assert matching(state_backend, "R") == ["Runner"]
    assert matching(state_backend, "r") == ["Runner", "runner"]
    assert matching(state_backend, "RUNNER") == []


def test_text_with_a_nul_finds_nothing(state_backend: Backend) -> None:
    store(state_backend, "runner")
    assert matching(state_backend, "run\0") == []


def test_matching_contexts_are_found_over_more_than_one_page(
    state_backend: Backend, commands: CommandLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pages.__kwdefaults__ is not None
    monkeypatch.setitem(pages.__kwdefaults__, "size", 2)
    store(state_backend, *(f"runner {number}" for number in range(5)), "other")
    commands.clear()
    assert matching(state_backend, "runner") == [f"runner {number}" for number in range(5)]
    assert commands.names() == ["find"] * 3
