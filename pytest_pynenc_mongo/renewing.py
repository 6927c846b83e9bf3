"""What a test has spoilt of the session's fixtures is made anew for the tests after it.

A client that it closed; and what it could not make, because it may open no socket. pytest would hand out the
closed client, or raise that error, to the end of the session.
"""

from typing import Any, NamedTuple

import pytest

from pytest_pynenc_mongo.sockets import BlockedError

_FIXTURES = frozenset({"pynenc_mongo_engine", "pynenc_mongo_database", "pynenc_mongo_client"})


class _Made(NamedTuple):
    """A session fixture that is made, and what it was made for."""

    fixture: Any
    request: Any


_MADE: pytest.StashKey[dict[str, _Made]] = pytest.StashKey()


def remember(fixture: Any, request: pytest.FixtureRequest) -> None:
    """Note that pytest makes a fixture, if it is one of those."""
    if fixture.argname in _FIXTURES:
        request.config.stash.setdefault(_MADE, {})[fixture.argname] = _Made(fixture, request)


def end_spoilt(config: pytest.Config) -> None:
    """Have those fixtures end that the test before has spoilt, with all that was made of them."""
    for fixture, request in config.stash.get(_MADE, {}).values():
        if fixture.cached_result is not None and _is_spoilt(*fixture.cached_result):
            fixture.finish(request)


def _is_spoilt(value: Any, _key: object, failure: Any) -> bool:
    if failure is not None:
        # pytest 8.0 keeps the error alone, later ones keep its traceback beside it
        return any(
            isinstance(each, BlockedError) for each in (failure if type(failure) is tuple else [failure])
        )
    from pymongo import MongoClient

    from pynenc_mongo.storage import client

    return isinstance(value, MongoClient) and not client.is_open(value)
