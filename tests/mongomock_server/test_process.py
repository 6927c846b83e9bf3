"""The server's process: it ends with its parent and leaves nothing; `mongomock://` finds it everywhere."""

import multiprocessing
import multiprocessing.forkserver
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import pytest
from pymongo import MongoClient
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo.errors import MongoServerError, MongoUnreachableError
from pynenc_mongo.mongomock_server import process
from pynenc_mongo.mongomock_server.process import MongomockServer, shared_url
from pynenc_mongo.storage.client import close_server
from tests.plugin.helpers import wait_until
from tests.storage.helpers import (
    AT_ONCE_SECONDS,
    FORK_OF_THREADS,
    app_on,
    in_processes,
    in_threads,
    new_name,
    raised,
    run_script,
)

pytestmark = pytest.mark.filterwarnings(FORK_OF_THREADS)

# a child that starts a server, says which, and then does as it is told
_PARENT = """
    import os, sys
    from pynenc_mongo.mongomock_server.process import start_mongomock_server
    server = start_mongomock_server()
    exec(sys.argv[1])
    print(server.pid, server.socket_path, flush=True)
    exec(sys.argv[2])
"""


@pytest.fixture
def own_shared_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`mongomock://` of this process as if it had not been used before."""
    monkeypatch.setenv(process.VARIABLE, "")  # not deleted: what shared_url() puts there goes with the test
    monkeypatch.setattr(process, "_shared", None)
    monkeypatch.setattr(multiprocessing.current_process(), "authkey", os.urandom(32))
    # one that an earlier test has started has that one's environment
    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]
    yield
    if process._shared is not None:
        process._shared.close()


def started_by_child(
    then: str, first: str = "pass", **environment: str
) -> tuple["subprocess.Popen[str]", int, Path]:
    parent = subprocess.Popen(
        [sys.executable, "-c", dedent(_PARENT), first, then],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert parent.stdout is not None
    pid, path = parent.stdout.readline().split()
    return parent, int(pid), Path(path)


def is_gone(pid: int, socket_path: Path) -> bool:
    return not psutil.pid_exists(pid) and not socket_path.parent.exists()


@pytest.mark.parametrize(
    ("first", "then", "signals"),
    [
        pytest.param("pass", "pass", (), id="it ends"),
        pytest.param("pass", "sys.exit(1)", (), id="it fails"),
        pytest.param("pass", "os._exit(1)", (), id="it ends without a word"),
        pytest.param("pass", "sys.stdin.read()", (signal.SIGTERM,), id="SIGTERM"),
        pytest.param("pass", "sys.stdin.read()", (signal.SIGKILL,), id="SIGKILL"),
        # it is there before anybody knows whom to kill, and says nothing itself
        pytest.param(
            "os.fork() or sys.stdin.read()",
            "sys.stdin.read()",
            (signal.SIGKILL,),
            id="SIGKILL with a forked child",
        ),
    ],
)
def test_the_server_ends_with_its_parent_and_leaves_nothing(
    first: str, then: str, signals: tuple[signal.Signals, ...]
) -> None:
    parent, pid, socket_path = started_by_child(then, first)
    try:
        assert not signals or not is_gone(pid, socket_path)
        for number in signals:
            parent.send_signal(number)
        # two seconds are promised; a busy machine may take longer to notice
        wait_until(lambda: is_gone(pid, socket_path), 10.0, "the server is gone")
    finally:
        parent.kill()
        parent.communicate()


def test_the_server_leaves_nothing_when_it_is_closed_or_asked_to_end(
    starting: Callable[[], MongomockServer],
) -> None:
    closed, ended = starting(), starting()
    closed.close()
    os.kill(ended.pid, signal.SIGTERM)
    wait_until(lambda: not ended.is_alive, 5.0, "the server ends")
    assert not closed.socket_path.parent.exists()
    assert not ended.socket_path.parent.exists()


def test_only_this_user_reaches_the_socket(mongomock_server: MongomockServer) -> None:
    assert mongomock_server.socket_path.parent.stat().st_mode & 0o777 == 0o700
    assert mongomock_server.socket_path.stat().st_mode & 0o777 == 0o600


def test_a_socket_fits_whatever_tmpdir_says(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    parent, _, socket_path = started_by_child("sys.stdin.read()", TMPDIR=str(deep))
    parent.communicate("")
    assert len(os.fsencode(socket_path)) < 104


def test_a_forked_child_leaves_its_parents_server_alone(mongomock_server: MongomockServer) -> None:
    context = multiprocessing.get_context("fork")
    in_processes(context, 1, mongomock_server.close)
    assert mongomock_server.is_alive
    assert mongomock_server.socket_path.exists()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mongomock.py").write_text("raise ImportError('mongomock is broken')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    error = raised(MongoUnreachableError, process.start_mongomock_server)
    assert "mongomock is broken" in str(error)


def test_a_process_that_cannot_have_a_socket_says_so_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    command = [sys.executable, "-m", "pynenc_mongo.mongomock_server", str(missing), str(os.getpid())]
    done = subprocess.run(
        command, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(rf"no Unix socket can be had at {missing}/s.sock: .*\n", done.stderr)


def test_by_hand_it_prints_its_url_and_how_to_use_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pynenc_mongo.mongomock_server"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(8)]
        (url,) = re.findall(r"^ +(mongodb://\S+)$", "".join(lines), re.MULTILINE)
        with MongoClient[dict[str, Any]](url) as client:
            assert client.server_info()["mongomock"]
        socket_path = Path(unquote(urlsplit(url).netloc))
        assert socket_path.exists()
        server.send_signal(signal.SIGINT)
        rest = server.stdout.read()
    assert (server.returncode, "export PYNENC__MONGO_URL=" in "".join(lines) + rest) == (0, True)
    assert not socket_path.parent.exists()


@pytest.mark.parametrize("is_known", [True, False], ids=["before it stops", "after it has stopped"])
def test_a_command_to_a_server_that_is_stopped_does_not_wait_for_ever(
    starting: Callable[[], MongomockServer], is_known: bool
) -> None:
    server = starting()
    # what was given up is on its way still, and done before or after what comes later
    given_up, later = InvocationId("given up"), InvocationId("later")
    app = app_on(server.url, new_name(), mongo_timeout_seconds=0.5)
    if is_known:
        app.state_backend._set_result(given_up, "stored")
    os.kill(server.pid, signal.SIGSTOP)
    os.waitpid(server.pid, os.WUNTRACED)  # until all its threads stand still
    began = time.monotonic()
    raised(MongoServerError, lambda: app.state_backend._set_result(given_up, "nobody waited"))
    assert time.monotonic() - began < AT_ONCE_SECONDS
    os.kill(server.pid, signal.SIGCONT)
    app.state_backend._set_result(later, "in the end")
    assert app.state_backend._get_result(later) == "in the end"
    close_server(server.url)


def put(number: int) -> None:
    with MongoClient[dict[str, Any]](shared_url()) as client:
        client.shop.things.insert_one({"_id": number})


def found() -> list[int]:
    with MongoClient[dict[str, Any]](shared_url()) as client:
        return sorted(document["_id"] for document in client.shop.things.find())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_find_the_server_of_their_parent(own_shared_server: None, method: str) -> None:
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        in_processes(context, 1, os.getpid)  # the fork server is older than the server
    put(0)
    in_processes(context, 1, put, 1)
    assert found() == [0, 1]


def test_subprocesses_find_the_server_of_their_parent(own_shared_server: None) -> None:
    put(0)
    run_script(
        """
        from pymongo import MongoClient
        from pynenc_mongo.mongomock_server.process import shared_url
        with MongoClient(shared_url()) as client:
            client.shop.things.insert_one({"_id": 1})
        """
    )
    assert found() == [0, 1]


def test_threads_start_one_server(own_shared_server: None) -> None:
    assert len(set(in_threads([shared_url] * 8))) == 1


def test_a_child_that_comes_before_its_parent_is_told_so(own_shared_server: None) -> None:
    context = multiprocessing.get_context("fork")
    (error,) = in_processes(context, 1, shared_url)
    assert "before its parent has used it" in str(error)


def test_two_programs_have_two_servers(own_shared_server: None) -> None:
    script = """
        from pynenc_mongo.mongomock_server.process import shared_url
        print(shared_url())
    """
    environment = {name: value for name, value in os.environ.items() if name != process.VARIABLE}
    assert environment.get(process.VARIABLE) is None
    assert run_script(script) != run_script(script)


def test_a_directory_of_somebody_else_is_not_used(
    own_shared_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = process._shared_directory()
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    try:
        (directory / process.SOCKET_NAME).touch()
        error = raised(MongoUnreachableError, shared_url)
        assert "is not this user's alone" in str(error)
    finally:
        (directory / process.SOCKET_NAME).unlink()
        directory.rmdir()
