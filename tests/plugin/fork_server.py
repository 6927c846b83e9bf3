"""Forks a run of pytest for each request: a script, whose processes have imported already what a run imports.

A request has the run's arguments, folder and environment, the files it prints to, and a line for the answers:
the process id and, when it has ended, the exit code.
"""

import contextlib
import gc
import json
import os
import pkgutil
import random
import selectors
import socket
import sys
import time
from importlib import import_module

import pytest
from _pytest import assertion
from _pytest.config import get_config

# other plugins than these are switched off in the runs
PLUGINS = ("pytest_pynenc_mongo", "pytest_socket", "pytest_timeout", "time_machine", "xdist")
OURS = ("pynenc_mongo", "pytest_pynenc_mongo")
NOT_OURS = ("pynenc.builder", "pynenc.runner", "pymongo", "xdist.plugin", "pytest_timeout", "pytest_socket")
# what runs in processes of its own
MAINS = ("_main", "mongomock_server.")
REQUEST_BYTES = 1 << 20


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
            message, files, _, _ = socket.recv_fds(requests, REQUEST_BYTES, 3)
            if not message:
                return 0
            if (pid := os.fork()) == 0:
                sources.close()
                requests.close()
                return run(json.loads(message), files)
            *printed, line = files
            for file in printed:
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
    hook = assertion.install_importhook(get_config([]))
    hook.mark_rewrite(*PLUGINS, *OURS)
    for name in NOT_OURS:
        import_module(name)
    for package in map(import_module, OURS):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(end in module.name for end in MAINS):
                import_module(module.name)
    sys.meta_path.remove(hook)
    gc.freeze()


def run(request: dict[str, object], files: list[int]) -> int:
    """Be what `python -m pytest` would be."""
    arguments, folder, environment = request["arguments"], request["folder"], request["environment"]
    assert isinstance(arguments, list)
    assert isinstance(folder, str)
    assert isinstance(environment, dict)
    os.close(files[2])
    for file, standard in zip((os.open(os.devnull, os.O_RDONLY), *files[:2]), (0, 1, 2), strict=True):
        os.dup2(file, standard)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    time.tzset()
    random.seed()
    sys.argv = [pytest.__file__.replace("__init__", "__main__"), *arguments]
    sys.path[:0] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]
    return pytest.console_main()


if __name__ == "__main__":
    sys.exit(main())
