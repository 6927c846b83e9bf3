"""What the driver is told: the settings, unless the URL says otherwise."""

from functools import partial
from typing import Any
from unittest import mock

import pytest
from pymongo import MongoClient
from pymongo.errors import ConfigurationError

from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.conf.config_mongo import DEFAULT_LIMITS, ClientLimits
from pynenc_mongo.errors import MongoConfigError, MongoUnreachableError
from pynenc_mongo.storage import client
from tests.storage.helpers import address_of, raised

# the first port, where nothing listens on a machine of ours
NOBODY = "mongodb://127.0.0.1:1"


def raw(opened: Any) -> MongoClient[Any]:
    assert isinstance(opened, MongoClient)
    return opened


def options_for(
    monkeypatch: pytest.MonkeyPatch, url: str, *credentials: str, limits: ClientLimits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """Return the options that the driver would be given."""
    given: dict[str, Any] = {}

    def refuse(_url: str, **options: Any) -> None:
        given.update(options)
        raise ConfigurationError("that is enough")

    monkeypatch.setattr(client, "_Client", refuse)
    address = MongoAddress(url, "shop", "a test", *credentials)
    raised(MongoConfigError, partial(client.client_at, address, limits))
    return given


def test_the_settings_become_options_of_the_driver(embedded_url: str) -> None:
    limits = ClientLimits(connections=7, operation_seconds=1.5, connect_seconds=3.5, attempt_seconds=2.5)
    try:
        options = raw(client.client_at(address_of(embedded_url, "any"), limits)).options
        pool = options.pool_options
        assert (pool.max_pool_size, pool.socket_timeout, pool.connect_timeout) == (7, 1.5, 2.5)
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


def test_no_attempt_takes_longer_than_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_for(monkeypatch, "mongodb://localhost", limits=ClientLimits(connect_seconds=3))
    assert (options["connectTimeoutMS"], options["serverSelectionTimeoutMS"]) == (3000, 3000)


def test_a_timeout_in_the_url_holds_outside_of_operations_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options_for(monkeypatch, "mongodb://localhost/?timeoutms=1234")["socketTimeoutMS"] == "1234"
    assert options_for(monkeypatch, "mongodb://localhost/?timeoutMS=0")["socketTimeoutMS"] == "0"


# reads and writes


def concerns_at(url: str) -> tuple[str, dict[str, Any], str | None]:
    """Return how a client for `url` reads, writes, and which state it reads; nobody is there."""
    quickly = ClientLimits(connect_seconds=0.01)
    opened: list[MongoClient[Any]] = []

    def open_client(*args: Any, **options: Any) -> MongoClient[Any]:
        opened.append(MongoClient(*args, **options))
        return opened[0]

    with mock.patch.object(client, "_Client", open_client):
        raised(MongoUnreachableError, lambda: client.database_at(address_of(url, "shop"), quickly))
    things = opened[0]["shop"]["things"]
    return things.read_preference.name, things.write_concern.document, things.read_concern.level


def test_where_the_url_is_silent_a_majority_confirms_and_the_primary_is_read() -> None:
    assert concerns_at(NOBODY) == ("Primary", {"w": "majority"}, None)


@pytest.mark.parametrize(
    "option",
    [
        "readPreference=secondary",
        "readpreference=secondaryPreferred",
        "readPreference=nearest&maxStalenessSeconds=120",
        "readPreference=secondary&readPreferenceTags=dc:ny,rack:1&readPreferenceTags=",
        "maxStalenessSeconds=120",
        "readPreferenceTags=dc:ny",
    ],
)
def test_the_primary_is_read_whatever_the_url_prefers(option: str) -> None:
    assert concerns_at(f"{NOBODY}/?{option}")[0] == "Primary"


@pytest.mark.parametrize("level", ["majority", "linearizable", "available", "snapshot", "local"])
def test_the_newest_state_is_read_whichever_the_url_asks_for(level: str) -> None:
    assert concerns_at(f"{NOBODY}/?readconcernlevel={level}")[2] == "local"


@pytest.mark.parametrize(
    ("option", "concern"),
    [
        ("w=1", {"w": 1}),
        ("W=2", {"w": 2}),
        ("w=majority", {"w": "majority"}),
        ("w=eu", {"w": "eu"}),
        ("w=", {"w": "majority"}),
        ("journal=true", {"w": "majority", "j": True}),
        ("wtimeoutMS=500", {"w": "majority", "wtimeout": 500}),
    ],
)
def test_who_confirms_a_write_is_what_the_url_says(option: str, concern: dict[str, Any]) -> None:
    assert concerns_at(f"{NOBODY}/?{option}")[1] == concern


@pytest.mark.parametrize("option", ["w=0", "journal=false", "j=false"])
def test_a_client_for_writes_that_nobody_confirms_is_refused(option: str) -> None:
    address = MongoAddress(f"{NOBODY}/?{option}", "shop", "fixture pynenc_mongo_url")
    message = str(raised(MongoConfigError, lambda: client.client_at(address)))
    assert f"asks for {option}: " in message
    assert "(fixture pynenc_mongo_url)" in message


@pytest.mark.parametrize(
    "option",
    [
        "directConnection=true",
        "retryWrites=false",
        "retryReads=false",
        "compressors=zlib",
        "tls=true&tlsAllowInvalidCertificates=true",
        "replicaSet=rs0",
        "loadBalanced=true",
    ],
)
def test_other_options_reach_the_driver(option: str) -> None:
    url = f"{NOBODY}/?{option}"
    with (
        MongoClient[Any](url, connect=False) as plain,
        MongoClient[Any](
            url, connect=False, **client._options(url, address_of(url, "shop"), ClientLimits())
        ) as ours,
    ):
        assert _what_is_common(ours) == _what_is_common(plain)


def _what_is_common(opened: MongoClient[Any]) -> list[object]:
    options = opened.options
    pool = options.pool_options
    return [
        options.direct_connection,
        options.retry_writes,
        options.retry_reads,
        options.replica_set_name,
        options.load_balanced,
        pool._compression_settings and pool._compression_settings.compressors,
        pool._ssl_context and pool._ssl_context.verify_mode,
    ]


# who connects


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
