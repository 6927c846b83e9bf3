"""What a document is, by its own TypedDict: checked where it is written, asked for and read.

What is handed in is never trusted to be of the type that it is declared with: an id that is a dictionary
would be read by MongoDB as a condition. What is stored is never trusted to be what these backends wrote. Each
document bears the version of its schema, and one of a later version than is known here is refused
(https://www.mongodb.com/docs/manual/data-modeling/design-patterns/data-versioning/).
"""

import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Collection as Several
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from types import NoneType, UnionType
from typing import Any, Self, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from bson.code import Code
from pymongo.collection import Collection
from pymongo.database import Database

from pynenc_mongo.errors import MongoDocumentError, MongoSchemaError, MongoValueError
from pynenc_mongo.storage.conditions import Condition

VERSION = "schema_version"

_SCALARS = (str, int, float, bytes, NoneType)
_NAMES = {
    str: "a text",
    int: "an integer",
    float: "a number",
    bytes: "bytes",
    bool: "a boolean",
    NoneType: "None",
}
_REMEDY = "something other than these backends wrote it, or it is damaged: delete it, or purge the app"


@dataclass(frozen=True)
class Kind:
    """What a value may be: of some types, a list of some kind, or a document with some fields."""

    types: tuple[type, ...]
    items: "Kind | None" = None
    fields: "Fields | None" = None

    @classmethod
    def of(cls, hint: Any) -> Self:
        """Return the kind that a type hint of a TypedDict stands for."""
        origin = get_origin(hint)
        if origin in (Union, UnionType):
            kinds = [cls.of(each) for each in get_args(hint)]
            return cls(tuple(each for kind in kinds for each in kind.types))
        if origin is list:
            return cls((list,), items=cls.of(get_args(hint)[0]))
        if is_typeddict(hint):
            return cls((Mapping,), fields=Fields.of(hint))
        return cls((origin or hint,))

    def holds(self, value: Any) -> bool:
        if isinstance(value, bool):  # which is an integer to Python
            return bool in self.types
        if not isinstance(value, self.types) or isinstance(value, Code):  # which is a text to Python
            return False
        inner: Any = value
        if self.items is not None:
            return all(map(self.items.holds, inner))
        return self.fields is None or self.fields.first_wrong(inner) is None

    def __str__(self) -> str:
        if self.items is not None:
            return f"a list, each of it {self.items}"
        return " or ".join(_NAMES.get(each, "a document") for each in self.types)


@dataclass(frozen=True)
class Fields:
    """The fields of a document: the kind of each, and those that every document has."""

    kinds: Mapping[str, Kind]
    required: frozenset[str]

    @classmethod
    @cache
    def of(cls, document: type) -> Self:
        """Return the fields of a TypedDict."""
        kinds = {name: Kind.of(hint) for name, hint in get_type_hints(document).items()}
        return cls(kinds, frozenset(document.__required_keys__))  # type: ignore[attr-defined]

    def first_wrong(self, document: Mapping[str, Any], read: Several[str] | None = None) -> str | None:
        """Return the name of a field that is missing or of another kind, if there is one.

        :param read: the fields that were read; None for all
        """
        for name in self.required if read is None else self.required.intersection(read):
            if name not in document:
                return name
        for name, value in document.items():
            kind = self.kinds.get(name)
            if kind is not None and not kind.holds(value):
                return name
        return None


class Documents[Doc: Mapping[str, Any]](Collection[Doc]):
    """A collection whose documents are of one TypedDict, of which `version` is the latest one known."""

    def __init__(self, database: Database[Any], name: str, document: type[Doc], version: int) -> None:
        super().__init__(database, name)
        self.fields = Fields.of(document)
        self.version = version


# to write


def stamped(collection: Collection[Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document with the version of its schema.

    :raises MongoValueError: naming a field that is not what the collection's documents have there
    """
    if not isinstance(collection, Documents):
        return document
    wrong = collection.fields.first_wrong(document)
    if wrong is not None:
        raise _unfit(collection, wrong, document.get(wrong))
    return {**document, VERSION: collection.version}


def changes(
    collection: Collection[Any], update: Mapping[str, Any], *, upserts: bool = False
) -> Mapping[str, Any]:
    """Return an update, which gives what it may insert the version of its schema.

    :raises MongoValueError: naming a field that would become what it must not be
    """
    if not isinstance(collection, Documents):
        return update
    for operator in ("$set", "$addToSet"):
        for name, value in update.get(operator, {}).items():
            _check(collection, name, value)
    return {**update, "$setOnInsert": {VERSION: collection.version}} if upserts else update


# to ask


def asked(collection: Collection[Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a filter.

    :raises MongoValueError: naming a field that is asked to be what it never is, such as an id of None
    """
    if isinstance(collection, Documents):
        for name, value in wanted.items():
            if name in ("$or", "$and"):
                for each in value:
                    asked(collection, each)
            else:
                _check(collection, name, value)
    return wanted


def projected(collection: Collection[Any], fields: Sequence[str] | None) -> Sequence[str] | None:
    """Return the fields to read; a key alone means the same in every version."""
    if not isinstance(collection, Documents) or fields is None or set(fields) <= {"_id"}:
        return fields
    return [*fields, VERSION]


def _check(collection: Documents[Any], name: str, value: Any) -> None:
    kind = collection.fields.kinds.get(name)
    for each in _operands(value):
        if kind is None:
            fits = isinstance(each, _SCALARS)
        else:
            fits = kind.holds(each) or (kind.items is not None and kind.items.holds(each))
        if not fits:
            raise _unfit(collection, name, each)


def _operands(value: Any) -> Iterator[Any]:
    """Return the values that a field is compared with, or is given."""
    if not isinstance(value, Condition):
        yield value
        return
    for operator, operand in value.items():
        if operator in ("$in", "$nin", "$all", "$each"):
            yield from operand
        elif operator == "$not":
            yield from _operands(operand)
        elif operator != "$exists" and not (operator == "$ne" and operand is None):
            yield operand


def _unfit(collection: Documents[Any], name: str, value: Any) -> MongoValueError:
    kind = collection.fields.kinds.get(name, "a plain value")
    given = f"{reprlib.repr(value)}, of type {type(value).__qualname__}"
    return MongoValueError(f"{name} in {collection.full_name} is given as {given}: it has to be {kind}")


# to read


def checked[Doc: Mapping[str, Any]](
    collection: Collection[Doc], document: Doc, fields: Sequence[str] | None = None
) -> Doc:
    """Return a document that was found.

    :param fields: those that were read; None for all
    :raises MongoDocumentError: naming it, if it is not what the collection's documents are
    :raises MongoSchemaError: if it is of a later version than is known here
    """
    if not isinstance(collection, Documents):
        return document
    if fields is None or VERSION in fields:
        _check_version(collection, document)
    wrong = collection.fields.first_wrong(document, fields)
    if wrong is not None:
        what = reprlib.repr(document[wrong]) if wrong in document else "missing"
        raise MongoDocumentError(
            f"{_named(collection, document)} is none of ours: its {wrong} is {what}, and should be "
            f"{collection.fields.kinds[wrong]}; {_REMEDY}"
        )
    return document


def checked_values(collection: Collection[Any], field: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a field of all documents.

    :raises MongoDocumentError: naming the field, if one is not what it should be
    """
    if isinstance(collection, Documents):
        kind = collection.fields.kinds[field]
        for value in values:
            if not (kind.items or kind).holds(value):
                raise MongoDocumentError(
                    f"a {field} in {collection.full_name} is {reprlib.repr(value)}, and should be "
                    f"{kind.items or kind}; {_REMEDY}"
                )
    return values


def _check_version(collection: Documents[Any], document: Mapping[str, Any]) -> None:
    version = document.get(VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        what = reprlib.repr(version) if VERSION in document else "missing"
        raise MongoDocumentError(
            f"{_named(collection, document)} is none of ours: its {VERSION} is {what}; {_REMEDY}"
        )
    if version > collection.version:
        raise MongoSchemaError(
            f"{_named(collection, document)} is of version {version}, and this pytest-pynenc-mongo knows "
            f"{collection.version}: a later release wrote it, install that here too"
        )


def _named(collection: Collection[Any], document: Mapping[str, Any]) -> str:
    return f"the document {reprlib.repr(document.get('_id'))} in {collection.full_name}"


@contextmanager
def encoding(name: str) -> Iterator[None]:
    """Name the collection of what nothing can be made of that is stored.

    :raises MongoValueError: instead of what pynenc's own JSON says of it
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if isinstance(error, MongoValueError):
            raise
        raise MongoValueError(f"this cannot be stored in {name}: {type(error).__name__}: {error}") from error


def decodes[**Given, Made](name: str) -> Callable[[Callable[Given, Made]], Callable[Given, Made]]:
    """Have a function that makes something of a document of a collection name the one that it cannot use.

    It takes the document first. :raises MongoDocumentError: instead of what a wrong text or number leads to
    """

    def naming(decode: Callable[Given, Made]) -> Callable[Given, Made]:
        @wraps(decode)
        def decode_or_name(*given: Given.args, **named: Given.kwargs) -> Made:
            try:
                return decode(*given, **named)
            except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
                key = reprlib.repr(cast("Mapping[str, Any]", given[0]).get("_id"))
                raise MongoDocumentError(
                    f"the document {key} in {name} cannot be used: {type(error).__name__}: {error}; {_REMEDY}"
                ) from error

        return decode_or_name

    return naming
