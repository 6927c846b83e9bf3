"""Forks a run of pytest for each request: a script, whose processes have imported already what a run imports.

A request has the run's arguments, folder and environment, its standard files, a line for the answers (the
process id and, when it has ended, the exit code), and one for requests of its own: those for xdist's workers,
and for the programs that it starts, mongomock servers and fork servers of workers.
"""

import contextlib
import functools
import gc
import json
import multiprocessing
import os
import pkgutil
import random
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import IO, Any

import pytest
from _pytest import assertion
from _pytest.config import get_config
from execnet import gateway_io
from execnet.gateway_base import Popen2IO

# other plugins than these are switched off in the runs
PLUGINS = ("pytest_pynenc_mongo", "pytest_socket", "pytest_timeout", "time_machine", "xdist")
OURS = ("pynenc_mongo", "pytest_pynenc_mongo")
NOT_OURS = ("pynenc.builder", "pynenc.runner", "pymongo", "xdist.plugin", "pytest_timeout", "pytest_socket")
# what runs in processes of its own
MAINS = ("_main", "mongomock_server.")
# what only the process of a mongomock server imports, found when it was: runs do without
OF_SERVERS: dict[str, ModuleType] = {}
# programs of ours that are forked where a run starts them: not a worker that is an interpreter of its own
MONGOMOCK_SERVER = "'pynenc_mongo.mongomock_server'"
FORKS_WORKERS = "forks"
REQUEST_BYTES = 1 << 20
# what an interpreter reads when it starts, and no more
READ_AT_START = ("PYTHON", "COVERAGE_", "LD_", "LC_", "LANG")


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_START)}


class Forked:
    """A process that was forked, as `subprocess.Popen` has it."""

    stdin: IO[bytes] | None = None  # at its end, or the caller's

    def __init__(self, line: socket.socket, request: dict[str, Any], standard: Sequence[int]) -> None:
        self._answers, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            files = [*standard, other.fileno(), line.fileno()]
            socket.send_fds(line, [json.dumps(request).encode()], files)
        self.pid: int = json.loads(self._answers.recv(100))
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        self._answers.settimeout(timeout)
        try:
            self.returncode = json.loads(self._answers.recv(100))
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired("pytest", timeout or 0) from None
        except BaseException:  # the outer test's own limit
            self._answers.close()
            raise
        self._answers.close()
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class ForkedProgram(Forked):
    """A process of ours that was forked: one thread may wait for its end, while others ask for it."""

    def __init__(self, line: socket.socket, request: dict[str, Any], stdin: int, log: IO[bytes]) -> None:
        answers, its_output = os.pipe()
        its_input, ours = os.pipe() if stdin == subprocess.PIPE else (os.dup(stdin), None)
        super().__init__(line, request, (its_input, its_output, log.fileno()))
        os.close(its_input)
        os.close(its_output)
        self.stdin = None if ours is None else os.fdopen(ours, "wb")
        self.stdout = os.fdopen(answers, "rb")
        self._lock = threading.Lock()

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            return super().wait(timeout) if self.returncode is None else self.returncode

    def poll(self) -> int | None:
        if not self._lock.locked():  # else who waits will know first
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(0)
        return self.returncode

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            super().kill()

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


def main() -> int:
    """Serve until the other side closes; in a process of a request, return its exit code."""
    import_all()
    requests = socket.socket(fileno=int(sys.argv[1]))
    sources = selectors.DefaultSelector()
    sources.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in sources.select():
            if key.fileobj is not requests:
                tell_the_end(sources, key)
                continue
            message, files, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 5, socket.MSG_CMSG_CLOEXEC)
            if not message:
                return 0
            if (pid := os.fork()) == 0:
                sources.close()
                requests.close()
                return process(json.loads(message), files)
            *unused, line, requests_of_its_own = files
            for file in (*unused, requests_of_its_own):
                os.close(file)
            answers = socket.socket(fileno=line)
            answers.send(json.dumps(pid).encode())
            sources.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, answers))


def tell_the_end(sources: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, answers = key.data
    sources.unregister(key.fd)
    os.close(key.fd)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with answers, contextlib.suppress(OSError):  # nobody waits any more
        answers.send(json.dumps(code).encode())


def import_all() -> None:
    """Import what a run imports, in the way it does: pytest rewrites what belongs to plugins."""
    del sys.path[0]  # where this script is
    config = get_config([])
    vars(config).setdefault("inicfg", {})  # the hook of pytest 8.0 looks into it, and no run has filled it
    hook = assertion.install_importhook(config)
    hook.mark_rewrite(*PLUGINS, *OURS)
    for name in NOT_OURS:
        import_module(name)
    import_ours()
    sys.meta_path.remove(hook)
    import_mongomock()
    load_plugins_once()
    gc.freeze()


def import_ours() -> None:
    for package in map(import_module, OURS):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(end in module.name for end in MAINS):
                import_module(module.name)


def load_plugins_once() -> None:
    """Have pynenc load its plugins with the first app of a run, which takes 16 ms, and not with each."""
    app = import_module("pynenc.app")
    vars(app)["load_all_plugins"] = functools.cache(app.load_all_plugins)


def import_mongomock() -> None:
    before = set(sys.modules)
    with warnings.catch_warnings(action="ignore"):
        import_module("pynenc_mongo.mongomock_server.__main__")
        import_module("pynenc_mongo.mongomock_server.server")
    OF_SERVERS.update({name: sys.modules.pop(name) for name in set(sys.modules) - before})


def process(request: dict[str, Any], files: list[int]) -> int:
    """Be the process of a request: a run, a worker of xdist's in one, or a program of ours."""
    *standard, answers, line = files
    os.close(answers)
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    time.tzset()
    random.seed()
    if request["kind"] == "program":
        return program(*request["arguments"])
    sys.path[:0] = [request["folder"], *request["environment"]["PYTHONPATH"].split(os.pathsep)]
    requests = socket.socket(fileno=line)
    fork_gateways(requests)
    fork_programs(requests)
    return gateway() if request["kind"] == "gateway" else run(request["arguments"])


def run(arguments: list[str]) -> int:
    """Be what `python -m pytest` would be."""
    sys.argv = [pytest.__file__.replace("__init__", "__main__"), *arguments]
    return pytest.main()


def gateway() -> int:
    """Be what `python -c` would be, by which execnet starts a worker of xdist's."""
    return command(eval(sys.stdin.readline()))


def fork_gateways(line: socket.socket) -> None:
    """Have execnet's gateways of this process forked, while its variables for Python are as now."""
    started = gateway_io.Popen2IOMaster
    before = read_at_start(os.environ)

    class Gateway(started):  # type: ignore[misc, valid-type]
        def __init__(self, args: list[str], execmodel: Any) -> None:
            if read_at_start(os.environ) != before:
                super().__init__(args, execmodel)
                return
            (its_input, ours), (answers, its_output) = os.pipe(), os.pipe()
            self.popen = Forked(line, request_for("gateway", (), os.environ), (its_input, its_output, 2))
            os.close(its_input)
            os.close(its_output)
            Popen2IO.__init__(self, os.fdopen(ours, "wb"), os.fdopen(answers, "rb"), execmodel)

    gateway_io.Popen2IOMaster = Gateway  # type: ignore[misc]


def fork_programs(line: socket.socket) -> None:
    """Have programs of ours forked that this process starts, while its variables for Python are as now."""
    before = read_at_start(os.environ)

    def popen(given: list[str], *, stdin: int, stderr: IO[bytes], **settings: Any) -> Any:
        environment = settings.get("env", os.environ)
        text, *arguments = given[given.index("-c") + 1 :]
        forks = MONGOMOCK_SERVER in text or FORKS_WORKERS in arguments
        if not forks or read_at_start(environment) != before:
            return subprocess.Popen(given, stdin=stdin, stderr=stderr, **settings)
        return ForkedProgram(line, request_for("program", (text, *arguments), environment), stdin, stderr)

    for name in ("pynenc_mongo.mongomock_server.process", "pytest_pynenc_mongo.processes"):
        vars(import_module(name))["subprocess"] = SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE)


def program(text: str, place: str, _parent: str, *more: str) -> int:
    """Be what `python -P -c` would be, by which pynenc_mongo/mongomock_server/process.py starts it."""
    os.setsid()
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    if MONGOMOCK_SERVER in text:
        sys.modules.update(OF_SERVERS)
    multiprocessing.current_process().authkey = os.urandom(32)
    return command(text, place, str(os.getppid()), *more)


def command(text: str, *arguments: str) -> int:
    """Be what `python -c TEXT` would be."""
    sys.argv = ["-c", *arguments]
    sys.modules["__main__"] = ModuleType("__main__")
    exec(text, sys.modules["__main__"].__dict__)
    return 0


def request_for(kind: str, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": kind,
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": {**environment},
    }


if __name__ == "__main__":
    sys.exit(main())
