"""A server that speaks TLS, to those alone who have a password: who is not let in is told what to do."""

import re
from collections.abc import Iterator

import pytest

from pytest_pynenc_mongo import engines
from pytest_pynenc_mongo.databases import TestServer
from pytest_pynenc_mongo.errors import PynencMongoTestError
from pytest_pynenc_mongo.options import Options
from tests import secantus_main
from tests.secantus_main import KEY_PASSWORD, PASSWORD, USER


@pytest.fixture(scope="module")
def encrypted_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with secantus_main.running(secantus_main.encrypted, tmp_path_factory.mktemp("encrypted")) as url:
        yield url


def use(url: str) -> None:
    """Do what a run does first."""
    with engines.running(Options(url, "tests", "", timeout_seconds=1)) as engine:
        server = TestServer(engine.url, 1)
        with server.lend("pynenc_test_tls", note=print):
            pass
        assert server.how_it_ended() == ""


def test_who_has_its_authority_and_a_password_is_let_in(encrypted_url: str) -> None:
    use(encrypted_url)
    use(encrypted_url.partition("&tlsCertificateKeyFile")[0])


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (
            "ca.pem",
            "other.pem",
            "have its URL name the CA that signed its certificate (tlsCAFile). The driver says",
        ),
        # by the driver's release
        ("ca.pem", "none.pem", "The tlscafile file is not readable|No such file or directory"),
        ("&tls.*", "", "correct the address, or say tls=true where it speaks TLS"),
        (f":{PASSWORD}", f":x{PASSWORD}", "correct the user, the password or the authSource in its URL"),
        (f"{USER}:{PASSWORD}@", "", "requires authentication; name a user and a password in its URL"),
        (f":{PASSWORD}@", "@", "A password is required"),
        (KEY_PASSWORD, f"x{KEY_PASSWORD}", "Private key doesn't match certificate"),
    ],
    ids=["wrong CA", "no CA", "no TLS", "wrong password", "no user", "no password", "wrong key's password"],
)
def test_who_is_not_is_told_what_to_do(
    encrypted_url: str, pattern: str, replacement: str, message: str
) -> None:
    with pytest.raises(PynencMongoTestError) as refused:
        use(re.sub(pattern, replacement, encrypted_url))
    said = f"{refused.value!s} {refused.value!r}"
    assert any(each in said for each in message.split("|"))
    assert "mongodb://" in said
    assert PASSWORD not in said
    assert KEY_PASSWORD not in said
