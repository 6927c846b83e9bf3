"""The types that `$type` names: mongomock knows half of them, and mistakes small 64-bit integers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson import Code, Int64, MaxKey, MinKey, Regex, Timestamp

_INT32_BITS = 31

# as documents hold them that came over the wire, or that mongomock computed
TYPE_NAMES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "regex": lambda value: isinstance(value, Regex),
    "javascript": lambda value: isinstance(value, Code) and value.scope is None,
    "javascriptWithScope": lambda value: isinstance(value, Code) and value.scope is not None,
    "timestamp": lambda value: isinstance(value, Timestamp),
    "minKey": lambda value: isinstance(value, MinKey),
    "maxKey": lambda value: isinstance(value, MaxKey),
    "int": lambda value: _is_integer(value) and not _is_long(value),
    "long": lambda value: _is_integer(value) and _is_long(value),
}

# https://www.mongodb.com/docs/manual/reference/bson-types/
TYPE_NUMBERS: Final[Mapping[int, str]] = {
    1: "double",
    2: "string",
    3: "object",
    4: "array",
    5: "binData",
    7: "objectId",
    8: "bool",
    9: "date",
    10: "null",
    11: "regex",
    13: "javascript",
    15: "javascriptWithScope",
    16: "int",
    17: "timestamp",
    18: "long",
    19: "decimal",
    -1: "minKey",
    127: "maxKey",
}


def complete(known: dict[Any, Any]) -> None:
    """Add what is missing to mongomock's table of types, and mend what is wrong in it."""
    known.update(TYPE_NAMES)
    known.update({number: known[name] for number, name in TYPE_NUMBERS.items() if known.get(name)})


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_long(value: int) -> bool:
    return isinstance(value, Int64) or value.bit_length() > _INT32_BITS
