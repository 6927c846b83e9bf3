"""Runs of pytest inside a test that are forked, not started: each has imported pytest and pynenc already.

To itself it is what a new process would be: `fork_server.py`. To others it is not: its command line and the
environment that /proc has are its server's.
"""

import atexit
import functools
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from tests.plugin.fork_server import Forked, read_at_start, request_for

_ENVIRONMENT = dict(os.environ)  # before a test has changed it


def can_fork() -> bool:
    """Return whether a new interpreter would start as the server has started."""
    return sys.platform != "darwin" and read_at_start(os.environ) == read_at_start(_ENVIRONMENT)


def popen(arguments: tuple[str, ...], *, stdout: IO[str], stderr: IO[str], **_: Any) -> Forked:
    """Fork `python -m pytest` with arguments as pytester would start it."""
    assert arguments[:2] == (sys.executable, "-mpytest")
    return _server().fork(arguments[2:], stdout, stderr)


class _Server:
    def __init__(self) -> None:
        self._line, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(other.fileno())]
        self._process = subprocess.Popen(
            command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL, env=_ENVIRONMENT
        )
        other.close()
        atexit.register(self.stop)

    def fork(self, arguments: tuple[str, ...], stdout: IO[str], stderr: IO[str]) -> Forked:
        path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]))
        request = request_for("run", arguments, {**os.environ, "PYTHONPATH": path})
        with Path(os.devnull).open() as nothing:
            return Forked(self._line, request, [file.fileno() for file in (nothing, stdout, stderr)])

    def stop(self) -> None:
        with self._line:
            self._line.shutdown(socket.SHUT_RDWR)  # processes of runs hold it, too
        self._process.wait()


@functools.cache
def _server() -> _Server:
    return _Server()
