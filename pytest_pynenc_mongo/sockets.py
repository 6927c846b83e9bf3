"""Tests that may not open sockets, by the plugin pytest-socket: told at once, and what to allow.

Not an outage of the server: tests that may open some are served.
"""

import contextlib
import socket
import warnings
from typing import TYPE_CHECKING

import pytest

from pytest_pynenc_mongo.options import EMBEDDED_URL, MONGOMOCK_URL

if TYPE_CHECKING:
    from collections.abc import Callable

_GUARD = "pytest_socket"  # where the guards are defined that it puts in the place of the socket's own


class BlockedError(pytest.fail.Exception):  # type: ignore[misc, name-defined]
    """A test may not open the socket that leads to its MongoDB."""


def refuse_if_blocked(url: str) -> None:
    """Refuse to wait for a server that this test may not reach.

    :param url: the server's, or of the engine that is to be started
    :raises BlockedError: saying what to allow
    """
    if why := _why_blocked(url):
        raise BlockedError(f"{why.rstrip('.')}: {_remedy(url)}", pytrace=False)


def _why_blocked(url: str) -> str:
    """Return what is said to whoever opens a socket as the driver does, empty if nothing is."""
    if not _is_guarded():
        return ""
    if _is_unix(url):
        return _refusal(lambda: socket.socket(socket.AF_UNIX).close())
    host, port = _first_host(url)
    return _refusal(lambda: _connect(host, port))


def _connect(host: str, port: int) -> None:
    """Have a guard look at a connection, and wait for none."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as line:
        line.setblocking(False)
        line.connect(address)


def _is_guarded() -> bool:
    functions = (socket.socket, socket.getaddrinfo, socket.socket.connect)
    return any(getattr(each, "__module__", None) == _GUARD for each in functions)


def _is_unix(url: str) -> bool:
    """Whether a URL means a Unix socket: mongomock's, or one that it names, its slashes quoted."""
    return url.startswith(MONGOMOCK_URL) or "%2f" in url.lower()


def _refusal(attempt: "Callable[[], None]") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns, too
        # whatever else comes of the attempt is for the driver to say
        with contextlib.suppress(OSError):
            try:
                attempt()
            except RuntimeError as error:
                if type(error).__module__ == _GUARD:
                    return str(error)
    return ""


def _first_host(url: str) -> tuple[str, int]:
    if url == EMBEDDED_URL:
        return "127.0.0.1", 0
    from pynenc_mongo.conf.address import split_url

    pieces = split_url(url.split(",", 1)[0])
    return pieces.hostname or "localhost", pieces.port or 27017


def _remedy(url: str) -> str:
    if _is_unix(url):
        allowed = "its Unix socket with --allow-unix-socket"
    else:
        allowed = f"the server with --allow-hosts={_first_host(url)[0]}"
    return f"allow {allowed}, or all of this test with @pytest.mark.enable_socket"
