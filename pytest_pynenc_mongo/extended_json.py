"""BSON documents <-> lines of Extended JSON (canonical); pure.

See https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/. It cannot say every document: a key
of the user's that looks like one of its own, `$date`, would be read as that. What does not come back as the
same bytes is written as the bytes, a binary in place of a document.
"""

from typing import Any, Final

from bson import CodecOptions, decode, encode
from bson.binary import Binary, UuidRepresentation
from bson.codec_options import DatetimeConversion
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps, loads

# nothing becomes what Python likes better: an instant may be outside its years, a UUID in any byte order
_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)
_JSON: Final = CANONICAL_JSON_OPTIONS.with_options(
    uuid_representation=_CODEC.uuid_representation, datetime_conversion=_CODEC.datetime_conversion
)
_LENGTH_BYTES: Final = 4  # a document begins with how long it is


def line_of(document: bytes) -> str:
    """Return the line, without its end, from which `document_in` returns the same bytes."""
    try:
        line = dumps(decode(document, _CODEC), json_options=_JSON)
        comes_back = document_in(line) == document
    except Exception:  # bson raises what it likes on what only others have made
        comes_back = False
    return line if comes_back else dumps(Binary(document), json_options=_JSON)


def document_in(line: str) -> bytes:
    """Return the document that a line holds.

    :raises ValueError: if it holds none
    """
    try:
        value = loads(line, json_options=_JSON)
        document = bytes(value) if isinstance(value, bytes) else encode(value, codec_options=_CODEC)
    except Exception as error:
        raise ValueError(str(error)) from error
    if int.from_bytes(document[:_LENGTH_BYTES], "little") != len(document):
        raise ValueError(f"{len(document)} bytes that are no document")
    return document
