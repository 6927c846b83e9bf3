"""URLs that may hold a password, which no report of pytest's shows."""

from collections.abc import Mapping
from typing import Any


class Url(str):
    """A URL whose `repr` has no password: what assertions, `--showlocals` and junit XML show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _masked(str.__repr__(self))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        # any process reads it, jsonpickle too, and finds a plain text
        return str, (str(self),)


class ConfigValues(dict[str, Any]):
    """An app's config values whose `repr` has no password, in each process that gets the app, too."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        url = values.get("mongo_url")
        super().__init__({**values, "mongo_url": Url(url)} if isinstance(url, str) else values)

    def __reduce__(self) -> tuple[type["ConfigValues"], tuple[dict[str, Any]]]:
        return ConfigValues, (dict(self),)


def compared(operator: str, left: Any, right: Any) -> list[str] | None:
    """Return how pytest tells of a comparison that failed, if a `Url` takes part in it; else None.

    pytest itself shows the difference of two texts letter by letter.
    """
    if not isinstance(left, Url) and not isinstance(right, Url):
        return None
    return [f"{_masked(repr(left))} {operator} {_masked(repr(right))}"]


def _masked(text: str) -> str:
    from pynenc_mongo.conf.address import mask_url

    return mask_url(text)
