"""The stores that are compared: pynenc's own SQLite, and MongoDB in each shape that the plugin offers."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from pynenc import Pynenc

from benchmarks.shop import app
from pytest_pynenc_mongo import databases, engines, wiring
from pytest_pynenc_mongo.options import EMBEDDED_URL, SERVED, Options

_SQLITE = {
    "orchestrator_cls": "SQLiteOrchestrator",
    "broker_cls": "SQLiteBroker",
    "state_backend_cls": "SQLiteStateBackend",
    "client_data_store_cls": "SQLiteClientDataStore",
    "trigger_cls": "SQLiteTrigger",
}
BASELINE = "sqlite"


@dataclass(frozen=True)
class Store:
    """A running store: what puts the app on it, and its URL where it is MongoDB."""

    name: str
    settings: wiring.Settings
    url: str = ""
    database: str = ""

    @contextmanager
    def app(self, **values: Any) -> Iterator[Pynenc]:
        """Lend the app on this store, empty; purge it afterwards."""
        settings = wiring.Settings(self.settings.pinned, {**self.settings.values, **values})
        with wiring.rewired(app, settings):
            app.purge()
            yield app
            app.purge()


@contextmanager
def opened(urls: Sequence[str]) -> Iterator[list[Store]]:
    """Run the baseline, the plugin's own engines, and what `urls` name, all at the same time."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(_sqlite()),
            *(stack.enter_context(_mongo(url)) for url in (SERVED, EMBEDDED_URL, *urls)),
        ]


@contextmanager
def _sqlite() -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="bench-sqlite-") as directory:
        pinned = {**_SQLITE, "sqlite_db_path": f"{directory}/pynenc.db", "mongo_url": "", "mongo_db": "none"}
        yield Store(BASELINE, wiring.Settings(pinned, pinned))


@contextmanager
def _mongo(url: str) -> Iterator[Store]:
    with (
        engines.running(Options(url, "benchmark", "")) as engine,
        databases.temporary(engine.url) as database,
    ):
        settings = wiring.settings(engine.url, database)
        yield Store({"mongomock": "served"}.get(engine.name, engine.name), settings, engine.url, database)
