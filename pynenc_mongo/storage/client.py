"""One client per process and settings.

pymongo asks for one `MongoClient` a process, kept for its life
(https://pymongo.readthedocs.io/en/stable/faq.html). A forked child must not use its parent's: here it
opens its own on first use, and never sees the inherited one.

Every client reads from the primary, whatever its URL prefers: a secondary lags, and would say of what this
process has just stored that it does not exist. Where the URL is silent, a write counts as done when a
majority has it, so that no election takes it back.
"""

import atexit
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pymongo
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError, ServerSelectionTimeoutError

from pynenc_mongo.conf.address import MongoAddress, check_options, names_user, option_in
from pynenc_mongo.conf.config_mongo import DEFAULT_LIMITS, ClientLimits
from pynenc_mongo.errors import MongoConfigError, MongoUnreachableError

_GOODBYE_SECONDS = 1.0


class _ClientKey(NamedTuple):
    """All that tells one client from another; the database is not part of it."""

    url: str
    credentials: tuple[str, str, str]
    limits: ClientLimits


_clients: dict[_ClientKey, MongoClient[Any]] = {}
_ended: dict[str, str] = {}  # how a server ended, by its URL
_inherited: list[MongoClient[Any]] = []  # kept, so that no finalizer runs on a parent's sockets
_lock = threading.Lock()
_epoch = 0


def epoch() -> int:
    """Return a number that changes when handles of this process become stale: by a close, or by a fork."""
    return _epoch


def database_at(address: MongoAddress, limits: ClientLimits = DEFAULT_LIMITS) -> Database[Any]:
    """Return this process's handle to a database, connecting if need be.

    :raises MongoConfigError: if the driver refuses the URL, or it asks for writes that nobody confirms
    :raises MongoUnreachableError: if no server answers within `limits.connect_seconds`
    """
    return client_at(address, limits)[address.database]


def client_at(address: MongoAddress, limits: ClientLimits = DEFAULT_LIMITS) -> MongoClient[Any]:
    """Return this process's client for a server, connecting if need be.

    :raises MongoConfigError: if the driver refuses the URL, or it asks for writes that nobody confirms
    :raises MongoUnreachableError: if no server answers within `limits.connect_seconds`, or it is known to
        have ended
    """
    key = _key(address, limits)
    with _lock:
        if how := _ended.get(address.url):
            raise MongoUnreachableError(how)
        if key not in _clients:
            _clients[key] = _forgotten_when_closed(key, _connect(address, limits))
        return _clients[key]


def is_open(client: MongoClient[Any]) -> bool:
    """Whether this process still uses a client: nobody has closed it, its user neither."""
    return any(client is each for each in _clients.values())


def close(address: MongoAddress, limits: ClientLimits = DEFAULT_LIMITS) -> None:
    """Close this process's client for a server, if there is one; the next use opens another."""
    wanted = _key(address, limits)
    _close(lambda key: key == wanted)


def close_server(url: str) -> None:
    """Close every client of this process that was opened with `url`, before its server stops."""
    _close(lambda key: key.url == url)


def server_ended(url: str, how: str) -> None:
    """Close this process's clients of a server; every further use fails at once, and says how it ended."""
    _ended.setdefault(url, how)
    close_server(url)


def server_started(url: str) -> None:
    """Forget that there was a server at `url` that ended."""
    _ended.pop(url, None)


def how_it_ended(url: str) -> str:
    """Return how the server at `url` ended, or an empty string where nobody has said that it did."""
    return _ended.get(url, "")


def close_all() -> None:
    """Close every client of this process."""
    _close(lambda _: True)


def _close(is_meant: Callable[[_ClientKey], bool]) -> None:
    global _epoch  # one registry a process is the point
    with _lock:
        clients = [_clients.pop(key) for key in list(_clients) if is_meant(key)]
        _epoch += 1
    # it says goodbye to its server, which may be gone
    with pymongo.timeout(_GOODBYE_SECONDS):
        for client in clients:
            client.close()


def _forgotten_when_closed(key: _ClientKey, client: MongoClient[Any]) -> MongoClient[Any]:
    """Have the next use open another client after somebody closes this one, to whom it was handed out."""
    close = client.close

    def close_and_forget() -> None:
        global _epoch  # one registry a process is the point
        with _lock:
            if _clients.get(key) is client:
                del _clients[key]
                _epoch += 1
        close()

    client.close = close_and_forget  # type: ignore[method-assign]
    return client


class _Client(MongoClient[Any]):
    """pymongo's, but for its repr: before pymongo 4.20 that has the passwords of keys and proxies in it."""

    masked_url = ""

    def __repr__(self) -> str:
        return f"MongoClient({self.masked_url!r})"


def _key(address: MongoAddress, limits: ClientLimits) -> _ClientKey:
    credentials = (address.username, address.password, address.auth_source)
    return _ClientKey(address.url, credentials, limits)


def _connect(address: MongoAddress, limits: ClientLimits) -> MongoClient[Any]:
    """Open a client and wait until a server answers that takes writes."""
    url = _url_on_the_wire(address)
    try:
        check_options(url)
    except ValueError as error:
        raise MongoConfigError(f"{error} ({address.source})") from None
    try:
        client = _Client(url, **_options(url, address, limits))
        client.masked_url = address.masked
    except (InvalidURI, ConfigurationError, ValueError, TypeError, OSError) as error:
        raise MongoConfigError(f"{address.masked} ({address.source}): {error}") from None
    try:
        _ = client.is_primary  # waits for a server; costs no command
    except ServerSelectionTimeoutError as error:
        client.close()
        raise MongoUnreachableError(
            f"no MongoDB answers at {address.masked} ({address.source}): {_remedy(error)}. "
            f"The driver says: {_first_sentence(error)}"
        ) from None
    return client


def _url_on_the_wire(address: MongoAddress) -> str:
    """Return the URL that the driver is given; `mongomock://` is the server that stands for it here.

    :raises MongoUnreachableError: if that does not start
    """
    if not address.is_mock:
        return address.url
    from pynenc_mongo.mongomock_server.process import shared_url

    return shared_url()


def _options(url: str, address: MongoAddress, limits: ClientLimits) -> dict[str, Any]:
    """Return the driver's options; one in the URL wins over the setting of the same meaning."""
    options = {
        "appName": limits.app_name,
        "maxPoolSize": limits.connections,
        "timeoutMS": _milliseconds(limits.operation_seconds),
        # for what the driver does outside of operations, which timeoutMS does not limit: ending its sessions
        "socketTimeoutMS": option_in(url, "timeoutMS") or _milliseconds(limits.operation_seconds),
        "connectTimeoutMS": _milliseconds(min(limits.attempt_seconds, limits.connect_seconds)),
        "serverSelectionTimeoutMS": _milliseconds(limits.connect_seconds),
        "authSource": address.auth_source,
        "w": "majority",
    }
    if not names_user(url):
        options |= {"username": address.username, "password": address.password}
    chosen = {name: value for name, value in options.items() if value and not option_in(url, name)}
    return chosen | _reads(url)


def _reads(url: str) -> dict[str, Any]:
    """Return how every read is done, whatever the URL prefers: the newest state of the primary."""
    level = {"readConcernLevel": "local"} if option_in(url, "readConcernLevel") else {}
    # by an object and not by its name: beside a name the driver would look at the URL's tags and staleness
    return {"read_preference": ReadPreference.PRIMARY, **level}


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _remedy(error: PyMongoError) -> str:
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return "have its URL name the CA that signed its certificate (tlsCAFile)"
    if "reset by peer" in said or "connection closed" in said:
        return "correct the address, or say tls=true where it speaks TLS"
    return "start one there, or correct the address"


def _first_sentence(error: PyMongoError) -> str:
    return str(error).partition(", Timeout:")[0].partition(" (configured timeouts")[0]


def _after_fork_in_child() -> None:
    global _lock, _epoch  # another thread of the parent may have held the lock
    _lock = threading.Lock()
    _epoch += 1
    _inherited.extend(_clients.values())
    _clients.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(close_all)
