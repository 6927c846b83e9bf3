"""How many bytes a small task leaves in each collection: `python -m benchmarks.sizes`.

BSON as the driver sends it; a server compresses it on its disk, and adds its indexes.
"""

import logging
import sys
from collections.abc import Mapping

from bson import encode
from pynenc import Pynenc

from benchmarks import life, stores
from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.storage import client

_TASKS = 100


def main() -> None:
    logging.disable(logging.CRITICAL)
    with stores.opened(()) as opened:
        store = next(store for store in opened if store.url)
        with store.app() as app:
            queued = _stored(store.url, app, life.enqueue)
        with store.app() as app:
            done = _stored(store.url, app, lambda: _live(app))
    for name in sorted(queued.keys() | done.keys()):
        line = f"{name:32} {_text(queued.get(name)):>16} {_text(done.get(name)):>16}"
        sys.stdout.write(f"{line}\n")


def _live(app: Pynenc) -> None:
    invocation = life.enqueue()
    life.run(*life.dequeue(app))
    life.read(invocation)


def _stored(url: str, app: Pynenc, bring: object) -> Mapping[str, tuple[float, float]]:
    """Return documents and bytes a task by collection, and their sum."""
    assert callable(bring)
    for _ in range(_TASKS):
        bring()
    assert app.config_values is not None
    database = client.database_at(MongoAddress(url, app.config_values["mongo_db"], "benchmark"))
    sizes = {
        name.rpartition(".")[2]: [len(encode(document)) for document in database[name].find({})]
        for name in database.list_collection_names()
    }
    stored = {name: (len(each) / _TASKS, sum(each) / _TASKS) for name, each in sizes.items() if each}
    total = tuple(map(sum, zip(*stored.values(), strict=True)))
    return {**stored, "~ in all": (total[0], total[1])}


def _text(stored: tuple[float, float] | None) -> str:
    return f"{stored[0]:.2f}, {stored[1]:.0f} B" if stored else ""


if __name__ == "__main__":
    main()
