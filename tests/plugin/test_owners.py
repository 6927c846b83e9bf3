"""Whose a test database is: records that can be read and those that cannot; who lives and who does not."""

import math
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64

from pytest_pynenc_mongo import owners
from pytest_pynenc_mongo.owners import owner_in, this_process

GOOD = {"host": "tea", "pid": 4244, "started": "17", "at": 1.5, "kept": True}
# what stands in a record of which one field is not what we write there
UNREADABLE: dict[str, Any] = {
    "host": [1, None, b"tea", ["tea"]],
    "pid": ["4244", 4244.0, None, True, 0, -1, -4244, 2**31, Int64(2**63 - 1)],
    "started": [17, None],
    "at": ["now", None, True, math.nan, math.inf, datetime(2026, 1, 1, tzinfo=UTC)],
    "kept": ["yes", 1, None],
}


def test_this_process_s_own_record_can_be_read_and_it_is_alive() -> None:
    owner = owner_in(this_process())
    assert owner is not None
    assert (owner.pid, owner.kept) == (os.getpid(), False)
    assert owner.is_alive(owner.at)


def test_a_record_is_read_whole() -> None:
    assert owner_in(GOOD) == owners.Owner("tea", 4244, "17", 1.5, kept=True)
    assert owner_in({**GOOD, "pid": Int64(4244), "test": "test_tea.py::test_brew"}) == owner_in(GOOD)


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in UNREADABLE.items() for value in values]
)
def test_a_field_of_another_kind_makes_a_record_unreadable(field: str, value: Any) -> None:
    assert owner_in({**GOOD, field: value}) is None


@pytest.mark.parametrize("field", ["host", "pid", "started", "at"])
def test_a_missing_field_makes_a_record_unreadable(field: str) -> None:
    assert owner_in({name: value for name, value in GOOD.items() if name != field}) is None
    assert owner_in({}) is None
