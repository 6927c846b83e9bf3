"""What the suites run on: the five component classes and where they keep their data."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from pynenc.broker import SQLiteBroker
from pynenc.client_data_store import SQLiteClientDataStore
from pynenc.orchestrator import SQLiteOrchestrator
from pynenc.state_backend import SQLiteStateBackend
from pynenc.trigger import SQLiteTrigger

from pynenc_mongo.broker.mongo_broker import MongoBroker
from pynenc_mongo.client_data_store.mongo_client_data_store import MongoClientDataStore
from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator
from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from pynenc_mongo.trigger.mongo_trigger import MongoTrigger
from pytest_pynenc_mongo.databases import TestDatabase, TestServer

# the attributes of an app that hold its components; pynenc's settings of their classes end in `_cls`
COMPONENTS = ("orchestrator", "broker", "state_backend", "client_data_store", "trigger")

Classes = Mapping[str, type[Any]]

_MONGO = (MongoOrchestrator, MongoBroker, MongoStateBackend, MongoClientDataStore, MongoTrigger)
_SQLITE = (SQLiteOrchestrator, SQLiteBroker, SQLiteStateBackend, SQLiteClientDataStore, SQLiteTrigger)


class Backend(Protocol):
    """A place where a suite keeps what it stores."""

    @property
    def classes(self) -> Classes:
        """The class of each component."""

    @property
    def place(self) -> Mapping[str, str]:
        """The settings that say where the data is."""

    def place_of(self, component: Any) -> Mapping[str, str]:
        """Return where a component keeps its data, in the terms of `place`."""

    def purge(self) -> None:
        """Forget everything."""


@dataclass(frozen=True)
class OnMongo:
    """Our backends, on a database of one engine."""

    url: str
    database: str
    classes: Classes

    @property
    def place(self) -> Mapping[str, str]:
        return {"mongo_url": self.url, "mongo_db": self.database}

    def place_of(self, component: Any) -> Mapping[str, str]:
        return {"mongo_url": component.conf.mongo_url, "mongo_db": component.conf.address().database}

    def purge(self) -> None:
        TestDatabase(TestServer(self.url), self.database).purge()


@dataclass(frozen=True)
class OnSQLite:
    """Pynenc's own backends, to see whether a failure is theirs too."""

    path: str
    classes: Classes

    @property
    def place(self) -> Mapping[str, str]:
        return {"sqlite_db_path": self.path}

    def place_of(self, component: Any) -> Mapping[str, str]:
        return {"sqlite_db_path": component.conf.sqlite_db_path}

    def purge(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                if not table.startswith("sqlite_"):
                    connection.execute(f'DELETE FROM "{table}"')  # noqa: S608


def on_mongo(url: str, database: str) -> Backend:
    return OnMongo(url, database, dict(zip(COMPONENTS, _MONGO, strict=True)))


def on_sqlite(path: str) -> Backend:
    return OnSQLite(path, dict(zip(COMPONENTS, _SQLITE, strict=True)))


def settings_of(backend: Backend) -> dict[str, str]:
    """Return the pynenc settings that put any app on a backend."""
    classes = {f"{name}_cls": cls.__name__ for name, cls in backend.classes.items()}
    return {**classes, **backend.place}
