"""Errors of the plugin: what was tried, and what to do."""


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
