"""pynenc_monitor: pynmon on the app of a test, in a process of its own that ends with the test.

Of its own, because pynmon holds its app in its modules, and its server needs a clock that no test stops.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pynenc_mongo.errors import MonitorError, NotReadyError

if TYPE_CHECKING:
    from pynenc import Pynenc

    from pytest_pynenc_mongo.processes import Child

_MODULE = "pytest_pynenc_mongo.monitor_main"
_RUNNING: "pytest.StashKey[Monitor]" = pytest.StashKey()


@dataclass(frozen=True)
class Monitor:
    """pynmon, at `.url`; on this machine alone, and for as long as the test runs."""

    url: str
    app_id: str
    _child: "Child" = field(repr=False, compare=False)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    @property
    def log(self) -> str:
        """All that it wrote so far: what went wrong in its pages."""
        return self._child.log


@contextmanager
def running(app: "Pynenc", directory: Path, seconds: float, config: pytest.Config) -> Generator[Monitor]:
    """Run pynmon on an app that is on the test database.

    :param directory: where its log is written
    :param seconds: how long it may take to start
    :raises MonitorError: if it cannot be run here, or does not start
    """
    from pytest_pynenc_mongo import pynmon

    pynmon.refuse_if_missing()
    child = _started(app, directory, config)
    with ExitStack() as ending:
        ending.callback(child.kill)  # it has nothing to put in order
        monitor = config.stash[_RUNNING] = Monitor(_url_of(child, seconds), app.app_id, child)
        ending.callback(config.stash.__delitem__, _RUNNING)
        yield monitor


def tell(config: pytest.Config) -> None:
    """Say where the monitor of the test is, now that somebody debugs that."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    monitor = config.stash.get(_RUNNING, None)
    if monitor is not None and terminal is not None:
        terminal.write_line(f"pynenc_monitor: {monitor.url} shows app {monitor.app_id!r}")


def _started(app: "Pynenc", directory: Path, config: pytest.Config) -> "Child":
    from pynenc_mongo.mongomock_server.process import python_command
    from pytest_pynenc_mongo import processes, specifications

    path = directory / "monitor.pickle"
    specifications.of(app, config.invocation_params.dir, directory / "children").write(path)
    command = python_command(_MODULE, str(path), str(getpid()))
    return processes.start_child(command, directory / "monitor.log")


def _url_of(child: "Child", seconds: float) -> str:
    """Wait until pynmon serves; return where.

    :raises MonitorError: if it does not start
    """
    try:
        line = child.first_line(seconds)
    except NotReadyError as error:
        raise MonitorError(f"pynenc_monitor did not start: {error}") from None
    if not line.startswith("http"):
        raise MonitorError(f"pynenc_monitor {line}")
    return line
