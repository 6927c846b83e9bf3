"""Differences of values in words, as far as pynenc's settings let values be shown."""

from typing import Any
from unittest.mock import ANY

import pytest
from pynenc import Pynenc

from pytest_pynenc_mongo.differing import Shown, shown_of

ALL = Shown(names=True, values=True)
NAMES = Shown(names=True, values=False)
NOTHING = Shown(names=False, values=False)


@pytest.mark.parametrize(
    ("actual", "expected", "words"),
    [
        ({"cups": 2}, {"cups": 2}, []),
        ({"cups": 2, "tea": "green"}, {"cups": ANY, "tea": "green"}, []),
        ({"litres": 0.1 + 0.2}, {"litres": pytest.approx(0.3)}, []),
        ({"cups": 3}, {"cups": 2}, ["cups is 3 instead of 2"]),
        ({"a": 3, "b": "x"}, {"a": 2, "b": "y"}, ["a is 3 instead of 2", "b is 'x' instead of 'y'"]),
        ({}, {"cups": 2}, ["cups is missing"]),
        ({"cups": 2}, {}, ["cups is there, too"]),
        ({"order": {"tea": 1}}, {"order": {"tea": 2}}, ["order['tea'] is 1 instead of 2"]),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, ["a['c'] is missing", "a['b'] is there, too"]),
        ({"cups": [1, [2, 3]]}, {"cups": [1, [2, 4]]}, ["cups[1][1] is 3 instead of 4"]),
        ({"cups": [1, 2]}, {"cups": [1]}, ["cups is [1, 2] instead of [1]"]),
        ({"cups": [1, 2]}, {"cups": (1, 2)}, ["cups is [1, 2] instead of (1, 2)"]),
        ({"text": "one\ntwo"}, {"text": "one"}, ["text is 'one\\ntwo' instead of 'one'"]),
    ],
)
def test_what_differs_is_named_by_its_place(
    actual: dict[str, Any], expected: dict[str, Any], words: list[str]
) -> None:
    assert ALL.differences(actual, expected) == ", ".join(words)


def test_values_that_look_the_same_are_told_apart_by_their_types() -> None:
    class One(int):
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = int.__hash__

    assert ALL.differences({"cups": One(1)}, {"cups": 1}) == "cups is 1 (One) instead of 1 (int)"


def test_nothing_is_shown_that_must_not_be() -> None:
    actual, expected = {"password": {"of": "ann"}}, {"password": {"of": "bob"}}
    assert NAMES.differences(actual, expected) == "password differs"
    assert NOTHING.differences(actual, expected) == "other arguments"
    assert NOTHING.differences(actual, actual) == ""
    assert (NAMES.all(actual), NOTHING.all(actual), NOTHING.all({})) == ("password", "...", "")


def test_long_values_and_broken_ones_are_short() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    assert len(ALL.one("tea" * 1000)) == ALL.characters
    assert "Broken" in ALL.one(Broken())


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, Shown(names=True, values=True, characters=32)),
        ({"truncate_arguments_length": 7}, Shown(names=True, values=True, characters=7)),
        ({"argument_print_mode": "full"}, ALL),
        ({"argument_print_mode": "keys"}, NAMES),
        ({"argument_print_mode": "hidden"}, NOTHING),
        ({"print_arguments": False}, NOTHING),
    ],
    ids=str,
)
def test_pynenc_s_settings_say_what_is_shown(settings: dict[str, Any], shown: Shown) -> None:
    assert shown_of(Pynenc(config_values={"app_id": f"shown-{settings}", **settings})) == shown
