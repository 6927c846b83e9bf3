"""The stores that are compared: pynenc's own SQLite, and MongoDB in each shape that the plugin offers."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pynenc import Pynenc

from benchmarks.shop import app
from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.storage import client
from pytest_pynenc_mongo import databases, engines, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.options import EMBEDDED_URL, MONGOMOCK_URL, Options

SQLITE = {
    "orchestrator_cls": "SQLiteOrchestrator",
    "broker_cls": "SQLiteBroker",
    "state_backend_cls": "SQLiteStateBackend",
    "client_data_store_cls": "SQLiteClientDataStore",
    "trigger_cls": "SQLiteTrigger",
}
BASELINE = "sqlite"


@dataclass(frozen=True)
class Store:
    """A running store: what puts the app on it, and its database where it is MongoDB."""

    name: str
    settings: wiring.Settings
    database: TestDatabase | None = None

    @property
    def url(self) -> str:
        return self.database.url if self.database else ""

    @contextmanager
    def app(self, **values: Any) -> Iterator[Pynenc]:
        """Lend the app on this store, as new: SecantusDB goes on paying for documents that were deleted."""
        with self._new_place() as settings, wiring.rewired(app, _with(settings, values)):
            yield app

    @contextmanager
    def _new_place(self) -> Iterator[wiring.Settings]:
        name = f"bench_{uuid.uuid4().hex[:8]}"
        if not self.url:
            with tempfile.TemporaryDirectory(prefix="bench-sqlite-") as directory:
                yield _with(self.settings, {"sqlite_db_path": f"{directory}/pynenc.db"})
            return
        yield _with(self.settings, {"mongo_db": name})
        client.client_at(MongoAddress(self.url, name, "benchmark")).drop_database(name)


def _with(settings: wiring.Settings, values: Mapping[str, Any]) -> wiring.Settings:
    """Return the settings with other values; what is pinned stays pinned."""
    pinned = {name: values.get(name, value) for name, value in settings.pinned.items()}
    return wiring.Settings(pinned, {**settings.values, **values})


@contextmanager
def opened(urls: Sequence[str]) -> Iterator[list[Store]]:
    """Run the baseline, the plugin's own engines, and what `urls` name, all at the same time."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_sqlite()),
            *(stack.enter_context(_mongo(url)) for url in (MONGOMOCK_URL, EMBEDDED_URL, *urls)),
        ]


@contextmanager
def _sqlite() -> Iterator[Store]:
    pinned = {
        **SQLITE,
        "sqlite_db_path": "",
        "mongo_url": "",
        "mongo_db": "none",
        "mongo_collection_prefix": "",
    }
    yield Store(BASELINE, wiring.Settings(pinned, pinned))


@contextmanager
def _mongo(url: str) -> Iterator[Store]:
    with (
        engines.running(Options(url, "benchmark", "")) as engine,
        TestServer(engine.url).lend(databases.new_name("pynenc_bench")) as database,
    ):
        yield Store(engine.name, wiring.settings(database), database)
