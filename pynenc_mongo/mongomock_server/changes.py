"""Whether an update may be made: refuses what mongomock would let pass in silence; pure."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from pynenc_mongo.mongomock_server.replies import (
    CANNOT_BACKFILL_ARRAY,
    CONFLICTING_OPERATORS,
    FAILED_TO_PARSE,
    NOT_IMPLEMENTED,
    PATH_NOT_VIABLE,
    CommandError,
)

# of all that MongoDB has, https://www.mongodb.com/docs/manual/reference/mql/update/
_KNOWN_OPERATORS: Final = (
    *("$set", "$unset", "$setOnInsert", "$rename", "$currentDate", "$inc", "$max", "$min"),
    *("$addToSet", "$pop", "$pull", "$pullAll", "$push"),
)
_OPERATORS_MONGOMOCK_LACKS: Final = ("$bit", "$mul")
# that a position behind the end of an array may add, as in a server
_MOST_PADDING: Final = 1_500_000
# they do nothing where their field is not
_NEED_NO_PATH: Final = ("$pop", "$pull", "$pullAll", "$rename", "$unset", "$setOnInsert")


def has_operators(change: Mapping[str, Any]) -> bool:
    return next(iter(change), "").startswith("$")


def check_change(change: Any) -> None:
    """Refuse what cannot be an update, whatever the document is.

    :raises CommandError: naming what is wrong with it
    """
    if not isinstance(change, dict | list):
        raise CommandError(FAILED_TO_PARSE, "Update argument must be either an object or an array")
    if isinstance(change, list) or not has_operators(change):
        return
    for operator, fields in change.items():
        if operator in _OPERATORS_MONGOMOCK_LACKS:
            raise CommandError(NOT_IMPLEMENTED, f"mongomock has no {operator}")
        if operator not in _KNOWN_OPERATORS:
            raise CommandError(
                FAILED_TO_PARSE, f"Unknown modifier: {operator}. Expected a valid update modifier"
            )
        if not isinstance(fields, dict):
            raise CommandError(
                FAILED_TO_PARSE,
                f"Modifiers operate on fields but we found type {type(fields).__name__} instead",
            )
    _refuse_all_positional(change)
    _refuse_conflict(change)


def refuse_unreachable(document: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    """Refuse to write into what is neither a document nor an array.

    :raises CommandError: PathNotViable, naming the field; CannotBackfillArray
    """
    for operator, fields in change.items():
        if not operator.startswith("$") or operator in _NEED_NO_PATH:
            continue
        for path in fields:
            if "." in path:
                _walk(document, path)


def _walk(document: Any, path: str) -> None:
    for name, following in pairwise(path.split(".")):
        if isinstance(document, list):
            if not name.isdigit() or int(name) >= len(document):
                return  # a position by the filter, or one to be made
            document = document[int(name)]
        elif name in document:
            document = document[name]
        else:
            return
        if not isinstance(document, dict | list):
            raise CommandError(
                PATH_NOT_VIABLE, f"Cannot create field '{following}' in element {{{name}: {document!r}}}"
            )
        if isinstance(document, list) and following.isdigit():
            _refuse_padding(int(following) - len(document))


def _refuse_padding(count: int) -> None:
    if count > _MOST_PADDING:
        raise CommandError(CANNOT_BACKFILL_ARRAY, f"can't backfill more than {_MOST_PADDING} elements")


def _paths(change: Mapping[str, Any]) -> Iterator[str]:
    for operator, fields in change.items():
        yield from fields
        if operator == "$rename":
            yield from fields.values()


def _refuse_all_positional(change: Mapping[str, Any]) -> None:
    for path in _paths(change):
        if "$[" in str(path):
            raise CommandError(NOT_IMPLEMENTED, f"mongomock has no $[] in a path: {path}")


def _refuse_conflict(change: Mapping[str, Any]) -> None:
    """Refuse to change a field twice, or a field and one within it."""
    paths = sorted(str(path).split(".") for path in _paths(change))
    for path, following in pairwise(paths):
        if following[: len(path)] == path:
            name = ".".join(following)
            raise CommandError(
                CONFLICTING_OPERATORS,
                f"Updating the path '{name}' would create a conflict at '{'.'.join(path)}'",
            )
