"""What a hostile or broken client may send: messages of a real dialogue, spoilt in one of many ways; pure.

A case is known by a seed and its number, and is the same bytes each time.
"""

import random
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from bson import Binary, Code, Int64, MinKey, ObjectId, Regex, Timestamp, encode

OP_REPLY, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2004, 2012, 2013
HEADER = struct.Struct("<iiii")
MESSAGE_LIMIT_BYTES = 48_000_000
DATABASE = "fuzzed"

_LENGTHS = (0, 3, 15, 16, 17, 20, MESSAGE_LIMIT_BYTES, MESSAGE_LIMIT_BYTES + 1, 2**31 - 1, -1, -(2**31))
_OPERATIONS = (0, OP_REPLY, 1000, 2001, 2002, OP_QUERY, 2005, 2006, 2007, 2010, 2011, OP_COMPRESSED, OP_MSG)
_DEPTHS = (100, 200, 1_000, 5_000, 100_000)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**31 - 1, -(2**31), Int64(2**63 - 1), Int64(-(2**63)), 0.5),
    *(float("nan"), float("inf"), "", "\0", "$", "a.b", "$a.$b", "x" * 70_000, "\U0001f370"),
    *([], [[]], [None], {}, {"": {}}, {"$ne": None}, {"$fly": 1}, {"$where": "1"}, {"a": {"$gt": ""}}),
    *(Regex("("), Regex(".*", "imsx"), Binary(b"\xff" * 9, 4), Code("f"), MinKey(), Timestamp(1, 1)),
    *(ObjectId(b"\0" * 12), b"\xff\xfe"),
)

# as drivers and stores send them; a list in a tuple is sent as a sequence of documents of its own
DIALOGUE: Final[tuple[Mapping[str, Any], ...]] = (
    {"hello": 1, "client": {"application": {"name": "pynenc"}, "driver": {"name": "PyMongo"}}},
    {"ping": 1, "lsid": {"id": Binary(b"\1" * 16, 4)}},
    {"buildInfo": 1},
    {"serverStatus": 1},
    {"createIndexes": "t", "indexes": [{"key": {"n": 1}, "name": "n_1", "unique": True, "sparse": True}]},
    {"listIndexes": "t", "cursor": {}},
    {"listCollections": 1, "filter": {"name": {"$regex": "^t"}}, "nameOnly": True},
    {"insert": "t", "ordered": False, "documents": ([{"_id": "a", "n": 1}, {"_id": "b", "n": 2}],)},
    {"insert": "t", "documents": [{"_id": "c", "tags": ["x", "y"], "of": {"n": 3}}]},
    {"update": "t", "updates": ([{"q": {"_id": "a"}, "u": {"$set": {"n": 4}}, "upsert": True}],)},
    {"update": "t", "updates": [{"q": {}, "u": {"$inc": {"m": 1}, "$push": {"tags": "z"}}, "multi": True}]},
    {"find": "t", "filter": {"n": {"$gte": 0}}, "sort": {"_id": 1}, "projection": {"n": 1}, "limit": 5},
    {"find": "t", "filter": {"$or": [{"n": 1}, {"_id": {"$in": ["a", "b"]}}]}, "batchSize": 1, "skip": 0},
    {"getMore": Int64(77), "collection": "t", "batchSize": 2},
    {"killCursors": "t", "cursors": [Int64(77)]},
    {
        "aggregate": "t",
        "pipeline": [{"$match": {}}, {"$group": {"_id": None, "n": {"$sum": 1}}}],
        "cursor": {},
    },
    {"findAndModify": "t", "query": {"_id": "a"}, "update": {"$set": {"of.n": 2}}, "new": True},
    {"findAndModify": "t", "query": {}, "sort": {"_id": -1}, "remove": True},
    {"count": "t", "query": {"n": 1}},
    {"distinct": "t", "key": "tags", "query": {}},
    {"delete": "t", "deletes": ([{"q": {"_id": "c"}, "limit": 1}],)},
    {"explain": {"find": "t", "filter": {"n": 1}}, "verbosity": "queryPlanner"},
    {"dropIndexes": "t", "index": "n_1"},
    {"drop": "t"},
    {"listDatabases": 1},
    {"endSessions": [{"id": Binary(b"\1" * 16, 4)}]},
)

type Dice = random.Random
type Make = Callable[[Dice], bytes]


def framed(body: bytes, number: int, operation: int = OP_MSG) -> bytes:
    return HEADER.pack(HEADER.size + len(body), number, 0, operation) + body


def message(command: Mapping[str, Any], number: int, *, flags: int = 0) -> bytes:
    """Return an OP_MSG; what a command holds in a tuple goes in a section of its own."""
    sequences = {name: value[0] for name, value in command.items() if isinstance(value, tuple)}
    plain = {name: value for name, value in command.items() if name not in sequences}
    body = struct.pack("<I", flags) + _section(encode({**plain, **_database(command)}))
    for name, documents in sequences.items():
        body += _sequence(name.encode(), b"".join(map(encode, documents)))
    return framed(body, number)


def spoken(dice: Dice) -> bytes:
    """Return one message of the dialogue, as it is."""
    return message(dice.choice(DIALOGUE), _number(dice))


def several(dice: Dice) -> bytes:
    return b"".join(spoken(dice) for _ in range(dice.randint(2, 6)))


def garbage(dice: Dice) -> bytes:
    return dice.randbytes(dice.choice((1, 15, 16, 17, 64, 1000)))


def truncated(dice: Dice) -> bytes:
    whole = spoken(dice)
    return whole[: dice.randrange(len(whole))]


def wrong_length(dice: Dice) -> bytes:
    whole = spoken(dice)
    near = len(whole) + dice.randint(-8, 8)
    return struct.pack("<i", dice.choice((*_LENGTHS, near, near))) + whole[4:]


def wrong_inner_length(dice: Dice) -> bytes:
    """Spoil the length of a section, or of whatever is taken for one."""
    whole = bytearray(spoken(dice))
    place = dice.choice((21, dice.randrange(21, len(whole) - 4)))
    whole[place : place + 4] = struct.pack("<i", dice.choice((*_LENGTHS, len(whole) - place - 1)))
    return bytes(whole)


def wrong_operation(dice: Dice) -> bytes:
    operation = dice.choice((*_OPERATIONS, dice.randint(-(2**31), 2**31 - 1)))
    return framed(spoken(dice)[HEADER.size :], _number(dice), operation)


def compressed(dice: Dice) -> bytes:
    inner = spoken(dice)[HEADER.size :]
    size = dice.choice((len(inner), 0, -1, 2**31 - 1))
    kind = dice.choice((0, 1, 2, 3, 255))
    data = dice.choice((inner, zlib.compress(inner), dice.randbytes(20)))
    return framed(struct.pack("<iiB", OP_MSG, size, kind) + data, _number(dice), OP_COMPRESSED)


def old_query(dice: Dice) -> bytes:
    name = dice.choice((b"admin.$cmd", b"fuzzed.$cmd", b"", b"\xff\xfe", b"no dot"))
    document = encode(dice.choice(({"isMaster": 1}, {"$query": {"ping": 1}}, {"$query": 5}, {})))
    body = struct.pack("<i", dice.getrandbits(16)) + name + dice.choice((b"\0", b""))
    return framed(
        body + struct.pack("<ii", 0, dice.choice((-1, 2**31 - 1))) + document, _number(dice), OP_QUERY
    )


def flags(dice: Dice) -> bytes:
    """Checksums that are not there, more to come, exhaust, and bits that nobody knows."""
    return message(
        dice.choice(DIALOGUE),
        _number(dice),
        flags=dice.choice((1, 2, 3, 1 << 16, 4, 1 << dice.randrange(32))),
    )


def sections(dice: Dice) -> bytes:
    """No section, two commands, the same sequence twice, sequences with odd names and ends, unknown kinds."""
    command = _section(encode({"insert": "t", "$db": DATABASE}))
    pieces = (
        command,
        _section(encode({})),
        _sequence(b"documents", encode({"_id": dice.random()})),
        _sequence(b"documents", b""),
        _sequence(dice.choice((b"insert", b"$db", b"", b"\xff", b"a.b", b"lsid")), encode({"n": 1})),
        b"\1" + struct.pack("<i", 12) + b"no-end!!",
        bytes((dice.randrange(2, 256),)) + encode({}),
        b"",
    )
    return framed(struct.pack("<I", 0) + b"".join(dice.choices(pieces, k=dice.randint(0, 5))), _number(dice))


def deep(dice: Dice) -> bytes:
    """A document in a document in a document."""
    depth, kind = dice.choice(_DEPTHS), dice.choice((b"\3", b"\4"))
    size = 5 + 8 * depth
    heads = b"".join(struct.pack("<i", size - 8 * level) + kind + b"a\0" for level in range(depth))
    document = heads + b"\5\0\0\0\0" + b"\0" * depth
    if dice.random() < 0.5:
        return framed(struct.pack("<I", 0) + _section(document), _number(dice))
    insert = _section(encode({"insert": "t", "$db": DATABASE}))
    return framed(struct.pack("<I", 0) + insert + _sequence(b"documents", document), _number(dice))


def no_text(dice: Dice) -> bytes:
    """What must be UTF-8 and is not, in a name or in a value."""
    whole = spoken(dice)
    letters = [place for place, byte in enumerate(whole) if place > HEADER.size and chr(byte).isalpha()]
    place = dice.choice(letters)
    return whole[:place] + dice.choice((b"\xff", b"\xc0", b"\xed")) + whole[place + 1 :]


def odd_values(dice: Dice) -> bytes:
    """A value of the dialogue is another one: of another type, huge, below zero, an operator."""
    command = dict(dice.choice(DIALOGUE))
    name = dice.choice([*command, "$db", "writeConcern", "maxTimeMS", "hint"])
    return message({**command, name: _with_odd_value(dice, command.get(name))}, _number(dice))


def others_cursors(dice: Dice) -> bytes:
    name = dice.choice(("getMore", "killCursors"))
    number = Int64(dice.choice((0, 1, -1, 2**62 | 1, dice.getrandbits(62))))
    collection = dice.choice(("t", "witnessed", "$cmd.aggregate", ""))
    command = {"getMore": number, "collection": collection}
    return message(
        command if name == "getMore" else {name: collection, "cursors": [number] * 3}, _number(dice)
    )


def flipped(dice: Dice) -> bytes:
    whole = bytearray(several(dice))
    for _ in range(dice.randint(1, 8)):
        whole[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
    return bytes(whole)


def spliced(dice: Dice) -> bytes:
    first, second = spoken(dice), spoken(dice)
    return first[: dice.randrange(len(first))] + second[dice.randrange(len(second)) :]


KINDS: Final[Mapping[str, Make]] = {
    make.__name__: make
    for make in (
        *(
            several,
            garbage,
            truncated,
            wrong_length,
            wrong_inner_length,
            wrong_operation,
            compressed,
            old_query,
        ),
        *(flags, sections, deep, no_text, odd_values, others_cursors, flipped, spliced),
    )
}


def case(seed: int, number: int) -> tuple[str, bytes]:
    """Return the kind of a case, each in turn, and the bytes."""
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](random.Random(f"{seed} {number}"))


def _number(dice: Dice) -> int:
    return dice.randint(1, 2**31 - 1)


def _database(command: Mapping[str, Any]) -> dict[str, Any]:
    if "$db" in command:
        return {}
    return {"$db": "admin" if next(iter(command)) in ("hello", "listDatabases", "endSessions") else DATABASE}


def _section(document: bytes) -> bytes:
    return b"\0" + document


def _sequence(name: bytes, documents: bytes) -> bytes:
    content = name + b"\0" + documents
    return b"\1" + struct.pack("<i", 4 + len(content)) + content


def _with_odd_value(dice: Dice, value: Any) -> Any:
    """Return a copy in which one value, however deep, is another one."""
    inner = value[0] if isinstance(value, tuple) else value
    if not inner or not isinstance(inner, dict | list) or dice.random() < 0.1:
        return dice.choice(_VALUES)
    places = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
    copy = dict(inner) if isinstance(inner, dict) else list(inner)
    place = dice.choice(places)
    copy[place] = _with_odd_value(dice, copy[place])
    return copy
