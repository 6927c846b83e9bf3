"""Where MongoDB comes from: each engine starts, answers with its URL, and stops.

An engine is a context manager that yields a URL, and an entry of the table below.
"""

import importlib.util
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pytest

from pytest_pynenc_mongo import processes
from pytest_pynenc_mongo.errors import EngineError, NotReadyError, refusal
from pytest_pynenc_mongo.masking import Url
from pytest_pynenc_mongo.options import EMBEDDED_URL, MONGOMOCK_URL, Options

if TYPE_CHECKING:
    from pymongo import MongoClient

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Engine:
    """A running MongoDB, or what stands for one; print `masked_url`, `url` may hold a password.

    `pid` is the process that the run started for it, None for a server that was there before.
    """

    name: str
    url: str = field(repr=False)
    masked_url: str
    url_source: str
    version: str
    ends_with_run: bool  # and its databases with it
    pid: int | None = None


KEY: pytest.StashKey[Engine] = pytest.StashKey()


@contextmanager
def running(options: Options) -> Generator[Engine]:
    """Run the engine that the options ask for; our clients of it are closed before it stops.

    :raises EngineError: if it does not start, or no server answers at the URL
    """
    from pynenc_mongo.storage import client

    _refuse_twin()
    kind = _kind_of(options)
    with kind.opened(options) as (url, process), ExitStack() as undo:
        client.server_started(url)
        # one of a server that is gone waits for it when it closes
        undo.callback(client.close_server, url)
        if process is not None:
            undo.enter_context(_watched(kind, url, process))
        yield _engine(kind, url, options, process)


@contextmanager
def _watched(kind: "_Kind", url: str, process: "_Process") -> Generator[None]:
    """Have every use of an engine fail at once, with how it ended, should it end before this block does."""
    from pynenc_mongo.storage import client

    is_over = threading.Event()

    def watch() -> None:
        code = process.wait()
        if not is_over.is_set():
            how = f"{kind.process_name} (pid {process.pid}) ended with {processes.ending(code)}"
            client.server_ended(url, f"{how}; {processes.tail_of(process.log)}")

    threading.Thread(target=watch, name=f"watch on {kind.process_name}", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


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
def _mongomock(_options: Options) -> Generator["_Started"]:
    from pynenc_mongo import start_mongomock_server

    with start_mongomock_server() as server:
        yield server.url, server


@contextmanager
def _embedded(options: Options) -> Generator["_Started"]:
    from pynenc_mongo.mongomock_server.process import python_command

    directory = tempfile.mkdtemp(prefix="pynenc-mongo-embedded-")
    command = python_command("pytest_pynenc_mongo.secantus_main", directory, str(getpid()))
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, directory, ignore_errors=True)
        child = processes.start_child(command, Path(directory) / "server.log")
        undo.callback(child.kill)
        try:
            url = child.first_line(_START_SECONDS)
        except NotReadyError as error:
            source = options.url_source
            raise EngineError(f"{EMBEDDED_URL} ({source}): SecantusDB did not start. {error}") from None
        yield url, child


@contextmanager
def _server(options: Options) -> Generator["_Started"]:
    from pynenc_mongo.errors import PynencMongoError

    try:
        _client_of(options.url, options)
    except PynencMongoError as error:
        raise EngineError(str(error)) from None
    yield options.url, None


def _client_of(url: str, options: Options) -> "MongoClient[dict[str, Any]]":
    from pynenc_mongo.conf.address import MongoAddress
    from pynenc_mongo.conf.config_mongo import ClientLimits
    from pynenc_mongo.storage import client

    address = MongoAddress(url, "admin", options.url_source)
    return client.client_at(address, ClientLimits(connect_seconds=options.timeout_seconds))


class _Process(Protocol):
    """A process that is an engine."""

    pid: int

    @property
    def log(self) -> str: ...

    def wait(self) -> int: ...


type _Started = tuple[str, _Process | None]  # the URL, and what the run started for it


class _Kind(NamedTuple):
    """One kind of MongoDB: what it is called, and what starts it."""

    name: str
    opened: Callable[[Options], AbstractContextManager[_Started]]
    process_name: str = ""  # for people, where its URL would tell them nothing
    module: str = ""  # what must be installed for it, and the extra that brings that
    extra: str = ""
    ends_with_run: bool = True

    @property
    def words(self) -> str:
        return f"{self.process_name} in a child process" if self.process_name else ""


_STARTED = {
    MONGOMOCK_URL: _Kind("mongomock", _mongomock, "mongomock"),
    EMBEDDED_URL: _Kind("embedded", _embedded, "SecantusDB", "secantus", "embedded"),
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
        _check_scheme(url)
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


def _check_scheme(url: str) -> None:
    from pynenc_mongo.conf.address import SCHEMES, mask_url

    if _scheme_of(url).removesuffix("://") not in SCHEMES:
        known = ", ".join([*(f"{scheme}://" for scheme in SCHEMES), EMBEDDED_URL])
        raise ValueError(
            f"malformed MongoDB URL {mask_url(url)!r}: it must begin with one of {known}; for example "
            "mongodb://localhost:27017"
        )


def _engine(kind: _Kind, url: str, options: Options, process: _Process | None) -> Engine:
    from pymongo.errors import OperationFailure

    from pynenc_mongo.conf.address import mask_url

    masked = mask_url(url)
    try:
        version = str(_client_of(url, options).server_info()["version"])
    except OperationFailure as error:
        raise EngineError(refusal(f"{masked} ({options.url_source})", error)) from None
    pid = process.pid if process else None
    return Engine(kind.name, Url(url), masked, options.url_source, version, kind.ends_with_run, pid)


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
