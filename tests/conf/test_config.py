"""Where a MongoDB is, and which setting said so."""

from typing import Any

import pytest

from pynenc_mongo.conf.address import DATABASE_NAME_LIMIT_BYTES, check_database_name
from pynenc_mongo.conf.config_mongo import (
    DEFAULT_LIMITS,
    DOCUMENT_PAYLOAD_LIMIT_BYTES,
    ClientLimits,
    ConfigMongo,
)
from pynenc_mongo.conf.config_state_backend import ConfigStateBackendMongo
from pynenc_mongo.errors import MongoConfigError
from tests.storage.helpers import raised

URL = "mongodb://mongo.example:27017"


pytestmark = pytest.mark.usefixtures("no_settings_of_the_machine")


def database_of(**settings: Any) -> str:
    return ConfigMongo(settings).address().database


def refusal_of(**settings: Any) -> str:
    return str(raised(MongoConfigError, lambda: ConfigMongo(settings).address()))


# which database


def test_a_database_in_the_url_is_honoured() -> None:
    assert database_of(mongo_url=f"{URL}/shop") == "shop"


def test_a_database_setting_overrides_the_one_in_the_url() -> None:
    assert database_of(mongo_url=f"{URL}/shop", mongo_db="lab") == "lab"


def test_a_database_setting_that_equals_the_default_overrides_the_one_in_the_url() -> None:
    assert database_of(mongo_url=f"{URL}/shop", mongo_db="pynenc") == "pynenc"


def test_a_database_in_the_environment_overrides_the_one_in_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNENC__MONGO_DB", "lab")
    assert database_of(mongo_url=f"{URL}/shop") == "lab"


@pytest.mark.parametrize(
    "url", [URL, f"{URL}/", f"{URL}/?tls=false", "mongomock://", "mongodb+srv://h.example"]
)
def test_a_url_without_a_database_means_the_default_one(url: str) -> None:
    assert database_of(mongo_url=url) == "pynenc"


def test_without_any_setting_the_database_is_the_default_one() -> None:
    assert database_of() == "pynenc"


def test_an_empty_database_setting_counts_as_not_given() -> None:
    assert database_of(mongo_url=f"{URL}/shop", mongo_db="") == "shop"


@pytest.mark.parametrize(
    ("url", "database"),
    [
        (f"{URL}/sh%C3%B6p", "shöp"),
        (f"{URL}/shop?authSource=admin", "shop"),
        ("mongodb://user:pass@a.example:1,b.example:2/shop", "shop"),
        ("mongodb://[::1]:27017/shop", "shop"),
        ("mongodb://[::1]/shop", "shop"),
        ("mongodb://%2Ftmp%2Fmongodb-27017.sock/shop", "shop"),
        ("mongomock:///shop", "shop"),
    ],
)
def test_the_database_is_found_in_every_form_of_url(url: str, database: str) -> None:
    assert database_of(mongo_url=url) == database


def test_a_srv_url_passes_without_a_dns_query(monkeypatch: pytest.MonkeyPatch) -> None:
    import dns.resolver

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the settings asked the network")

    monkeypatch.setattr(dns.resolver, "resolve", refuse)
    address = ConfigMongo({"mongo_url": "mongodb+srv://user:secret@cluster.example/shop"}).address()
    assert (address.scheme, address.database, address.is_mock) == ("mongodb+srv", "shop", False)


# which server


def test_without_any_setting_the_server_is_on_this_machine() -> None:
    address = ConfigMongo().address()
    assert (address.url, address.source) == ("mongodb://localhost:27017", "mongo_host from default")


def test_host_and_port_make_the_url() -> None:
    address = ConfigMongo({"mongo_host": "mongo.example", "mongo_port": 27018}).address()
    assert address.url == "mongodb://mongo.example:27018"


def test_the_user_and_its_database_are_part_of_the_address() -> None:
    address = ConfigMongo(
        {"mongo_username": "ann", "mongo_password": "secret", "mongo_auth_source": "admin"}
    ).address()
    assert (address.username, address.password, address.auth_source) == ("ann", "secret", "admin")


def test_the_address_names_the_setting_that_said_where(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ConfigMongo({"mongo_url": URL}).address().source == "mongo_url from config_values"
    monkeypatch.setenv("PYNENC__MONGO_URL", URL)
    assert ConfigMongo().address().source == "mongo_url from env var 'PYNENC__MONGO_URL'"


@pytest.mark.parametrize("config", [ConfigMongo, ConfigStateBackendMongo])
@pytest.mark.parametrize("rival", [{"mongo_host": "other.example"}, {"mongo_port": 27018}])
def test_a_url_beside_a_host_or_port_is_refused_naming_both(
    config: type[ConfigMongo], rival: dict[str, Any]
) -> None:
    error = raised(MongoConfigError, lambda: config({"mongo_url": f"{URL}/shop", **rival}).address())
    (name,) = rival
    assert f"mongo_url (mongo_url from config_values) and {name} ({name} from config_values)" in str(error)


def test_a_url_in_the_environment_beside_a_host_in_the_config_is_refused_naming_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYNENC__MONGO_URL", f"{URL}/shop")
    message = refusal_of(mongo_host="other.example")
    assert "mongo_url from env var 'PYNENC__MONGO_URL'" in message
    assert "mongo_host from config_values" in message


def test_a_port_in_the_environment_beside_a_url_in_the_config_is_refused_naming_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYNENC__MONGO_PORT", "27018")
    message = refusal_of(mongo_url=f"{URL}/shop")
    assert "mongo_port from env var 'PYNENC__MONGO_PORT'" in message
    assert "mongo_url from config_values" in message


def test_an_empty_host_and_a_zero_port_are_no_rivals_of_the_url() -> None:
    address = ConfigMongo({"mongo_url": URL, "mongo_host": "", "mongo_port": 0}).address()
    assert address.url == URL


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://mongo.example/shop", "it must begin with one of mongodb://"),
        ("mongo.example:27017/shop", "it must begin with one of mongodb://"),
        ("mongodb:/mongo.example", "it must begin with one of mongodb://"),
        ("mongodb:mongo.example", "it must begin with one of mongodb://"),
        ("://mongo.example", "it must begin with one of mongodb://"),
        ("mongodb://", "it names no host"),
        ("mongodb:///shop", "it names no host"),
        ("mongodb://user:pw@/shop", "it names no host"),
        ("mongodb+srv://", "it names no host"),
        ("mongodb://mongo.example:port/shop", "is not a port number"),
        ("mongodb://mongo.example:/shop", "is not a port number"),
        ("mongodb://mongo.example:0/shop", "is not a port number"),
        ("mongodb://mongo.example:65536/shop", "is not a port number"),
        ("mongodb://mongo.example:-1/shop", "is not a port number"),
        ("mongodb://a.example:1,b.example:x/shop", "is not a port number"),
        ("mongodb://user:p@ss@mongo.example/shop", "must be percent-encoded"),
        ("mongodb://[::1/shop", ""),
        ("mongodb://[nonsense]:27017/shop", ""),
        ("mongodb://mongo.example:²/shop", ""),
    ],
)
def test_a_malformed_url_is_refused_with_its_reason_its_source_and_one_that_works(
    url: str, reason: str
) -> None:
    message = refusal_of(mongo_url=url)
    assert "malformed MongoDB URL" in message
    assert reason in message
    assert "mongo_url from config_values" in message
    assert "mongodb://localhost:27017/pynenc" in message


@pytest.mark.parametrize(
    "url",
    ["mongomock://shop", "mongomock://127.0.0.1:5000/shop", "mongomock://ann:x@/shop", "mongomock:///?w=1"],
)
def test_a_mongomock_url_takes_nothing_but_a_database(url: str) -> None:
    message = refusal_of(mongo_url=url)
    assert "takes nothing but a database; for example mongomock:///pynenc" in message
    assert "mongo_url from config_values" in message


@pytest.mark.parametrize("character", list('/\\. "$*<>:|?\0'))
def test_a_character_that_mongodb_refuses_in_a_database_name_is_refused(character: str) -> None:
    name = f"sh{character}op"
    with pytest.raises(ValueError, match="MongoDB refuses the database name"):
        check_database_name(name)
    assert repr(character) in refusal_of(mongo_url=URL, mongo_db=name)


def test_a_refused_database_name_in_the_url_is_refused_too() -> None:
    assert "MongoDB refuses the database name 'a.b'" in refusal_of(mongo_url=f"{URL}/a.b")
    assert "MongoDB refuses the database name 'a b'" in refusal_of(mongo_url=f"{URL}/a%20b")


@pytest.mark.parametrize("letter", ["a", "ö"])
def test_the_length_limit_of_a_database_name_is_in_bytes(letter: str) -> None:
    longest = letter * (DATABASE_NAME_LIMIT_BYTES // len(letter.encode()))
    assert check_database_name(longest) == longest
    with pytest.raises(ValueError, match="shorten it to 63"):
        check_database_name(longest + letter)


def test_an_empty_database_name_is_refused() -> None:
    with pytest.raises(ValueError, match="the database name is empty"):
        check_database_name("")


# limits


@pytest.mark.parametrize("size", [1, 1024, DOCUMENT_PAYLOAD_LIMIT_BYTES])
def test_a_chunk_threshold_within_the_limits_is_used(size: int) -> None:
    assert ConfigMongo({"chunk_threshold": size}).part_bytes() == size


@pytest.mark.parametrize("size", [0, -1, DOCUMENT_PAYLOAD_LIMIT_BYTES + 1])
def test_a_chunk_threshold_outside_the_limits_is_refused_naming_its_source(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYNENC__CHUNK_THRESHOLD", str(size))
    message = str(raised(MongoConfigError, ConfigMongo().part_bytes))
    assert f"chunk_threshold is {size} bytes" in message
    assert "env var 'PYNENC__CHUNK_THRESHOLD'" in message


def test_the_limits_of_a_client_come_from_the_settings() -> None:
    assert ConfigMongo().limits() == DEFAULT_LIMITS
    limits = ConfigMongo(
        {
            "mongo_pool_max_connections": 7,
            "mongo_timeout_seconds": 1.5,
            "socket_connect_timeout": 3.5,
            "mongo_app_name": "till",
        }
    ).limits()
    assert limits == ClientLimits(
        connections=7, operation_seconds=1.5, connect_seconds=1.5, attempt_seconds=3.5, app_name="till"
    )


def test_a_server_is_looked_for_longer_than_an_election_takes() -> None:
    election_and_catching_up = 12
    assert ConfigMongo().limits().connect_seconds > 2 * election_and_catching_up


def test_the_socket_timeout_of_pynenc_mongo_is_accepted_and_changes_nothing() -> None:
    assert ConfigMongo({"socket_timeout": 0.001}).limits() == DEFAULT_LIMITS


# options of the URL

UNCONFIRMED = [
    "w=0",
    "W=0",
    "w=00",
    "w=%30",
    "w=1&w=0",
    "journal=false",
    "JOURNAL=False",
    "j=false",
    "J=FALSE",
]
CONFIRMED = ["w=1", "w=2", "w=majority", "w=eu", "w=", "journal=true", "j=true", "wtimeoutMS=0", "appName=w0"]


@pytest.mark.parametrize("option", UNCONFIRMED)
@pytest.mark.parametrize(
    "form", ["{url}/?{option}", "{url}/shop?tls=true&{option}", "{url}?{option};tls=true"]
)
def test_a_url_that_asks_for_writes_that_nobody_confirms_is_refused(option: str, form: str) -> None:
    message = refusal_of(mongo_url=form.format(url=URL, option=option))
    name, _, value = option.rpartition("&")[2].lower().partition("=")
    assert f"asks for {name}={value.replace('%30', '0')}: " in message.lower()
    assert "Leave the option out; writes are then confirmed by a majority (w=majority)" in message
    assert "(mongo_url from config_values)" in message


def test_a_sign_that_begins_a_fragment_elsewhere_hides_no_option() -> None:
    assert "asks for w=0" in refusal_of(mongo_url=f"{URL}/?appName=shop#1&w=0")


@pytest.mark.parametrize("option", CONFIRMED)
def test_a_url_that_asks_for_writes_that_somebody_confirms_is_used_as_it_is(option: str) -> None:
    url = f"{URL}/shop?{option}"
    assert ConfigMongo({"mongo_url": url}).address().url == url
