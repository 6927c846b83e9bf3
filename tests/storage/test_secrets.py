"""Passwords appear in no message and no repr."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynenc_mongo.conf.address import database_in, mask_url
from pynenc_mongo.conf.config_mongo import ClientLimits, ConfigMongo
from pynenc_mongo.errors import PynencMongoError
from pynenc_mongo.storage import client
from tests.storage.helpers import address_of, new_name, raised

SECRET = "hunter2"
QUICKLY = ClientLimits(connect_seconds=0.01)

WELL_FORMED = [
    f"mongodb://ann:{SECRET}@localhost:1/shop",
    f"mongodb://:{SECRET}@localhost:1/shop",
    f"mongodb://ann:%40{SECRET}%2F%3A@localhost:1/shop",
    f"mongodb://ann%40example:{SECRET}@localhost:1/shop",
    f"mongodb://ann:{SECRET}@localhost:1,localhost:2/shop?replicaSet=rs",
    f"mongodb+srv://ann:{SECRET}@cluster.example/shop",
    f"mongodb://localhost:1/shop?tlsCertificateKeyFilePassword={SECRET}",
    f"mongodb://localhost:1/shop?tls=true&tlsCertificateKeyFilePassword={SECRET}&w=1",
    f"mongodb://localhost:1/shop?tls=true;tlsCertificateKeyFilePassword={SECRET}",
    f"mongodb://localhost:1/shop?proxyHost=p&proxyPassword={SECRET}",
    f"mongodb://ann@localhost:1/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}",
    f"mongodb://ann:{SECRET}@%2Ftmp%2Fnowhere%2Fs.sock/shop",
]
# what people write who forgot to encode their password, or the host
MALFORMED = [
    f"mongodb://ann:x@{SECRET}@localhost/shop",
    f"mongodb://ann:x:{SECRET}@localhost/shop",
    f"mongodb://ann:x/{SECRET}@localhost/shop",
    f"mongodb://ann:{SECRET}/x@localhost/shop",
    f"mongodb://ann:{SECRET}?x@localhost/shop",
    f"mongodb://ann:{SECRET}#x@localhost/shop",
    f"mongodb://ann:{SECRET}[x@localhost/shop",
    f"mongodb://ann:{SECRET}℀@localhost/shop",
    f"mongodb://ann:{SECRET}%zz@localhost/shop",
    f"mongodb://ann@example:{SECRET}@localhost/shop",
    f"mongodb://ann:{SECRET}@/shop",
    f"mongodb://ann:{SECRET}@localhost:port/shop",
    f"mongodb://ann:{SECRET}@localhost/sh.op",
    f"mongodb:/ann:{SECRET}@localhost/shop",
    f"http://ann:{SECRET}@localhost/shop",
    f"ann:{SECRET}@localhost/shop",
    f"MONGODB://ann:{SECRET}@localhost:1/shop",
    f"mongomock://ann:{SECRET}@localhost/shop",
    f"mongomock:///shop?tlsCertificateKeyFilePassword={SECRET}",
]


def said_of(url: str, *, connect: bool = True) -> Iterator[str]:
    """Yield every text that stands for `url`: the address's, and the error's when it is used."""
    try:
        address = ConfigMongo({"mongo_url": url}).address()
        yield repr(address)
        yield str(address)
        yield address.masked
        if connect:
            client.client_at(address, QUICKLY)["shop"]["things"].find_one({})
    except PynencMongoError as error:
        yield str(error)
        yield repr(error)
        yield error.to_json()


@pytest.mark.parametrize("url", WELL_FORMED)
def test_the_secret_of_a_url_is_never_said(url: str) -> None:
    texts = list(said_of(url, connect=False))
    assert len(texts) == 3
    assert [text for text in texts if SECRET in text] == []


@pytest.mark.parametrize("url", [WELL_FORMED[0], WELL_FORMED[-1]])
def test_the_secret_of_a_url_where_nobody_answers_is_never_said(url: str) -> None:
    texts = list(said_of(url))
    assert len(texts) == 6
    assert [text for text in texts if SECRET in text] == []


@pytest.mark.parametrize("url", MALFORMED)
def test_the_secret_of_a_malformed_url_is_never_said(url: str) -> None:
    texts = list(said_of(url))
    assert any("mongo_url from config_values" in text for text in texts)
    assert [text for text in texts if SECRET in text] == []


@given(password=st.from_regex(r"[A-Za-z0-9%_.!~*'()$&+,;=-]{12,30}", fullmatch=True))
def test_no_part_of_an_encoded_password_survives_masking(password: str) -> None:
    masked = mask_url(f"mongodb://ann:{password}@localhost:27017/shop?w=1")
    assert masked == "mongodb://ann:***@localhost:27017/shop?w=1"


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://localhost:27017/shop",
        "mongodb://ann@localhost/shop?replicaSet=rs",
        "mongodb://localhost/shop?appName=a:b@c",
        "mongodb://[::1]:27017/shop",
        "mongomock:///shop",
        "mongodb://%2Ftmp%2Fnowhere%2Fs.sock/shop?directConnection=true",
    ],
)
def test_a_url_without_a_secret_is_shown_as_it_is(url: str) -> None:
    assert mask_url(url) == url


def test_a_masked_url_still_says_which_server_user_and_database() -> None:
    masked = mask_url(f"mongodb://ann:{SECRET}@a.example:1,b.example:2/shop?replicaSet=rs&authSource=admin")
    assert masked == "mongodb://ann:***@a.example:1,b.example:2/shop?replicaSet=rs&authSource=admin"
    assert database_in(masked) == "shop"


def test_the_password_setting_is_never_said() -> None:
    conf = ConfigMongo(
        {"mongo_url": "mongodb://localhost:1", "mongo_username": "ann", "mongo_password": SECRET}
    )
    address = conf.address()
    error = raised(PynencMongoError, lambda: client.client_at(address, QUICKLY))
    assert [text for text in (repr(conf), repr(address), str(address), str(error)) if SECRET in text] == []


def test_the_password_of_a_refused_address_is_never_said() -> None:
    conf = ConfigMongo({"mongo_url": f"mongodb://ann:{SECRET}@localhost", "mongo_host": "localhost"})
    assert SECRET not in str(raised(PynencMongoError, conf.address))


def test_a_client_shows_its_url_and_no_password(any_url: str) -> None:
    url = f"{any_url}{'&' if '?' in any_url else '?'}appname=shop"
    opened = client.client_at(address_of(url, new_name()))
    assert repr(opened) == f"MongoClient({mask_url(url)!r})"
    client.close_server(url)


@pytest.mark.parametrize("url", WELL_FORMED)
def test_what_a_client_shows_is_masked(url: str) -> None:
    """By itself it would be, but for pymongo before 4.20, which shows the passwords of keys and proxies."""
    shown = client._Client("mongodb://localhost:1", connect=False)
    shown.masked_url = address_of(url, "shop").masked
    assert repr(shown).startswith("MongoClient('mongodb")
    assert SECRET not in repr(shown)
    shown.close()
