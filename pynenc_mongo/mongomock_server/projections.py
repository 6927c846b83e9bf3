"""Projections in the shape that mongomock understands; pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pynenc_mongo.mongomock_server.replies import NOT_IMPLEMENTED, CommandError

_OPERATORS: Final = ("$slice", "$elemMatch")


def flat(projection: Mapping[str, Any]) -> dict[str, Any]:
    """Return a projection with paths for nested documents.

    :raises CommandError: NotImplemented, if it computes a field, which mongomock would leave out
    """
    return dict(_flat(projection, ""))


def only_slices(projection: Mapping[str, Any]) -> bool:
    """Whether a projection shortens arrays and leaves all else as it is."""
    return all(isinstance(value, dict) and "$slice" in value for value in projection.values())


def _flat(projection: Mapping[str, Any], within: str) -> Iterator[tuple[str, Any]]:
    for field, value in projection.items():
        path = within + field
        if isinstance(value, dict) and value and not next(iter(value)).startswith("$"):
            yield from _flat(value, f"{path}.")
        elif isinstance(value, dict) and value.keys() <= {*_OPERATORS}:
            yield path, value
        elif isinstance(value, dict | list | str):
            raise CommandError(NOT_IMPLEMENTED, f"mongomock computes no field of a projection: {path}")
        else:
            yield path, bool(value)
