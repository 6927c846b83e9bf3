"""SecantusDB of kinds that the plugin starts not: `python -m tests.secantus_main KIND DIRECTORY PARENT_PID`.

Prints its URL on one line once it listens. GPL-2.0-only, hence in a process of its own.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from pynenc_mongo.mongomock_server.process import end_with_parent
from pytest_pynenc_mongo import processes
from pytest_pynenc_mongo.secantus_main import started

USER = "ann"
# of `encrypted`; nothing else says these
PASSWORD, KEY_PASSWORD = "Zwetschgenkuchen", "Marillenknoedel"
# commands of which SecantusDB may answer one at a time only: tests/test_secantus.py
NOT_AT_ONCE = ("drop", "listCollections")
_START_SECONDS = 30.0
ROOT = Path(__file__).parents[1]


def standalone(directory: str) -> str:
    """What `embedded://` is, without its user."""
    return str(started(directory).uri)


def unbreakable(directory: str) -> str:
    """It knows no `configureFailPoint`, as a mongod in production."""
    return str(started(directory, enable_test_commands=False).uri)


def replica_set(directory: str) -> str:
    """A replica set of one."""
    return str(started(directory, replica_set_name="rs0").uri)


def synchronous(directory: str) -> str:
    """The same; it writes to its disk before it acknowledges."""
    return str(started(directory, replica_set_name="rs0", sync_on_commit=True).uri)


def locked(directory: str) -> str:
    """It lets nobody in but `ann`, whose password is `right`; the URL names no user."""
    return str(_with_user(directory, "admin", "right", "root").uri)


def secured(directory: str) -> str:
    """It has one user, with the role `readWrite` on one database; the URL names both."""
    database, password = "shop", "hunter2"
    server = _with_user(directory, database, password, "readWrite")
    host = server.uri.partition("://")[2].rstrip("/")
    return f"mongodb://{USER}:{password}@{host}/{database}"


def encrypted(directory: str) -> str:
    """It speaks TLS alone, to `ann` alone; the URL names her password, its CA, and her certificate and its.

    Beside these files in the directory: `other.pem`, a CA that has signed nothing.
    """
    import trustme

    authority = trustme.CA()
    server_pem, client_pem = Path(directory, "server.pem"), Path(directory, "client.pem")
    authority.cert_pem.write_to_path(f"{directory}/ca.pem")
    trustme.CA().cert_pem.write_to_path(f"{directory}/other.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(server_pem)
    client = authority.issue_cert("ann@example.org")
    client_pem.write_bytes(_locked_key(client.private_key_pem.bytes()) + client.cert_chain_pems[0].bytes())
    server = started(
        directory,
        tls_cert_file=str(server_pem),
        tls_key_file=str(server_pem),
        tls_ca_file=f"{directory}/ca.pem",
    )
    place = f"127.0.0.1:{server.address[1]}"
    tls = f"tls=true&tlsCAFile={directory}/ca.pem"
    with MongoClient[dict[str, Any]](f"mongodb://{place}/?{tls}") as admin:
        admin.admin.command("createUser", USER, pwd=PASSWORD, roles=["root"])
    server.require_auth = True
    certificate = f"tlsCertificateKeyFile={client_pem}&tlsCertificateKeyFilePassword={KEY_PASSWORD}"
    return f"mongodb://{USER}:{PASSWORD}@{place}/?authSource=admin&{tls}&{certificate}"


def _locked_key(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(KEY_PASSWORD.encode()),
    )


def _with_user(directory: str, database: str, password: str, role: str) -> Any:
    # nobody may make the first user where a user is asked for
    open_server = started(directory, require_auth=False)
    with MongoClient[dict[str, Any]](open_server.uri) as client:
        client[database].command("createUser", USER, pwd=password, roles=[role])
    open_server.stop()
    return started(directory, require_auth=True)


type Kind = Callable[[str], str]

KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (standalone, unbreakable, replica_set, synchronous, locked, secured, encrypted)
}


@contextmanager
def running(kind: Kind, directory: Path) -> Iterator[str]:
    """Run one in a child process; its data are in a directory."""
    command = [sys.executable, "-m", "tests.secantus_main", kind.__name__, str(directory), str(os.getpid())]
    # a test may be in another folder, and the distribution's tests are not installed
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    child = processes.start_child(command, directory / "server.log", environment={"PYTHONPATH": search_path})
    try:
        yield child.first_line(_START_SECONDS)
    finally:
        child.kill()


if __name__ == "__main__":
    end_with_parent(int(sys.argv[3]), lambda: os._exit(0))
    print(KINDS[sys.argv[1]](sys.argv[2]), flush=True)  # the parent reads it
    threading.Event().wait()
