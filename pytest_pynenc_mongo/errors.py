"""Errors of the plugin: what was tried, and what to do."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymongo.errors import OperationFailure

UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18
_DRIVER_S_DETAILS = re.compile(r", Timeout: |, full error: | \(configured timeouts")


class PynencMongoTestError(Exception):
    """Root of the plugin's errors; fixtures show the message without a traceback."""


class EngineError(PynencMongoTestError):
    """No MongoDB for the tests: none answers, or what it needs is not installed."""


class NotReadyError(PynencMongoTestError):
    """A child process ended, or its time was over, before it said that it is ready."""


class RefusedError(PynencMongoTestError):
    """MongoDB knows the user not, or the user may not do what every run does."""


class AppPathError(PynencMongoTestError):
    """The app that the tests are for cannot be found."""


class MarkerError(PynencMongoTestError):
    """A marker says something that it cannot say."""


class ReportFolderError(PynencMongoTestError):
    """The folder for pages of tests holds what is not ours, or cannot be written."""


class ConfigError(PynencMongoTestError):
    """A config value of the test's own that nothing reads, or that cannot be."""


class WiringError(PynencMongoTestError):
    """The app cannot be put on the test database."""


class KeptError(PynencMongoTestError):
    """A directory does not hold a kept database that this version can open."""


class FailPointError(PynencMongoTestError):
    """A fail point that cannot be, or is not the only one."""


class MonitorError(PynencMongoTestError):
    """pynmon cannot be run, or did not start."""


class RunnerError(PynencMongoTestError):
    """A runner or a worker did not start, died, or would not stop."""


def in_short(error: Exception) -> str:
    """Return what an error of the driver says, but for the state of all servers and the answer as a whole."""
    return _DRIVER_S_DETAILS.split(str(error), maxsplit=1)[0]


def refusal(where: str, error: "OperationFailure") -> str:
    """Return why the server at `where` serves nobody with this URL, and what to do."""
    if error.code == AUTHENTICATION_FAILED:
        remedy = "correct the user, the password or the authSource in its URL"
    elif "requires authentication" in str(error):
        remedy = "name a user and a password in its URL"
    else:
        remedy = "grant the user of its URL what docs/own-server.md lists"
    return f"MongoDB at {where} refuses us: {in_short(error)}; {remedy}"


def missing_right(action: str, database: str, *, named: bool) -> str:
    """Return that the user may not do something to a database, and what to do.

    :param named: whether the user named the database with --pynenc-mongo-db
    """
    on = f" on {database}" if database else ""
    other = "" if named else ", or name one database for all runs with --pynenc-mongo-db"
    return f"this user lacks the right {action}{on}: grant it (docs/own-server.md){other}"
