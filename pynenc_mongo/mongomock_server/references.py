"""References to other documents (DBRef) as the documents that they are on a server; pure.

bson decodes them to objects of a class, into which no path leads: nothing would be found at `order.$id`.
"""

from collections.abc import Mapping
from typing import Any

from bson import DBRef

# what an encoded reference has, and hardly anything else
SIGN = b"$ref\0"

_FILTERS = ("filter", "query", "q", "$match")
_LOGICAL = ("$and", "$or", "$nor")


def as_documents(value: Any) -> Any:
    """Return what a document holds, with documents for references."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {name: as_documents(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_documents(each) for each in value]
    return value


def in_command(command: Mapping[str, Any]) -> dict[str, Any]:
    """Return a command, or a statement or stage of one, with documents for references."""
    return {name: _in_field(name, value) for name, value in command.items()}


def _in_field(name: str, value: Any) -> Any:
    if name in _FILTERS and isinstance(value, dict):
        return _in_filter(value)
    if name in ("updates", "deletes", "pipeline") and isinstance(value, list):
        return [in_command(each) if isinstance(each, dict) else each for each in value]
    return as_documents(value)


def _in_filter(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _condition(name, value) for name, value in wanted.items()}


def _condition(name: str, value: Any) -> Any:
    if name in _LOGICAL and isinstance(value, list):
        return [_in_filter(each) if isinstance(each, dict) else each for each in value]
    # without $eq, mongomock would take the fields of a reference for operators
    return {"$eq": as_documents(value)} if isinstance(value, DBRef) else as_documents(value)
