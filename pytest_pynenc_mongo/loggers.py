"""The loggers of apps on the test database: pytest's own in the test process, in its form elsewhere.

pynenc gives an app's logger a handler of its own, with colours, and keeps its records from all others. In the
test process pytest has handlers for them. Other processes, workers and those of runners, write them to
standard error, as pytest would.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    import pytest
    from pynenc import Pynenc

# travel with the app's `config_values`; pynenc does not read them
_FORMAT, _DATE_FORMAT = "pynenc_mongo_log_format", "pynenc_mongo_log_date_format"
_LEVEL = "pynenc_mongo_log_level"
_DEFAULT_FORMAT = "%(levelname)-8s %(name)s:%(filename)s:%(lineno)d %(message)s"
_CORE_TASKS = "pynenc.core_tasks."

_pytest_s_pid = 0  # of the process whose records pytest handles
_pytest_s: "WeakSet[Pynenc]" = WeakSet()  # the apps that had their loggers there


def settings(config: "pytest.Config") -> dict[str, Any]:
    """Return what has other processes write records as this run of pytest does; and know this process."""
    global _pytest_s_pid  # what a child that is forked must find here
    if _pytest_s_pid != os.getpid():
        _pytest_s_pid = os.getpid()
        os.register_at_fork(after_in_child=_write_in_forked_child)
        # an abandoned thread may have something to say when nobody is left to handle it
        logging.getLogger("pynenc").addHandler(logging.NullHandler())
    return {
        _FORMAT: _option(config, "log_format") or _DEFAULT_FORMAT,
        _DATE_FORMAT: _option(config, "log_date_format"),
        _LEVEL: (_option(config, "log_level") or logging.getLevelName(logging.getLogger().level)).upper(),
    }


def settings_of_worker() -> dict[str, Any]:
    """Return what has a worker write all that its app logs: it has a log of its own."""
    return {_LEVEL: None}


def create(app: "Pynenc") -> logging.Logger:
    """Return the logger of an app on the test database, in whatever process this is."""
    from pynenc.util.log import PynencContextFilter

    values = app.config_values or {}
    logger = logging.getLogger(f"pynenc.{app.app_id}")
    logger.filters = [PynencContextFilter(app.app_id, app.conf), _CoreTasksAreDetails()]
    logger.propagate = os.getpid() == _pytest_s_pid
    logger.handlers = [] if logger.propagate else [_handler(values)]
    level: int | str = app.conf.logging_level.upper()
    if app.conf.field_info("logging_level").source == "default":
        # in the test process pytest's handlers decide, and a test by caplog
        level = logging.NOTSET if logger.propagate else values.get(_LEVEL) or level
    logger.setLevel(level)
    if logger.propagate:
        _pytest_s.add(app)
    return logger


def _handler(values: Mapping[str, Any]) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(values.get(_FORMAT, _DEFAULT_FORMAT), values.get(_DATE_FORMAT)))
    return handler


def _write_in_forked_child() -> None:
    for app in _pytest_s:
        app._logger = None  # create() makes another one
        _ = app.logger


def _option(config: "pytest.Config", name: str) -> str | None:
    """Return one of pytest's logging options, or its ini; None where pytest's logging is off."""
    try:
        text: str | None = config.getoption(name, None) or config.getini(name)
    except ValueError:
        return None
    return text


class _CoreTasksAreDetails(logging.Filter):
    """pynenc's own tasks are no matter of the test's: what is logged of them is for who asks for details."""

    def filter(self, record: logging.LogRecord) -> bool:
        of = str(getattr(record, "task_id", ""))
        if not (of.startswith(_CORE_TASKS) or _CORE_TASKS in record.getMessage()):
            return True
        if record.levelno == logging.INFO:
            record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
        return logging.getLogger(record.name).isEnabledFor(record.levelno)
