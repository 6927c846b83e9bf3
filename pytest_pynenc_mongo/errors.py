"""Errors of the plugin: what was tried, and what to do."""

import re

_DRIVER_S_DETAILS = re.compile(r", Timeout: |, full error: | \(configured timeouts")


class PynencMongoTestError(Exception):
    """Root of the plugin's errors; fixtures show the message without a traceback."""


class EngineError(PynencMongoTestError):
    """No MongoDB for the tests: none answers, or what it needs is not installed."""


class NotReadyError(PynencMongoTestError):
    """A child process ended, or its time was over, before it said that it is ready."""


class AppPathError(PynencMongoTestError):
    """The app that the tests are for cannot be found."""


class MarkerError(PynencMongoTestError):
    """A marker says something that it cannot say."""


class WiringError(PynencMongoTestError):
    """The app cannot be put on the test database."""


class RunnerError(PynencMongoTestError):
    """A runner or a worker did not start, died, or would not stop."""


def in_short(error: Exception) -> str:
    """Return what an error of the driver says, but for the state of all servers and the answer as a whole."""
    return _DRIVER_S_DETAILS.split(str(error), maxsplit=1)[0]
