"""Where MongoDB comes from: each engine starts, answers with its URL, and stops.

An engine is a context manager that yields a URL, and an entry of the table below.
"""

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_pynenc_mongo import processes
from pytest_pynenc_mongo.errors import EngineError, NotReadyError
from pytest_pynenc_mongo.options import EMBEDDED_URL, MONGOMOCK_URL, Options

if TYPE_CHECKING:
    from pymongo import MongoClient

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Engine:
    """A running MongoDB, or what stands for one; print `masked_url`, `url` may hold a password."""

    name: str
    url: str = field(repr=False)
    masked_url: str
    url_source: str
    version: str
    ends_with_run: bool  # and its databases with it


KEY: pytest.StashKey[Engine] = pytest.StashKey()


@contextmanager
def running(options: Options) -> Generator[Engine]:
    """Run the engine that the options ask for; our clients of it are closed before it stops.

    :raises EngineError: if it does not start, or no server answers at the URL
    """
    from pynenc_mongo.storage import client

    _refuse_twin()
    kind = _kind_of(options)
    with kind.opened(options) as url:
        try:
            yield _engine(kind, url, options)
        finally:
            # one of a server that is gone waits for it when it closes
            client.close_server(url)


def check(options: Options) -> None:
    """Refuse a URL that cannot lead to an engine; nothing is started, and no server is asked.

    :raises pytest.UsageError: naming the option, what is wrong with its URL and the remedy
    """
    if options == Options():
        return
    try:
        _check(_kind_of(options), options.url)
    except ValueError as error:
        raise pytest.UsageError(f"{options.url_source}: {error}") from None


def described(options: Options) -> str:
    """Return in words, or by its masked URL, which MongoDB the options ask for."""
    from pynenc_mongo.conf.address import mask_url

    return _kind_of(options).words or mask_url(options.url)


@contextmanager
def _mongomock(_options: Options) -> Generator[str]:
    from pynenc_mongo import start_mongomock_server

    with start_mongomock_server() as server:
        yield server.url


@contextmanager
def _embedded(options: Options) -> Generator[str]:
    directory = tempfile.mkdtemp(prefix="pynenc-mongo-embedded-")
    command = [sys.executable, "-m", "pytest_pynenc_mongo.secantus_main", directory, str(getpid())]
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        child = processes.start_child(command, Path(directory) / "server.log")
        undo.callback(child.kill)
        try:
            url = child.first_line(_START_SECONDS)
        except NotReadyError as error:
            source = options.url_source
            raise EngineError(f"{EMBEDDED_URL} ({source}): SecantusDB did not start. {error}") from None
        yield url


@contextmanager
def _server(options: Options) -> Generator[str]:
    from pynenc_mongo.errors import PynencMongoError

    try:
        _client_of(options.url, options)
    except PynencMongoError as error:
        raise EngineError(str(error)) from None
    yield options.url


def _client_of(url: str, options: Options) -> "MongoClient[dict[str, Any]]":
    from pynenc_mongo.conf.address import MongoAddress
    from pynenc_mongo.conf.config_mongo import ClientLimits
    from pynenc_mongo.storage import client

    address = MongoAddress(url, "admin", options.url_source)
    return client.client_at(address, ClientLimits(connect_seconds=options.timeout_seconds))


class _Kind(NamedTuple):
    """One kind of MongoDB: what it is called, and what starts it."""

    name: str
    opened: Callable[[Options], AbstractContextManager[str]]
    words: str = ""  # for people, where its URL would tell them nothing
    module: str = ""  # what must be installed for it, and the extra that brings that
    extra: str = ""
    ends_with_run: bool = True


_STARTED = {
    MONGOMOCK_URL: _Kind("mongomock", _mongomock, "mongomock in a child process"),
    EMBEDDED_URL: _Kind("embedded", _embedded, "SecantusDB in a child process", "secantus", "embedded"),
}
_GIVEN = _Kind("server", _server, ends_with_run=False)


def _kind_of(options: Options) -> _Kind:
    return _STARTED.get(_scheme_of(options.url), _GIVEN)


def _scheme_of(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return scheme + separator


def _check(kind: _Kind, url: str) -> None:
    from pynenc_mongo.conf.address import check_database_name, database_in, mask_url

    if kind is _GIVEN:
        if database := database_in(url):
            check_database_name(database)
        return
    scheme = _scheme_of(url)
    if url != scheme:
        raise ValueError(f"{mask_url(url)!r} names a place, but what {scheme} starts has none: {scheme}")
    if kind.module and importlib.util.find_spec(kind.module) is None:
        raise ValueError(
            f"{scheme} ({kind.words}) needs the module {kind.module!r}, which is not installed: "
            f"pip install 'pytest-pynenc-mongo[{kind.extra}]'"
        )


def _engine(kind: _Kind, url: str, options: Options) -> Engine:
    from pynenc_mongo.conf.address import mask_url

    version = str(_client_of(url, options).server_info()["version"])
    return Engine(kind.name, url, mask_url(url), options.url_source, version, kind.ends_with_run)


def _refuse_twin() -> None:
    """Refuse to run beside the other distribution that brings a package `pynenc_mongo`."""
    try:
        metadata.distribution("pynenc-mongo")
    except metadata.PackageNotFoundError:
        return
    raise EngineError(
        "the distribution pynenc-mongo is installed too, and both bring the package pynenc_mongo: "
        "pip uninstall pynenc-mongo, then pip install --force-reinstall --no-deps pytest-pynenc-mongo"
    )
