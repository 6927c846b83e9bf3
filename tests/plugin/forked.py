"""Runs of pytest inside a test that are forked, not started: each has imported pytest and pynenc already.

To itself it is what a new process would be: `fork_server.py`. To others it is not: its command line and the
environment that /proc has are its server's.
"""

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

# what an interpreter reads when it starts, and no more
_READ_AT_START = ("PYTHON", "COVERAGE_", "LD_", "LC_", "LANG")
_ENVIRONMENT = dict(os.environ)  # before a test has changed it


def can_fork() -> bool:
    """Return whether a new interpreter would start as the server has started."""
    return sys.platform != "darwin" and _read_at_start(os.environ) == _read_at_start(_ENVIRONMENT)


def popen(arguments: tuple[str, ...], *, stdout: IO[str], stderr: IO[str], **_: Any) -> "Forked":
    """Fork `python -m pytest` with arguments as pytester would start it."""
    assert arguments[:2] == (sys.executable, "-mpytest")
    return _server().fork(arguments[2:], stdout, stderr)


class Forked:
    """A process that was forked, as `subprocess.Popen` has it."""

    stdin = None  # at its end

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers
        self.pid: int = json.loads(answers.recv(100))
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        self._answers.settimeout(timeout)
        try:
            self.returncode = json.loads(self._answers.recv(100))
        except TimeoutError:
            raise subprocess.TimeoutExpired("pytest", timeout or 0) from None
        except BaseException:  # the outer test's own limit
            self._answers.close()
            raise
        self._answers.close()
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


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
        request = {
            "arguments": arguments,
            "folder": str(Path.cwd()),
            "environment": {**os.environ, "PYTHONPATH": path},
        }
        answers, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            files = [stdout.fileno(), stderr.fileno(), other.fileno()]
            socket.send_fds(self._line, [json.dumps(request).encode()], files)
        return Forked(answers)

    def stop(self) -> None:
        self._line.close()
        self._process.wait()


@functools.cache
def _server() -> _Server:
    return _Server()


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}
