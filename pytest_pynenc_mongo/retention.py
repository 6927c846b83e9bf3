"""Which test databases are kept: a copy of each, as its test left it, and how to open that."""

import re

import pytest

from pytest_pynenc_mongo import interruption, marker, options, report
from pytest_pynenc_mongo.databases import TestDatabase

_COPIES: pytest.StashKey[int] = pytest.StashKey()
_TEST_NAME_LENGTH = 20
_DATABASE_NAME_LENGTH = 63


def keep_if_wished(item: pytest.Item, database: TestDatabase) -> None:
    """Keep a copy of the test database if the test, by its outcome so far, shall have one.

    The run says at its end how to open it. A database that ends with the run is not copied: nobody could open
    it.
    """
    if not _is_wished(item) or database.server.ends_with_run:
        return
    name = _copy_name(item, database)
    copy = database.copy_to(name, item.nodeid)
    where = f"mongosh '{copy.server.masked_url}' then `use {copy.name}`"
    report.note(item.config, f"kept {copy.label}, as {item.nodeid} left it: {where}")


def _is_wished(item: pytest.Item) -> bool:
    wish = marker.of(item).keep or item.config.stash[options.KEY].keep
    return wish == "always" or (wish == "failed" and interruption.has_failed(item))


def _copy_name(item: pytest.Item, database: TestDatabase) -> str:
    number = item.config.stash.get(_COPIES, 0)
    item.config.stash[_COPIES] = number + 1
    test = re.sub(r"[^A-Za-z0-9]+", "-", item.name)[:_TEST_NAME_LENGTH]
    return f"{database.run_name}_{number}_{test}"[:_DATABASE_NAME_LENGTH]
