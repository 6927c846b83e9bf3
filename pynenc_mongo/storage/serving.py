"""A mongomock store for every process of this machine, served on loopback by the process that owns it.

The wire is `multiprocessing.connection`, the ground that `multiprocessing.managers` stands on, under a
random authkey. Not the managers' own server: its `serve_forever` puts `sys.stdout` back and calls
`sys.exit`, which no host of a test run survives (docs/adr/0003).
"""

import contextlib
import os
import secrets
import socket
import threading
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from typing import Any
from urllib.parse import urlsplit

from pynenc_mongo.conf.address import DEFAULT_DATABASE, mask_url, option_in
from pynenc_mongo.errors import MongoConfigError, MongoStoreNotSharedError, MongoUnreachableError
from pynenc_mongo.storage.mock import REMEDY, Command, LocalStore, MockClient, Store

_LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_GREETING_SECONDS = 10.0  # an owner speaks first, however busy it is; who does not is none

_own_store: LocalStore | None = None
_served: dict[int, "ServedStore"] = {}  # by port, those of this process
_registry_lock = threading.Lock()


class ServedStore:
    """A store of this process, open to every process of this machine that has its URL."""

    def __init__(self) -> None:
        self.store = LocalStore()
        self._authkey = secrets.token_hex(16)
        self._listener = Listener((_LOOPBACK, 0), backlog=_BACKLOG)
        self._connections: set[Connection[Any, Any]] = set()
        self._closing = False
        self._lock = threading.Lock()  # guards the two above
        self.port: int = self._listener.address[1]
        self.url = f"mongomock://{_LOOPBACK}:{self.port}/{DEFAULT_DATABASE}?authkey={self._authkey}"
        _served[self.port] = self
        self._accepting = threading.Thread(
            target=self._accept, name=f"mongomock store on port {self.port}", daemon=True
        )
        self._accepting.start()

    def close(self) -> None:
        """Stop serving; whoever still calls gets `MongoUnreachableError` at once."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
        _served.pop(self.port, None)
        # closing a socket does not wake the thread that accepts on it; a visitor does
        with contextlib.suppress(OSError):
            socket.create_connection((_LOOPBACK, self.port)).close()
        self._accepting.join()
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)

    def let_go(self) -> None:
        """Close a forked child's copies of the sockets.

        While it held on to them, the owner's death would stay unseen and every caller would wait for ever.
        """
        self._listener.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.close()

    def _accept(self) -> None:
        while True:
            connection = self._listener.accept()
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        authkey = self._authkey.encode()
        _send_at_once(connection)
        # a caller that is gone, or that never was one of ours, costs its own connection only
        with contextlib.suppress(EOFError, OSError, AuthenticationError):
            deliver_challenge(connection, authkey)
            answer_challenge(connection, authkey)
            while True:
                _reply(connection, self._outcome_of_next(connection))
        with self._lock:
            self._connections.discard(connection)
            connection.close()

    def _outcome_of_next(self, connection: "Connection[Any, Any]") -> tuple[bool, Any]:
        """Run the next command; return whether it succeeded, and its result or its error."""
        try:
            command: Command = connection.recv()
            return True, self.store.run(command)
        except (EOFError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a command raises is the caller's to see
            return False, error


class RemoteStore:
    """A store that another process owns and serves."""

    def __init__(self, url: str, port: int) -> None:
        self._url = mask_url(url)
        self._port = port
        self._authkey = option_in(url, "authkey").encode()
        self._idle: list[Connection[Any, Any]] = []
        self._pid = os.getpid()

    def run(self, command: Command) -> Any:
        """Have the owner run `command`; return its result or raise its error.

        :raises MongoUnreachableError: if the owner is gone, or the authkey is not its
        """
        connection = self._idle_connection() or self._connect()
        try:
            connection.send(command)
            succeeded, outcome = connection.recv()
        except (EOFError, OSError) as error:
            connection.close()
            raise self._gone() from error
        except BaseException:
            # interrupted between question and answer: the next caller would get this answer
            connection.close()
            raise
        self._idle.append(connection)
        if succeeded:
            return outcome
        raise outcome

    def close(self) -> None:
        while connection := self._idle_connection():
            connection.close()

    def _idle_connection(self) -> "Connection[Any, Any] | None":
        if self._pid != os.getpid():
            # forked: on these the parent and this process would get each other's answers
            self._idle, self._pid = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self) -> "Connection[Any, Any]":
        try:
            connection = Client((_LOOPBACK, self._port))
            if not connection.poll(_GREETING_SECONDS):
                connection.close()
                raise self._gone()
            _send_at_once(connection)
            answer_challenge(connection, self._authkey)
            deliver_challenge(connection, self._authkey)
        except (EOFError, OSError, AuthenticationError) as error:
            raise self._gone() from error
        return connection

    def _gone(self) -> MongoUnreachableError:
        return MongoUnreachableError(
            f"no mongomock store answers at {self._url}: the process that served it has ended, "
            "or the URL is not the one that its serve() returned"
        )


def serve() -> ServedStore:
    """Open a new, empty store that this process owns; its `url` works in every process of this machine."""
    return ServedStore()


def connect(url: str) -> MockClient:
    """Return a client for a `mongomock://` URL.

    With a port it reaches the store served there. Without one it is the store of this process, one for
    all its clients.

    :raises MongoConfigError: if the URL names another host than loopback
    :raises MongoStoreNotSharedError: without a port, in a child process made by `multiprocessing`
    """
    pieces = urlsplit(url)
    if pieces.hostname not in (None, _LOOPBACK, "localhost"):
        raise MongoConfigError(
            f"{mask_url(url)}: a mongomock store is served on {_LOOPBACK} only, "
            "use mongodb:// for other hosts"
        )
    return MockClient(_store_at(url, pieces.port))


def _store_at(url: str, port: int | None) -> Store:
    if port is None:
        return _store_of_this_process()
    # the owner needs no socket to reach itself
    return _served[port].store if port in _served else RemoteStore(url, port)


def _store_of_this_process() -> LocalStore:
    global _own_store  # noqa: PLW0603 - one store a process is the point
    _refuse_child_process()
    with _registry_lock:
        _own_store = _own_store or LocalStore()
        return _own_store


def _refuse_child_process() -> None:
    from multiprocessing import parent_process

    if parent_process() is not None:
        raise MongoStoreNotSharedError(
            f"mongomock:// is a store of one process, and process {os.getpid()} is a child that "
            f"multiprocessing made: it would see nothing of its parent's store; {REMEDY}"
        )


def _reply(connection: "Connection[Any, Any]", outcome: tuple[bool, Any]) -> None:
    try:
        connection.send(outcome)
    except (EOFError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - what cannot be pickled has not touched the wire yet
        connection.send((False, TypeError(f"the answer cannot be sent to another process: {error!r}")))


def _send_at_once(connection: "Connection[Any, Any]") -> None:
    """Send small messages without waiting for more to say: waiting costs 40 ms a message."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _hang_up(connection: "Connection[Any, Any]") -> None:
    """End a conversation that a thread of this process may be waiting in; a mere close would not wake it."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _after_fork_in_child() -> None:
    global _registry_lock  # noqa: PLW0603 - another thread of the parent may have held it
    _registry_lock = threading.Lock()
    for served in _served.values():
        served.let_go()
    _served.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
