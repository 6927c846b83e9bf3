"""Where MongoDB comes from: each engine starts, answers with its URL, and stops."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo.children import Child, start_child
from pytest_pynenc_mongo.errors import EngineError
from pytest_pynenc_mongo.options import EMBEDDED_URL, SERVED, Options

if TYPE_CHECKING:
    from pynenc_mongo.conf.address import MongoAddress

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Engine:
    """A running MongoDB, or what stands for one; print `masked_url`, `url` may hold a password."""

    name: str
    url: str = field(repr=False)
    masked_url: str
    url_source: str
    version: str
    supports_processes: bool


@contextmanager
def running(options: Options) -> Generator[Engine]:
    """Run the engine that the options ask for.

    :raises EngineError: if it does not start, or no server answers at the URL
    """
    _refuse_twin()
    if options.url == SERVED:
        opened = _served_mock(options)
    elif options.url == EMBEDDED_URL:
        opened = _embedded(options)
    else:
        opened = _given(options)
    with opened as engine:
        yield engine


@contextmanager
def _served_mock(options: Options) -> Generator[Engine]:
    from pynenc_mongo import start_mongomock_server
    from pynenc_mongo.storage import client

    with start_mongomock_server() as server:
        yield _engine("mongomock", server.url, options.url_source)
        client.close_server(server.url)


@contextmanager
def _embedded(options: Options) -> Generator[Engine]:
    directory = tempfile.mkdtemp(prefix="pynenc-mongo-embedded-")
    log = Path(directory) / "server.log"
    module = "pytest_pynenc_mongo.embedded_server"
    command = [sys.executable, "-m", module, directory, str(getpid())]
    child: Child | None = None
    url = ""
    try:
        child = start_child(command, log)
        url = child.first_line(_START_SECONDS)
        yield _engine("embedded", url, options.url_source)
    except subprocess.SubprocessError as error:
        raise EngineError(
            f"{EMBEDDED_URL} ({options.url_source}): SecantusDB did not start. {error}"
        ) from None
    finally:
        from pynenc_mongo.storage import client

        client.close_server(url)
        if child is not None:
            child.kill()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _given(options: Options) -> Generator[Engine]:
    from pynenc_mongo.conf.address import MongoAddress
    from pynenc_mongo.conf.config_mongo import ClientLimits
    from pynenc_mongo.errors import PynencMongoError
    from pynenc_mongo.storage import client

    address = MongoAddress(options.url, "admin", options.url_source)
    if not address.is_mock:
        limits = ClientLimits(connect_seconds=options.timeout_seconds)
        try:
            client.client_at(address, limits)
        except PynencMongoError as error:
            raise EngineError(str(error)) from None
        client.close(address, limits)
    yield _engine("mongomock" if address.is_mock else "server", options.url, options.url_source)


def _engine(name: str, url: str, url_source: str) -> Engine:
    from pynenc_mongo.conf.address import MongoAddress

    address = MongoAddress(url, "admin", url_source)
    version = metadata.version("mongomock") if name == "mongomock" else _version(address)
    return Engine(name, url, address.masked, url_source, version, supports_processes=True)


def _version(address: "MongoAddress") -> str:
    from pynenc_mongo.storage import client

    server: Any = client.client_at(address)
    return str(server.server_info()["version"])


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
