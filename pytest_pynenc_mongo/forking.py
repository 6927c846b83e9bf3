"""The fork server's own end: it has imported what workers run, and forks one for each request.

It has no thread, no client and no lease but its parent's: it ends with its parent. What it says about its
children, how each one ended, is worth waiting for; so it ends after them.
"""

import contextlib
import gc
import multiprocessing
import os
import selectors
import signal
import socket
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pytest_pynenc_mongo import module_files, specifications
from pytest_pynenc_mongo.specifications import Specification

FORKS = "forks"  # the argument that makes a worker's program one
# what it answers
FORKED, STALE, UNSAFE = "forked", "stale", "unsafe"
MESSAGE_BYTES = 8192
_LOOK_EVERY_SECONDS = 0.2


class Descriptors(NamedTuple):
    """What comes with a request, in this order."""

    lease: int  # as long as nobody writes to it and it does not end, the parent lives
    answers: int  # for the line that says that the worker runs
    log: int
    exit_code: int


class Fork(NamedTuple):
    """What a forked child finds: its specification, and its descriptors."""

    specification: Specification
    server_pid: int
    lease: int
    answers: int


@dataclass
class _Server:
    parent_pid: int
    connection: socket.socket
    footprint: module_files.Footprint
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    children: dict[int, tuple[int, int]] = field(default_factory=dict)  # pidfd -> pid, its exit code's pipe


def why_not_to_fork(own_connection: int) -> str:
    """Return why a fork of this process would be less than a process of its own, or an empty string."""
    if (threads := max(threading.active_count(), sum(1 for _ in Path("/proc/self/task").iterdir()))) > 1:
        return f"{threads - 1} threads run once the app is imported"
    descriptors = set(Path("/proc/self/fd").iterdir()) - {Path(f"/proc/self/fd/{own_connection}")}
    if any(descriptor.is_socket() for descriptor in descriptors):
        return "a connection is open once the app is imported"
    return ""


def serve(connection: socket.socket, parent_pid: int) -> Fork | None:
    """Fork a child for each request; return what it is for in the child, and None in the server's end."""
    server = _Server(parent_pid, connection, module_files.footprint())
    server.selector.register(connection, selectors.EVENT_READ)
    gc.collect()
    gc.freeze()  # no page is copied because a child counts what it never touches
    is_open = True
    while is_open or server.children:
        for key, _ in server.selector.select(_LOOK_EVERY_SECONDS):
            if key.fileobj is not connection:
                _tell_end(server, key.fd)
                continue
            message, received, _, _ = socket.recv_fds(
                connection, MESSAGE_BYTES, len(Descriptors._fields), socket.MSG_CMSG_CLOEXEC
            )
            if not message:
                is_open = False
                server.selector.unregister(connection)
            elif fork := _answer(server, Path(os.fsdecode(message)), Descriptors(*received)):
                return fork
        if os.getppid() != parent_pid:
            _end_children(server)
            return None
    return None


def _answer(server: _Server, path: Path, descriptors: Descriptors) -> Fork | None:
    specification = specifications.read(path)
    if module_files.footprint() != server.footprint or module_files.differing(specification.module_files):
        server.connection.send(STALE.encode())
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    sys.stdout.flush()
    sys.stderr.flush()
    server_pid = os.getpid()
    leads, is_leader = os.pipe()
    if (pid := os.fork()) == 0:
        os.setsid()
        os.close(is_leader)
        os.close(leads)
        _leave(server)
        _be_a_process_of_its_own(descriptors)
        return Fork(specification, server_pid, descriptors.lease, descriptors.answers)
    os.close(is_leader)
    os.read(leads, 1)  # ends when it leads its group, and may be killed with it
    os.close(leads)
    for descriptor in descriptors[:3]:
        os.close(descriptor)
    pidfd = os.pidfd_open(pid)
    server.children[pidfd] = (pid, descriptors.exit_code)
    server.selector.register(pidfd, selectors.EVENT_READ)
    server.connection.send(f"{FORKED} {pid}".encode())
    return None


def _tell_end(server: _Server, pidfd: int) -> None:
    pid, pipe = server.children.pop(pidfd)
    server.selector.unregister(pidfd)
    os.close(pidfd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # nobody asks any more
        os.write(pipe, str(code).encode())
    os.close(pipe)


def _end_children(server: _Server) -> None:
    """End those that cannot see that the run is gone, for they are paused; the others do so by themselves."""
    for pid, _ in server.children.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _leave(server: _Server) -> None:
    """Hold nothing of the server's: its connection, and the pipes of its other children."""
    server.connection.close()
    server.selector.close()
    for pidfd, (_, pipe) in server.children.items():
        os.close(pidfd)
        os.close(pipe)


def _be_a_process_of_its_own(descriptors: Descriptors) -> None:
    said_at_import = Path("/proc/self/fd/2").read_bytes()
    os.dup2(descriptors.log, 1)
    os.dup2(descriptors.log, 2)
    os.write(2, said_at_import)
    os.close(descriptors.log)
    os.close(descriptors.exit_code)
    # children of two workers are no kin
    multiprocessing.current_process().authkey = os.urandom(32)
