"""Documents that these backends would never write, made of those that they wrote."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from bson import Int64, ObjectId, Regex, Timestamp
from pymongo.errors import OperationFailure
from pynenc.exceptions import PynencError

from pynenc_mongo.errors import MongoSchemaError, PynencMongoError
from pynenc_mongo.storage.shapes import VERSION
from tests.hostile.stored import Reader, Stored

STRANGERS: list[Any] = [
    None, True, 5, Int64(2**62), -1, 5.5, float("nan"), "text", "", "\0", b"\0\1", [], [5], ["x"], [None], {},
    {"$ne": None}, {"text": None}, ObjectId("0" * 24), Regex(".*"), Timestamp(1, 1),
    datetime(2024, 1, 1, tzinfo=UTC),
]  # fmt: skip
NO_ARGUMENTS = "{}"  # which a call may have
BAD_JSON = ["", "{", "[]", "null", "5", '"text"', '{"a": 1}', NO_ARGUMENTS]
# texts that pynenc takes apart
JSON_IN = {"arguments", "condition", "pair", "record", "info"}
NUMBERS_OF_TIME = {
    "at",
    "status_at",
    "since",
    "created_at",
    "beat_at",
    "started_at",
    "ended_at",
    "registered_at",
}
WORDS = {"status", "logic", "task", "task_id", "call_id", "type"}


@dataclass(frozen=True)
class Damage:
    """One document as it is after the damage, and the fields that are damaged."""

    collection: str
    what: str
    document: Mapping[str, Any]
    fields: frozenset[str]
    is_newer: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of one damage: how many readers gave a named error, and what else went wrong."""

    named: int
    right: int
    wrong: tuple[str, ...]


def fits(hint: Any, value: Any) -> bool:
    """Whether a value is of a type hint: said here anew, so that a test does not ask what it tests."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(fits(each, value) for each in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(fits(get_args(hint)[0], each) for each in value)
    if is_typeddict(hint):
        known = get_type_hints(hint)
        return (
            isinstance(value, Mapping)
            and set(hint.__required_keys__) <= value.keys()
            and all(fits(known[key], value[key]) for key in value.keys() & known.keys())
        )
    if hint is NoneType:
        return value is None
    kind = origin or hint
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def damages(stored: Stored, seed: int, count: int) -> Iterator[Damage]:
    """Return so many damages, as evenly over the collections, their fields and the kinds as it goes."""
    dice = random.Random(seed)
    documents = {name: list(stored.collection(name).find({})) for name, _ in stored.specs()}
    types = {name: spec.document for name, spec in stored.specs()}
    names = [name for name, found in documents.items() if found and _readers_of(stored, name)]
    made = 0
    while made < count:
        name = dice.choice(names)
        document = dice.choice(documents[name])
        every = list(_of(name, document, types[name], dice))
        yield dice.choice(every)
        made += 1


def _of(name: str, document: Mapping[str, Any], kind: Any, dice: random.Random) -> Iterator[Damage]:
    hints = get_type_hints(kind)
    del hints["_id"]
    for field, hint in hints.items():
        if field in kind.__required_keys__:
            rest = {key: value for key, value in document.items() if key != field}
            yield Damage(name, f"without {field}", rest, frozenset({field}))
        for stranger in STRANGERS:
            if not fits(hint, stranger):
                yield _changed(name, document, field, stranger)
        for value in _of_the_right_type(field, document, dice):
            yield _changed(name, document, field, value)
    versions: list[Any] = [0, -1, "1", None, True, 1.0, {}, [1]]
    for version in versions:
        yield _changed(name, document, VERSION, version)
    yield Damage(name, "of version 2", {**document, VERSION: 2}, frozenset({VERSION}), is_newer=True)


def _of_the_right_type(field: str, document: Mapping[str, Any], dice: random.Random) -> Iterator[Any]:
    """Return values of a field of which nothing can be made, though they are what it is declared as."""
    if field not in document:
        return
    value = document[field]
    if isinstance(value, Mapping) and field != "context":
        yield from _payloads(value, dice)
        texts = [
            text for text in BAD_JSON if field in JSON_IN and (field, text) != ("arguments", NO_ARGUMENTS)
        ]
        yield from ({"text": text} for text in texts)
    if field == "info":
        yield from BAD_JSON
    if field in NUMBERS_OF_TIME:
        yield from (2**62, -(2**62))
    if field in WORDS:
        yield "nonsense"
    if field == "data":
        yield from _bytes(value, dice)


def _changed(name: str, document: Mapping[str, Any], field: str, value: Any) -> Damage:
    return Damage(name, f"{field}: {value!r:.60}", {**document, field: value}, frozenset({field}))


def _payloads(payload: Mapping[str, Any], dice: random.Random) -> Iterator[Mapping[str, Any]]:
    yield {}
    yield {"text": "one", "zlib": b"other"}
    yield {"zlib": b""}
    yield {"zlib": b"nonsense"}
    yield {**payload, "more": 1}
    yield {"generation": "0" * 32, "parts": 2}
    yield {"generation": "0" * 32}
    yield {"parts": 2}
    if "generation" in payload:
        for parts in (
            0,
            -1,
            2**31,
            2**62,
            payload["parts"] - 1,
            payload["parts"] + 1,
            str(payload["parts"]),
            1.5,
        ):
            yield {**payload, "parts": parts}
    if "zlib" in payload:
        yield from ({"zlib": data} for data in _bytes(payload["zlib"], dice))


def _bytes(data: bytes, dice: random.Random) -> Iterator[bytes]:
    place = dice.randrange(len(data))
    yield data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
    yield data[:place]
    yield b""
    yield dice.randbytes(len(data))


class Trial:
    """Damages documents one at a time, reads them in every way, and puts them back."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._right = {reader.name: repr(reader.read()) for reader in stored.readers}

    def judge(self, damage: Damage) -> Verdict:
        collection = self._stored.collection(damage.collection)
        try:
            before: Any = collection.find_one_and_replace({"_id": damage.document["_id"]}, damage.document)
        except OperationFailure:  # no engine has every value in a unique index
            return Verdict(0, 0, ())
        try:
            return self._read(damage)
        finally:
            collection.replace_one({"_id": damage.document["_id"]}, before)

    def _read(self, damage: Damage) -> Verdict:
        named, right, wrong = 0, 0, []
        for reader in _readers_of(self._stored, damage.collection):
            if damage.fields.intersection(reader.by):
                continue  # the query does not see it
            try:
                value = repr(reader.read())
            except PynencMongoError as error:
                named += 1
                if damage.is_newer and not isinstance(error, MongoSchemaError):
                    wrong.append(f"{reader.name} does not say that {damage.what} is newer: {error}")
            except PynencError as error:
                wrong.append(self._said(reader, damage, f"raises pynenc's {error!r}"))
            except Exception as error:  # which is what is looked for
                wrong.append(self._said(reader, damage, f"raises {error!r}"))
            else:
                right += value == self._right[reader.name]
                if value != self._right[reader.name]:
                    wrong.append(self._said(reader, damage, f"returns {value[:200]}"))
        return Verdict(named, right, tuple(wrong))

    @staticmethod
    def _said(reader: Reader, damage: Damage, does: str) -> str:
        return f"{reader.name} of {damage.collection} {damage.what} {does}"


def _readers_of(stored: Stored, collection: str) -> Sequence[Reader]:
    return [reader for reader in stored.readers if collection in reader.reads]
