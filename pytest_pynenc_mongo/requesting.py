"""What a test asks pytest's fixtures for: by its own hand, or by fixtures that are not the plugin's."""

from typing import Any

import pytest

# what leads to a client of the server, and so to commands that are not the product's
_TO_A_CLIENT = frozenset(
    {
        "pynenc_mongo_client",
        "pynenc_mongo_database",
        "pynenc_mongo_db",
        "pynenc_mongo_engine",
        "pynenc_mongo_url",
    }
)


def wants(item: pytest.Item, fixture: str) -> bool:
    """Whether a test asks for a fixture, be it through others."""
    return fixture in getattr(item, "fixturenames", ())


def brings_a_server(item: pytest.Item) -> bool:
    """Whether a test has a fixture `pynenc_mongo_url` that is not the plugin's."""
    defined = _definitions(item).get("pynenc_mongo_url", ())
    return bool(defined) and not _is_ours(defined[-1])


def may_send_commands(request: pytest.FixtureRequest) -> bool:
    """Whether the test of a request, or a fixture that is not the plugin's, had a client of the server.

    Not those that ask for an app alone: there only the product sends commands.
    """
    item = request.node
    by_hand = set(getattr(getattr(item, "_fixtureinfo", None), "initialnames", ()))
    for definitions in _definitions(item).values():
        by_hand.update(*(each.argnames for each in definitions if not _is_ours(each)))
    # what getfixturevalue() got; with it all that this asked for, which is more than need be
    by_hand.update({*request.fixturenames} - {*getattr(item, "fixturenames", ())})
    return not by_hand.isdisjoint(_TO_A_CLIENT)


def _definitions(item: pytest.Item) -> dict[str, Any]:
    found: dict[str, Any] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    return found


def _is_ours(definition: Any) -> bool:
    return bool(definition.func.__module__.startswith(f"{__package__}."))
