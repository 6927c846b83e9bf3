"""Workers that are forked from a process which has imported all they need: the test process's end.

A fork server is made for one state of code: search path, environment, modules. Another state gets another
one. Where a fork would be less than a process of its own, there is none (ADR 26).
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from pynenc_mongo.mongomock_server.process import python_command
from pytest_pynenc_mongo import forking, processes
from pytest_pynenc_mongo.processes import Child
from pytest_pynenc_mongo.specifications import Code, Specification

MODULE = "pytest_pynenc_mongo.worker_main"
_CLOSE_SECONDS = 5.0
# states of code that take turns in a run; each costs the memory of an interpreter
_SERVERS = 3
_LOOK_EVERY_SECONDS = 0.2
_LOST = -signal.SIGKILL  # how a process ended whose fork server did, too: it was killed with it


KEY: "pytest.StashKey[ForkServers]" = pytest.StashKey()


def of(config: pytest.Config, directories: pytest.TempPathFactory) -> "ForkServers":
    """Return the fork servers of a run, which end with it."""
    if KEY not in config.stash:
        servers = config.stash[KEY] = ForkServers(directories.mktemp("pynenc-fork-servers"))
        config.add_cleanup(servers.close)
    return config.stash[KEY]


class ForkServers:
    """The fork servers of this process, one for each state of the code that workers import."""

    def __init__(self, directory: Path) -> None:
        """:param directory: where their logs are written"""
        self._directory = directory
        self._servers: OrderedDict[Code, _ForkServer] = OrderedDict()
        self._retired: list[_ForkServer] = []
        self._lock = threading.Lock()

    def start(self, specification: Specification, path: Path, log: Path, seconds: float) -> Child | None:
        """Fork a worker; return None where it has to be a process of its own.

        :param path: the file that holds `specification`
        :param seconds: how long a fork server may take to import the code
        :raises NotReadyError: if the code cannot be imported; with the tail of the log
        """
        if sys.platform == "darwin" or not hasattr(os, "pidfd_open"):
            return None
        with self._lock:
            server = self._server_for(specification.code, path, seconds)
            child = server.fork(path, log)
            if child is None and server.is_stale:
                self._retire(specification.code)
                child = self._server_for(specification.code, path, seconds).fork(path, log)
            return child

    def close(self) -> None:
        """End them, and wait until they are gone."""
        with self._lock:
            for code in list(self._servers):
                self._retire(code)
            while self._retired:
                self._retired.pop().wait()

    def _server_for(self, code: Code, path: Path, seconds: float) -> "_ForkServer":
        if code not in self._servers:
            number = len(self._servers) + len(self._retired)
            log = self._directory / f"fork-server-{number}.log"
            self._servers[code] = _ForkServer(path, code, log, seconds)
        self._servers.move_to_end(code)
        if len(self._servers) > _SERVERS:
            self._retire(next(iter(self._servers)))
        return self._servers[code]

    def _retire(self, code: Code) -> None:
        server = self._servers.pop(code)
        server.close()
        self._retired.append(server)


class _ForkServer:
    """One fork server; `is_stale` once the code that it has imported has changed."""

    def __init__(self, path: Path, code: Code, log: Path, seconds: float) -> None:
        self.is_stale = False
        self._seconds = seconds
        self._connection, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far_end, ExitStack() as undo:
            undo.callback(self._connection.close)
            command = python_command(MODULE, str(path), str(os.getpid()), forking.FORKS)
            self._child = processes.start_child(command, log, far_end.fileno(), dict(code.environment))
            undo.callback(self._child.kill)
            self._can_fork = self._child.first_line(seconds) == processes.READY
            undo.pop_all()
        if not self._can_fork:
            self.close()

    def fork(self, path: Path, log: Path) -> Child | None:
        """Fork a worker; return None if it cannot."""
        if not self._can_fork or not self._child.is_alive:
            return None
        (lease, our_lease), (our_answers, answers), (our_code, exit_code) = os.pipe(), os.pipe(), os.pipe()
        with log.open("wb") as log_file:
            theirs = forking.Descriptors(lease, answers, log_file.fileno(), exit_code)
            pid = self._ask(path, theirs)
        for descriptor in (lease, answers, exit_code):
            os.close(descriptor)
        if pid is None:
            for descriptor in (our_lease, our_answers, our_code):
                os.close(descriptor)
            return None
        return Child(_ForkedProcess(pid, our_lease, our_answers, our_code), log)

    def _ask(self, path: Path, theirs: forking.Descriptors) -> int | None:
        try:
            socket.send_fds(self._connection, [os.fsencode(path)], list(theirs))
            self._connection.settimeout(self._seconds)
            answer, _, pid = self._connection.recv(forking.MESSAGE_BYTES).decode().partition(" ")
        except OSError:
            answer = ""
        self.is_stale = answer != forking.FORKED  # or gone, which another one mends, too
        return None if self.is_stale else int(pid)

    def close(self) -> None:
        """Have it end once the last of its workers has."""
        self._connection.close()

    def wait(self) -> None:
        self._child.wait_or_kill(_CLOSE_SECONDS)


class _ForkedProcess:
    """A worker that a fork server forked, and whose end it tells; used as a `subprocess.Popen` is."""

    def __init__(self, pid: int, lease: int, answers: int, exit_code: int) -> None:
        self.pid = pid
        self.stdin: IO[bytes] | None = os.fdopen(lease, "wb")
        self.stdout: IO[bytes] | None = os.fdopen(answers, "rb")
        self._returncode: int | None = None
        self._exit_code = exit_code
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        with self._lock:
            if self._returncode is None and processes.is_readable(self._exit_code, 0):
                self._returncode = int(os.read(self._exit_code, 16) or _LOST)
                os.close(self._exit_code)
            return self._returncode

    def wait(self) -> int:
        while (code := self.poll()) is None:
            with contextlib.suppress(OSError, ValueError):  # another thread has read it meanwhile
                processes.is_readable(self._exit_code, _LOOK_EVERY_SECONDS)
        return code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
