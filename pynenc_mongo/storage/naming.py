"""App ids as collection prefixes, and keys made of several strings."""

import hashlib
import json
import re
import reprlib

from pynenc_mongo.errors import MongoValueError

# an id that is safe as it stands stays readable in a shell: shop -> shop.state_backend_results
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,47}")
_RESERVED = frozenset({"system"})  # MongoDB keeps `system.` for itself

# `~` never occurs in a plain prefix, and `.` ends every prefix: no id meets another one, whatever it holds
_HASH_MARK = "~"
_SEPARATOR = "."
_SLUG_LENGTH = 24
_DIGEST_BYTES = 16


def collection_prefix(app_id: str) -> str:
    """Return what every collection name of the app begins with, its final `.` included.

    Two different ids have two different prefixes, and none is the beginning of another. At most 59
    bytes of ASCII: MongoDB's namespaces hold 255.
    """
    if _PLAIN.fullmatch(app_id) and app_id not in _RESERVED:
        return app_id + _SEPARATOR
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", app_id)[:_SLUG_LENGTH]
    digest = hashlib.blake2b(app_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
    return f"_{slug}{_HASH_MARK}{digest.hexdigest()}{_SEPARATOR}"


def compound_key(*parts: str) -> str:
    r"""Return one string for several: two different tuples never share one.

    Lone surrogates, which BSON refuses, become `\udXXX`; JSON writes nothing else so, for its own
    backslashes are doubled.

    :raises MongoValueError: naming a part that is no text
    """
    for part in parts:
        if not isinstance(part, str):
            raise MongoValueError(
                f"{reprlib.repr(part)}, of type {type(part).__qualname__}, is in a key: it has to be a text"
            )
    return json.dumps(parts, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
