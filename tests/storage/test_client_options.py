"""What the driver is told: the settings, unless the URL says otherwise."""

from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import ConfigurationError

from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.conf.config_mongo import ClientLimits
from pynenc_mongo.errors import MongoConfigError
from pynenc_mongo.storage import client
from tests.storage.helpers import address_of, raised


def raw(opened: Any) -> MongoClient[Any]:
    assert isinstance(opened, MongoClient)
    return opened


def options_for(monkeypatch: pytest.MonkeyPatch, url: str, *credentials: str) -> dict[str, Any]:
    """Return the options that the driver would be given."""
    given: dict[str, Any] = {}

    def refuse(_url: str, **options: Any) -> None:
        given.update(options)
        raise ConfigurationError("that is enough")

    monkeypatch.setattr(client, "MongoClient", refuse)
    address = MongoAddress(url, "shop", "a test", *credentials)
    raised(MongoConfigError, partial(client.client_at, address))
    return given


def test_the_settings_become_options_of_the_driver(embedded_url: str) -> None:
    limits = ClientLimits(connections=7, operation_seconds=1.5, socket_seconds=2.5, connect_seconds=3.5)
    try:
        options = raw(client.client_at(address_of(embedded_url, "any"), limits)).options
        pool = options.pool_options
        assert (pool.max_pool_size, pool.socket_timeout, pool.connect_timeout) == (7, 2.5, 3.5)
        assert (options.timeout, options.server_selection_timeout) == (1.5, 3.5)
    finally:
        client.close_server(embedded_url)


def test_an_option_in_the_url_wins_over_the_setting(embedded_url: str) -> None:
    base = embedded_url.partition("?")[0]
    url = f"{base}?maxpoolsize=3&timeoutMS=1234&socketTimeoutMS=2345&connectTimeoutMS=3456"
    try:
        options = raw(client.client_at(address_of(url, "any"))).options
        pool = options.pool_options
        assert (pool.max_pool_size, pool.socket_timeout, pool.connect_timeout) == (3, 2.345, 3.456)
        assert options.timeout == 1.234
    finally:
        client.close_server(url)


def test_a_user_in_the_settings_is_used_where_the_url_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_for(monkeypatch, "mongodb://localhost", "ann", "secret", "admin")
    given = [options.get(name) for name in ("username", "password", "authSource")]
    assert given == ["ann", "secret", "admin"]


def test_without_a_user_the_driver_is_told_of_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"username", "password", "authSource"} & set(options_for(monkeypatch, "mongodb://localhost"))


def test_the_user_in_the_url_wins_over_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_for(monkeypatch, "mongodb://bob:other@localhost", "ann", "secret")
    assert not {"username", "password"} & set(options)


def test_the_auth_source_in_the_url_wins_over_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_for(monkeypatch, "mongodb://localhost/?authSource=there", "ann", "secret", "here")
    assert "authSource" not in options
