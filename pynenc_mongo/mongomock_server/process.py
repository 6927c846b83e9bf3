"""A mongomock server in a child process that ends with its parent, and its URL.

Nothing here imports mongomock, which is the child's to do, nor, at once, pynenc: the child has no use for it.
"""

import atexit
import contextlib
import hashlib
import os
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable
from multiprocessing import current_process, parent_process
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

SOCKET_NAME: Final = "s.sock"
# tells subprocesses of a process which server `mongomock://` means
VARIABLE: Final = "PYNENC_MONGOMOCK_URL"

_PREFIX = "pynenc-mongomock-"
_START_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.2
# macOS takes the least, and counts the byte that ends the path
_PATH_LIMIT_BYTES = 103
_SHORT_DIRECTORY = "/tmp"  # noqa: S108 - the directory that is made in it is this user's alone
# a socket that nobody listens on stays so; a driver would look for half a minute. Not less than half a
# second: pymongo looks no more often, also for a server that has dropped a connection and lives
_SELECTION_MILLISECONDS = 900


class MongomockServer:
    """A running server: `.url` works in every process of this user, process `.pid` owns the data."""

    def __init__(self, directory: Path) -> None:
        """Start a server whose socket is in `directory`.

        :raises MongoUnreachableError: if it does not start, with what it said
        """
        self._directory = directory
        self._owner_pid = os.getpid()
        self.url = url_of(directory)
        self._process = _start(directory)
        self.pid = self._process.pid
        atexit.register(self.close)

    @property
    def socket_path(self) -> Path:
        return self._directory / SOCKET_NAME

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote to standard error so far."""
        try:
            return _log_in(self._directory).read_text(errors="replace")
        except OSError:
            return ""  # it took its directory with it when it ended

    def wait(self) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        return self._process.wait()

    def kill(self) -> None:
        """End the server as a crash would: at once, its socket left behind until `.close()`."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the server; close clients of it before. A forked child leaves its parent's server alone."""
        if os.getpid() != self._owner_pid:
            return
        atexit.unregister(self.close)
        _end(self._process)  # its data is worth nothing without it
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MongomockServer(pid={self.pid}, {'alive' if self.is_alive else 'ended'})"


def start_mongomock_server() -> MongomockServer:
    """Start a mongomock server with an empty store of its own; it ends with this process, or by `.close()`.

    :raises MongoUnreachableError: if it does not start, or this machine has no Unix sockets
    """
    return MongomockServer(Path(tempfile.mkdtemp(prefix=_PREFIX, dir=short_directory())))


def shared_url() -> str:
    """Return the URL that `mongomock://` means in this process and all its children.

    The first use starts the server, and it ends with the process that did. Subprocesses learn of it by
    the environment; children of `multiprocessing`, whose fork server may be older than the server, by the
    authkey that they share with their parent.

    :raises MongoStoreNotSharedError: in a child of `multiprocessing` whose parent has not used it before
    :raises MongoUnreachableError: if the server does not start
    """
    global _shared  # one server a process is the point
    if url := os.environ.get(VARIABLE):
        return url
    with _lock:
        directory = _shared_directory()
        if not (directory / SOCKET_NAME).exists():
            _refuse_late_child()
            _make(directory)
            _shared = MongomockServer(directory)
        _refuse_foreign(directory)
        os.environ[VARIABLE] = url_of(directory)
    return url_of(directory)


def url_of(directory: Path) -> str:
    """Return the URL of a server whose socket is in `directory`."""
    socket_path = quote(str(directory / SOCKET_NAME), safe="")
    return (
        f"mongodb://{socket_path}/?directConnection=true&serverSelectionTimeoutMS={_SELECTION_MILLISECONDS}"
    )


def short_directory() -> str:
    """Return the directory for temporary files, or another one if a socket's path would be too long there."""
    longest = f"{tempfile.gettempdir()}/{_PREFIX}{'x' * 16}/{SOCKET_NAME}"
    return tempfile.gettempdir() if len(os.fsencode(longest)) <= _PATH_LIMIT_BYTES else _SHORT_DIRECTORY


_shared: MongomockServer | None = None
_lock = threading.Lock()


def _shared_directory() -> Path:
    digest = hashlib.blake2b(current_process().authkey, digest_size=8).hexdigest()
    return Path(short_directory()) / f"{_PREFIX}{digest}"


def _make(directory: Path) -> None:
    from pynenc_mongo.errors import MongoUnreachableError

    try:
        directory.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:
        raise MongoUnreachableError(
            f"mongomock:// is being started in {directory} by a process with the same parent: "
            "use the app once in the parent before it forks"
        ) from None


def _refuse_late_child() -> None:
    from pynenc_mongo.errors import MongoStoreNotSharedError

    if parent_process() is not None:
        raise MongoStoreNotSharedError(
            f"mongomock:// is used in process {os.getpid()}, a child that multiprocessing made, before its "
            "parent has used it: the parent would see nothing of it. Use the app once in the parent before "
            "that, or start the server by hand (python -m pynenc_mongo.mongomock_server)"
        )


def _refuse_foreign(directory: Path) -> None:
    """Refuse a directory that another user made where ours is expected."""
    from pynenc_mongo.errors import MongoUnreachableError

    found = directory.lstat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        raise MongoUnreachableError(f"{directory} is not this user's alone: remove it")


def _log_in(directory: Path) -> Path:
    return directory / "log"


def _start(directory: Path) -> subprocess.Popen[bytes]:
    log = _log_in(directory)
    command = python_command("pynenc_mongo.mongomock_server", str(directory), str(os.getpid()))
    with log.open("wb") as log_file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            start_new_session=True,  # Ctrl-C is not for it
        )
    if _says_something(process, _START_SECONDS):
        return process
    from pynenc_mongo.errors import MongoUnreachableError

    _end(process)
    said = log.read_text(errors="replace").strip() or f"nothing, exit code {process.returncode}"
    shutil.rmtree(directory, ignore_errors=True)
    raise MongoUnreachableError(f"the mongomock server did not start; it says: {said}")


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `module` in a new Python, which finds modules as this process does.

    But the standard library comes first: a file `types.py` in a test's folder, or in the working directory,
    is not for the imports of Python itself.
    """
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    standard = {*library, *(f"{place}/lib-dynload" for place in library)}
    places = [
        str(Path(place).absolute()) for place in sorted(sys.path, key=lambda place: place not in standard)
    ]
    run = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    return [sys.executable, "-P", "-c", f"import sys; sys.path[:0] = {places!r}; {run}", *arguments]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _says_something(process: subprocess.Popen[bytes], seconds: float) -> bool:
    assert process.stdout is not None
    # not select(), which takes no file descriptor above 1,023
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return bool(selector.select(seconds)) and bool(os.read(process.stdout.fileno(), 4096))


def end_with_parent(parent_pid: int, end: Callable[[], object], lease: int = 0) -> None:
    """Watch the parent from a thread, and call `end`, which ends this process, as soon as it is gone.

    The end of `lease`, standard input by default, says so at once, unless a process forked from the parent
    holds the pipe open; that this process has another parent says so always.
    """

    def watch() -> None:
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(lease, selectors.EVENT_READ)
            while os.getppid() == parent_pid:
                if selector.select(_LOOK_EVERY_SECONDS) and not os.read(lease, 1):
                    break
        end()

    threading.Thread(target=watch, name="watch on the parent", daemon=True).start()


def end_on_signals(directory: Path) -> None:
    """Leave no directory when asked to end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: end(directory))


def end(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)


def _after_fork_in_child() -> None:
    global _lock  # another thread of the parent may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
