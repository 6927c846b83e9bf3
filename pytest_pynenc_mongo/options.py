"""The options, read once: command line > environment > ini > default."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

MONGOMOCK_URL = "mongomock://"
EMBEDDED_URL = "embedded://"
APP_INI = "pynenc_app"
KEEP = ("never", "failed", "always")
WORKER_SCOPES = ("function", "module", "session")
REPORT_ON = ("failed", "always")

_DATABASES_OF_THE_SERVER = ("admin", "config", "local")
_DATABASE_PREFIX_LIMIT_BYTES = 30  # the run and the worker need the rest of MongoDB's 63


@dataclass(frozen=True)
class Options:
    """What the user asked for; `url_source` is the option that named the URL, for messages."""

    url: str = MONGOMOCK_URL
    url_source: str = "default"
    app_path: str = ""
    keep: str = "never"
    keep_dir: str = ""
    db: str = ""
    db_prefix: str = "pynenc_test"
    timeout_seconds: float = 5.0
    sweep: bool = False
    report: str = ""
    report_on: str = "failed"
    runner_timeout_seconds: float = 30.0
    result_timeout_seconds: float = 60.0
    worker_scope: str = "function"


_ABOUT_PYTEST = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")

KEY: pytest.StashKey[Options] = pytest.StashKey()


class _Setting(NamedTuple):
    """One option of ours under its three names; `parse` raises ValueError with what is wrong."""

    name: str
    field: str
    metavar: str
    parse: Callable[[str], Any]
    help: str
    on_command_line: bool = True

    @property
    def option(self) -> str:
        return f"--pynenc-mongo-{self.name}"

    @property
    def variable(self) -> str:
        return f"PYTEST_PYNENC_MONGO_{self.name.replace('-', '_').upper()}"

    @property
    def ini(self) -> str:
        return f"pynenc_mongo_{self.name.replace('-', '_')}"

    @property
    def ini_type(self) -> Any:
        """The type for `addini`: native TOML (pytest 9) has numbers and booleans, an ini file has texts."""
        if pytest.version_tuple < (9, 0) or self.parse not in (_parse_seconds, _parse_flag):
            return None
        kind = float if self.parse == _parse_seconds else bool
        return str | kind if pytest.version_tuple >= (9, 2) else kind.__name__

    @property
    def destination(self) -> str:
        return self.ini


def add(parser: pytest.Parser) -> None:
    group = parser.getgroup("pynenc-mongo", "Pynenc on MongoDB")
    for setting in SETTINGS:
        twins = f"Environment: {setting.variable}; ini: {setting.ini}."
        if setting.on_command_line:
            how = (
                {"action": "store_const", "const": "yes"}
                if not setting.metavar
                else {"metavar": setting.metavar}
            )
            text = f"{setting.help} {twins}"
            group.addoption(setting.option, dest=setting.destination, default=None, help=text, **how)
        parser.addini(setting.ini, help=f"{setting.help} {twins}", type=setting.ini_type, default=None)
    parser.addini(
        APP_INI,
        help=(
            "The app under test as package.module:attribute; a test module that holds one Pynenc app of its "
            "own uses that one. Default: a new app for each test."
        ),
        default=None,
    )


@contextmanager
def unless_about_pytest(config: pytest.Config) -> Generator[None]:
    """Let a run that only tells about pytest, `--help` for example, go on whatever our options say."""
    config.stash[KEY] = Options()
    try:
        yield
    except pytest.UsageError:
        if not any(config.getoption(name, None) for name in _ABOUT_PYTEST):
            raise


def read(config: pytest.Config) -> Options:
    """Read and check the options.

    :raises pytest.UsageError: naming the option, what is wrong with it and the remedy
    """
    app_path = _ini(config, APP_INI) or ""
    _check_app_path(app_path)
    values: dict[str, Any] = {"app_path": app_path}
    for setting in SETTINGS:
        text, source = _first_given(setting, config)
        if text is None:
            continue
        try:
            values[setting.field] = setting.parse(text)
        except ValueError as error:
            raise pytest.UsageError(f"{source}: {error}") from None
        if setting.field == "url":
            values["url_source"] = source
    return Options(**values)


def _first_given(setting: _Setting, config: pytest.Config) -> tuple[str | None, str]:
    given = (
        (config.getoption(setting.destination, None), setting.option),
        (os.environ.get(setting.variable), setting.variable),
        (_ini(config, setting.ini), f"ini {setting.ini}"),
    )
    return next(((text, source) for text, source in given if text), (None, "default"))


def _ini(config: pytest.Config, name: str) -> str | None:
    """Return what an ini says, a number and a boolean of TOML as a text.

    :raises pytest.UsageError: if it says what is no value of its type
    """
    try:
        value = config.getini(name)
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"ini {name}: {error}") from None
    return None if value is None else str(value)


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return text

    return parse


def _parse_database(text: str) -> str:
    from pynenc_mongo.conf.address import check_database_name

    if text in _DATABASES_OF_THE_SERVER:
        raise ValueError(f"{text!r} is MongoDB's own: name a database for tests")
    return check_database_name(text)


def _parse_prefix(text: str) -> str:
    from pynenc_mongo.conf.address import check_database_name

    check_database_name(text)
    if len(text.encode()) > _DATABASE_PREFIX_LIMIT_BYTES:
        raise ValueError(
            f"{text!r} is {len(text.encode())} bytes long: shorten it to {_DATABASE_PREFIX_LIMIT_BYTES}, "
            "the run and the worker are in the database's name too"
        )
    return text


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of seconds") from None
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{text!r} is not a number of seconds: it must be greater than 0")
    return seconds


def _parse_flag(text: str) -> bool:
    flags = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
    if text.lower() not in flags:
        raise ValueError(f"{text!r} is neither yes nor no")
    return flags[text.lower()]


SETTINGS = (
    _Setting(
        "url",
        "url",
        "URL",
        str,  # engines.check() knows what each engine's URL may say
        "MongoDB that the tests use: mongodb://..., mongodb+srv://..., mongomock:// (mongomock in a child "
        "process) or embedded:// (SecantusDB in a child process). Default: mongomock://.",
    ),
    _Setting(
        "keep",
        "keep",
        "|".join(KEEP),
        _one_of(*KEEP),
        "Keep the database as a test left it, and print how to open it: a copy on a server, a directory "
        "where the server ends with the run. Default: never.",
    ),
    _Setting(
        "keep-dir",
        "keep_dir",
        "DIR",
        str,
        "Where databases are kept as directories, those of servers too; begins where pytest was started. "
        "Default: pytest's temporary directory, for servers that end with the run.",
    ),
    _Setting(
        "db",
        "db",
        "NAME",
        _parse_database,
        "One database for all runs, for a user with rights on no other: a run's collections begin with its "
        "own name, and nothing else in it is touched. Default: a database for each run and xdist worker.",
    ),
    _Setting(
        "db-prefix",
        "db_prefix",
        "NAME",
        _parse_prefix,
        "What the databases' names begin with; with --pynenc-mongo-db the collections'. Default: "
        "pynenc_test.",
    ),
    _Setting(
        "timeout", "timeout_seconds", "SECONDS", _parse_seconds, "Seconds to reach the server. Default: 5."
    ),
    _Setting(
        "sweep",
        "sweep",
        "",
        _parse_flag,
        "Drop the databases of runs that have ended, kept ones too, and say which. Without it a run on a "
        "server drops those that dead runs left. Default: no.",
    ),
    _Setting(
        "report",
        "report",
        "DIR",
        str,
        "Write a page of each failed test that used an app, and index.html, into this folder, seen from "
        "where pytest was started; what an earlier run wrote there is removed. Default: none.",
    ),
    _Setting(
        "report-on",
        "report_on",
        "|".join(REPORT_ON),
        _one_of(*REPORT_ON),
        "Which tests have a page: those that failed, or all. Default: failed.",
    ),
    _Setting(
        "runner-timeout",
        "runner_timeout_seconds",
        "SECONDS",
        _parse_seconds,
        "Seconds for a runner or worker to start or stop, and for pynenc_wait. Default: 30.",
        on_command_line=False,
    ),
    _Setting(
        "result-timeout",
        "result_timeout_seconds",
        "SECONDS",
        _parse_seconds,
        "Seconds that a test waits for a result (invocation.result and its like). Default: 60.",
        on_command_line=False,
    ),
    _Setting(
        "worker-scope",
        "worker_scope",
        "|".join(WORKER_SCOPES),
        _one_of(*WORKER_SCOPES),
        "How long the process of pynenc_worker lives; it runs tasks during tests that ask for it. Default: "
        "function.",
        on_command_line=False,
    ),
)


def _check_app_path(app_path: str) -> None:
    module, colon, attribute = app_path.partition(":")
    parts = [*module.split("."), attribute]
    if app_path and not (colon and all(part.isidentifier() for part in parts)):
        raise pytest.UsageError(
            f"ini {APP_INI}: {app_path!r} is not of the form package.module:attribute, "
            "for example shop.app:app"
        )
