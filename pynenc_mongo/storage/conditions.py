"""MongoDB's operators, by what they ask. `shapes` takes nothing else for a condition."""

from collections.abc import Collection as Several
from typing import Any


class Condition(dict[str, Any]):
    """A condition on a field, of MongoDB's operators: what is handed in is never one."""


def among(values: Several[Any]) -> Condition:
    return Condition({"$in": list(values)})


def not_among(values: Several[Any]) -> Condition:
    return Condition({"$nin": list(values)})


def all_of(values: Several[Any]) -> Condition:
    """What a list meets that holds all of some values."""
    return Condition({"$all": list(values)})


def at_least(value: float | str) -> Condition:
    return Condition({"$gte": value})


def at_most(value: float | str) -> Condition:
    return Condition({"$lte": value})


def below(value: float | str) -> Condition:
    return Condition({"$lt": value})


def other_than(value: object) -> Condition:
    return Condition({"$ne": value})


def present(*, there: bool = True) -> Condition:
    return Condition({"$exists": there})
