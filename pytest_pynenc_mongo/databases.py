"""The test database: its name, one per run and xdist worker; emptied after each test, dropped at the end."""

import os
import re
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pynenc_mongo.conf.address import MongoAddress

PREFIX = "pynenc_test"
_RUN_ID_LENGTH = 8


def name_for_this_process() -> str:
    """Return a database name that no other run, and no other worker of this run, has."""
    # xdist gives all workers of a run one id; without xdist this process is the run
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return "_".join((PREFIX, run.replace("-", "")[:_RUN_ID_LENGTH], re.sub(r"\W", "-", worker)))


@contextmanager
def temporary(url: str) -> Generator[str]:
    """Lend a database of this run and worker, by name; afterwards drop it and close our clients."""
    from pynenc_mongo.storage import client

    name = name_for_this_process()
    yield name
    client.client_at(_address(url, name)).drop_database(name)
    # a client of a server that is gone waits for it when it closes
    client.close_server(url)


def purge(url: str, name: str) -> None:
    """Delete every document of a test database; collections and their indexes stay."""
    from pynenc_mongo.storage import client

    database = client.database_at(_address(url, name))
    for collection in database.list_collection_names():
        database[collection].delete_many({})


def _address(url: str, name: str) -> "MongoAddress":
    from pynenc_mongo.conf.address import MongoAddress

    return MongoAddress(url, name, "fixture pynenc_mongo_url")
