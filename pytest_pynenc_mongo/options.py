"""The options, read once: command line > environment > ini > default."""

import importlib.util
import os
from dataclasses import dataclass

import pytest

URL_OPTION = "--pynenc-mongo-url"
URL_ENVIRONMENT = "PYTEST_PYNENC_MONGO_URL"
URL_INI = "pynenc_mongo_url"
APP_INI = "pynenc_app"

SERVED = "served"  # no URL: a mongomock store of this process, served to others
EMBEDDED_URL = "embedded://"


@dataclass(frozen=True)
class Options:
    """What the user asked for; `url_source` is the option that named the URL, for messages."""

    url: str
    url_source: str
    app_path: str


KEY: pytest.StashKey[Options] = pytest.StashKey()


def add(parser: pytest.Parser) -> None:
    group = parser.getgroup("pynenc-mongo", "Pynenc on MongoDB")
    group.addoption(
        URL_OPTION,
        dest="pynenc_mongo_url",
        metavar="URL",
        default=None,
        help=(
            "MongoDB that the tests use: mongodb://..., mongodb+srv://..., embedded:// (SecantusDB in a "
            "child process), or mongomock:// (in this process only). Default: a mongomock store that every "
            f"process of this machine shares. Environment: {URL_ENVIRONMENT}; ini: {URL_INI}."
        ),
    )
    parser.addini(URL_INI, help=f"as {URL_OPTION}", default=None)
    parser.addini(
        APP_INI,
        help=(
            "the app under test as package.module:attribute; where a test module holds one Pynenc app of its "
            "own, that one is used. Default: a new app for each test."
        ),
        default=None,
    )


def read(config: pytest.Config) -> Options:
    """Read and check the options.

    :raises pytest.UsageError: naming the option, what is wrong with it and the remedy
    """
    url, source = _first_given(config)
    app_path: str = config.getini(APP_INI) or ""
    _check_url(url, source)
    _check_app_path(app_path)
    return Options(url, source, app_path)


def _first_given(config: pytest.Config) -> tuple[str, str]:
    given = (
        (config.getoption("pynenc_mongo_url"), URL_OPTION),
        (os.environ.get(URL_ENVIRONMENT), URL_ENVIRONMENT),
        (config.getini(URL_INI), f"ini {URL_INI}"),
    )
    return next(((url, source) for url, source in given if url), (SERVED, "default"))


def _check_url(url: str, source: str) -> None:
    if url == SERVED:
        return
    if url.startswith(EMBEDDED_URL):
        _check_embedded(url, source)
        return
    from pynenc_mongo.conf.address import check_database_name, database_in

    try:
        if database := database_in(url):
            check_database_name(database)
    except ValueError as error:
        raise pytest.UsageError(f"{source}: {error}") from None


def _check_embedded(url: str, source: str) -> None:
    if url != EMBEDDED_URL:
        raise pytest.UsageError(
            f"{source}: {url!r} names a place, but an embedded server has none: {EMBEDDED_URL}"
        )
    if importlib.util.find_spec("secantus") is None:
        raise pytest.UsageError(
            f"{source}: {EMBEDDED_URL} needs SecantusDB, which is not installed: "
            "pip install 'pytest-pynenc-mongo[embedded]'"
        )


def _check_app_path(app_path: str) -> None:
    module, colon, attribute = app_path.partition(":")
    parts = [*module.split("."), attribute]
    if app_path and not (colon and all(part.isidentifier() for part in parts)):
        raise pytest.UsageError(
            f"ini {APP_INI}: {app_path!r} is not of the form package.module:attribute, "
            "for example shop.app:app"
        )


def check_app(session: pytest.Session) -> None:
    """Import the app that the ini names, if a test wants it: a wrong name ends the run before it begins.

    Not in an xdist worker, which could only crash; there the fixture says the same.

    :raises pytest.UsageError: naming the path, and why it leads to no app
    """
    app_path = session.config.stash[KEY].app_path
    wanted = any("pynenc_app" in getattr(item, "fixturenames", ()) for item in session.items)
    if not (app_path and wanted) or hasattr(session.config, "workerinput"):
        return
    from pytest_pynenc_mongo import apps
    from pytest_pynenc_mongo.errors import AppPathError

    try:
        apps.load(app_path)
    except AppPathError as error:
        raise pytest.UsageError(str(error)) from None
