"""Bytes of MongoDB's wire protocol <-> command documents; pure.

See https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/. Drivers send OP_MSG; only the first
`hello` of some comes as an OP_QUERY, which is answered by an OP_REPLY.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bson import CodecOptions, decode, encode
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion

from pynenc_mongo.mongomock_server import references
from pynenc_mongo.mongomock_server.replies import DOCUMENT_TOO_LARGE, CommandError

HEADER_BYTES: Final = 16
MESSAGE_LIMIT_BYTES: Final = 48_000_000
DOCUMENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
# what a command, or a statement of one, holds beside a document of the full size
_ROOM_FOR_COMMAND_BYTES: Final = 16 * 1024

_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_CHECKSUM_PRESENT, _MORE_TO_COME, _EXHAUST_ALLOWED = 1 << 0, 1 << 1, 1 << 16
# the first 16 bits: a receiver must refuse those that it does not know
_REQUIRED_FLAGS, _KNOWN_FLAGS = 0xFFFF, _CHECKSUM_PRESENT | _MORE_TO_COME
_CHECKSUM_BYTES = 4
_SMALLEST_BYTES = 5  # an empty document: its length and a zero; a sequence is longer

_header = struct.Struct("<iiii")
_int32 = struct.Struct("<i")
_uint32 = struct.Struct("<I")
_reply_head = struct.Struct("<iqii")  # flags, cursor, starting from, number of documents

# instants that Python's datetime cannot hold stay as they came; UUIDs stay binary
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


class MalformedMessageError(Exception):
    """Bytes that are no message; whoever sent them loses its connection."""


@dataclass(frozen=True)
class Request:
    """A command and how its answer is to be sent."""

    number: int
    command: Mapping[str, Any]
    wants_reply: bool = True
    takes_several: bool = False  # replies, one after the other: an exhaust cursor
    is_query: bool = False  # the OP_QUERY of an old handshake
    refused: CommandError | None = None  # why it is answered without being run


def length_in(header: bytes) -> int:
    """Return how many bytes follow a header.

    :raises MalformedMessageError: if that cannot be
    """
    length: int = _int32.unpack_from(header)[0]
    if not HEADER_BYTES < length <= MESSAGE_LIMIT_BYTES:
        raise MalformedMessageError(f"a message of {length} bytes")
    return length - HEADER_BYTES


def parse(header: bytes, body: bytes) -> Request:
    """Return the request that a message holds.

    :raises MalformedMessageError: if it is none
    """
    _, number, _, operation = _header.unpack(header)
    try:
        if operation == _OP_MSG:
            return _parse_message(number, body)
        if operation == _OP_QUERY:
            return _parse_query(number, body)
    except MalformedMessageError:
        raise
    except Exception as error:  # bson raises what it likes on garbage
        raise MalformedMessageError(str(error)) from error
    raise MalformedMessageError(f"operation {operation}")


def decoded(data: bytes) -> dict[str, Any]:
    """Return a document as it is stored, with documents for references."""
    document: dict[str, Any] = decode(data, codec_options=CODEC)
    return references.as_documents(document) if references.SIGN in data else document


def reply_to(request: Request, document: Mapping[str, Any], *, more_to_come: bool = False) -> bytes:
    """Return the message that answers `request`, and says whether another answer follows."""
    data = encode(document, codec_options=CODEC)
    if request.is_query:
        body = _reply_head.pack(0, 0, 0, 1) + data
        operation = _OP_REPLY
    else:
        flags = _MORE_TO_COME if more_to_come else 0
        body = _uint32.pack(flags) + b"\0" + data  # a section of kind 0
        operation = _OP_MSG
    return _header.pack(HEADER_BYTES + len(body), 0, request.number, operation) + body


def _parse_message(number: int, body: bytes) -> Request:
    flags: int = _uint32.unpack_from(body)[0]
    if flags & _REQUIRED_FLAGS & ~_KNOWN_FLAGS:
        raise MalformedMessageError(f"flags {flags:#x}")
    end = len(body) - (_CHECKSUM_BYTES if flags & _CHECKSUM_PRESENT else 0)
    command: dict[str, Any] = {}
    sequences: dict[str, list[dict[str, Any]]] = {}
    largest, place = 0, 4
    while place < end:
        kind, place = body[place], place + 1
        size = _size_at(body, place, end)
        if kind == 0:
            command = decode(body[place : place + size], codec_options=CODEC)
            largest = max(largest, size)
        elif kind == 1:
            name, documents, longest = _parse_sequence(body, place + 4, place + size)
            sequences[name] = documents
            largest = max(largest, longest)
        else:
            raise MalformedMessageError(f"a section of kind {kind}")
        place += size
    if not command:
        raise MalformedMessageError("a message without a command")
    command.update(sequences)
    if references.SIGN in body:
        command = references.in_command(command)
    refused = None if largest <= DOCUMENT_LIMIT_BYTES + _ROOM_FOR_COMMAND_BYTES else _too_large(largest)
    return Request(
        number,
        command,
        wants_reply=not flags & _MORE_TO_COME,
        takes_several=bool(flags & _EXHAUST_ALLOWED),
        refused=refused,
    )


def _parse_sequence(body: bytes, place: int, end: int) -> tuple[str, list[dict[str, Any]], int]:
    """Return the name of a sequence of documents, the documents and the size of the largest one."""
    stop = body.index(b"\0", place, end)
    name, place = body[place:stop].decode(), stop + 1
    documents, longest = [], 0
    while place < end:
        size = _size_at(body, place, end)
        documents.append(decode(body[place : place + size], codec_options=CODEC))
        longest = max(longest, size)
        place += size
    return name, documents, longest


def _parse_query(number: int, body: bytes) -> Request:
    namespace_end = body.index(b"\0", 4)
    database = body[4:namespace_end].decode().partition(".")[0]
    place = namespace_end + 1 + 8  # two numbers: how many to skip, how many to return
    size = _size_at(body, place, len(body))
    command = decode(body[place : place + size], codec_options=CODEC)
    # a driver may wrap its command to say where it may be read
    command = command.get("$query", command)
    return Request(number, {**command, "$db": database}, is_query=True)


def _size_at(body: bytes, place: int, end: int) -> int:
    size: int = _int32.unpack_from(body, place)[0]
    if not _SMALLEST_BYTES <= size <= end - place:
        raise MalformedMessageError(f"a length of {size} bytes where {end - place} are left")
    return size


def _too_large(size: int) -> CommandError:
    return CommandError(
        DOCUMENT_TOO_LARGE,
        f"BSONObj size: {size} is invalid. Size must be between 0 and {DOCUMENT_LIMIT_BYTES} (16MB)",
    )
