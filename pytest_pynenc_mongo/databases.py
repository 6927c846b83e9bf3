"""The test database: its name, one per run and xdist worker; emptied after each test, dropped at the end.

Each one holds a record of its owner. Nothing without one is ever dropped, whatever it is called.
"""

import os
import re
import socket
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.database import Database

    from pynenc_mongo.conf.address import MongoAddress

OWNER_COLLECTION = "pynenc_test_owner"
_OWNER = {"_id": "owner"}
_RUN_ID_LENGTH = 8
# of a pipeline's 1,000 stages, that no server is asked for more than it likes
_UNION_LENGTH = 200
# of a process on another machine only the age tells anything
_FOREIGN_OWNER_SECONDS = 24 * 3600


def name_of_run(prefix: str, xdist: Mapping[str, Any] | None = None) -> str:
    """Return a database name that no other run, and no other worker of this run, has.

    :param xdist: what xdist told its worker, if this process is one; not the environment, which a run of
        pytest inside a test inherits
    """
    # xdist gives all workers of a run one id; without xdist this process is the run
    told = xdist or {"testrunuid": uuid.uuid4().hex, "workerid": "main"}
    run = str(told["testrunuid"]).replace("-", "")[:_RUN_ID_LENGTH]
    return "_".join((prefix, run, re.sub(r"\W", "-", str(told["workerid"]))))


@contextmanager
def temporary(url: str, name: str) -> Generator[str]:
    """Lend a database of this run and worker, by name; afterwards drop it and close our clients."""
    from pynenc_mongo.storage import client

    database = open_database(url, name)
    sign(database)
    yield name
    open_client(url).drop_database(name)
    # a client of a server that is gone waits for it when it closes
    client.close_server(url)


def sign(database: "Database[Any]", **more: Any) -> None:
    """Write into a database whose it is: this process's."""
    owner = {
        **_OWNER,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": _start_of(os.getpid()),
        "at": time(),
        **more,
    }
    database[OWNER_COLLECTION].replace_one(_OWNER, owner, upsert=True)


def purge(url: str, name: str) -> None:
    """Delete every document of a test database but its owner's; collections and their indexes stay.

    One command for each collection that holds any, and two or three to find those: each test with a new
    app leaves collections behind that no test will use again.
    """
    database = open_database(url, name)
    for collection in _in_use(database):
        database[collection].delete_many({})


def _in_use(database: Any) -> set[str]:
    """Return the names of the collections that hold documents, but for the owner's."""
    names = sorted({*database.list_collection_names()} - {OWNER_COLLECTION})
    groups = (names[place : place + _UNION_LENGTH] for place in range(0, len(names), _UNION_LENGTH))
    return {found["_id"] for group in groups for found in _first_of_each(database, group)}


def _first_of_each(database: Any, names: Sequence[str]) -> Iterable[dict[str, Any]]:
    """Return, for each collection that holds documents, one that has its name for an `_id`.

    See https://www.mongodb.com/docs/manual/reference/operator/aggregation/unionWith/ (MongoDB 4.4).
    """
    unions = [
        {"$unionWith": {"coll": name, "pipeline": [{"$limit": 1}, {"$project": {"_id": {"$literal": name}}}]}}
        for name in names
    ]
    found: Iterable[dict[str, Any]] = database[OWNER_COLLECTION].aggregate(
        [{"$match": {"_id": None}}, *unions]
    )
    return found


def keep(url: str, name: str, copy_name: str, test: str) -> None:
    """Copy a test database as a test left it; the copy outlives the run."""
    source, copy = open_database(url, name), open_database(url, copy_name)
    sign(copy, kept=True, test=test)
    for collection in _in_use(source):
        copy[collection].insert_many(source[collection].find({}))


def sweep(url: str, prefix: str, *, kept_too: bool) -> list[str]:
    """Drop the databases that dead runs left; return their names."""
    client = open_client(url)
    swept = []
    for name in client.list_database_names():
        owner = client[name][OWNER_COLLECTION].find_one(_OWNER) if name.startswith(f"{prefix}_") else None
        if owner and not _is_alive(owner) and (kept_too or not owner.get("kept")):
            client.drop_database(name)
            swept.append(name)
    return swept


def open_client(url: str) -> "MongoClient[Any]":
    from pynenc_mongo.storage import client

    return client.client_at(_address(url, "admin"))


def open_database(url: str, name: str) -> "Database[Any]":
    from pynenc_mongo.storage import client

    return client.database_at(_address(url, name))


def _address(url: str, name: str) -> "MongoAddress":
    from pynenc_mongo.conf.address import MongoAddress

    return MongoAddress(url, name, "fixture pynenc_mongo_url")


def _is_alive(owner: dict[str, Any]) -> bool:
    if owner["host"] != socket.gethostname():
        return bool(time() - owner["at"] < _FOREIGN_OWNER_SECONDS)
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # the number may have gone to another process since
    return bool(owner["started"] == _start_of(owner["pid"]))


def _start_of(pid: int) -> str:
    """Return what tells a process from others that had its number before, where the system says so."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    after_the_name = stat.rpartition(")")[2].split()
    return after_the_name[19]  # field 22, starttime: see proc(5)
