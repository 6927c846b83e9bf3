"""Whose a test database is: records that can be read and those that cannot; who lives and who does not."""

import json
import math
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Int64

from pytest_pynenc_mongo import owners
from pytest_pynenc_mongo.owners import Home, Owner, owner_in, this_process

GOOD = {"host": "tea", "pid": 4244, "started": "17", "at": 1.5, "kept": True}
# what stands in a record of which one field is not what we write there
UNREADABLE: dict[str, Any] = {
    "host": [1, None, b"tea", ["tea"]],
    "machine": [1, None],
    "boot": [b"1"],
    "pid_namespace": [4026531836],
    "pid": ["4244", 4244.0, None, True, 0, -1, -4244, 2**31, Int64(2**63 - 1)],
    "started": [17, None],
    "at": ["now", None, True, math.nan, math.inf, datetime(2026, 1, 1, tzinfo=UTC)],
    "kept": ["yes", 1, None],
}


def test_this_process_s_own_record_can_be_read_and_it_is_alive() -> None:
    owner = owner_in(this_process())
    assert owner is not None
    assert (owner.pid, owner.kept) == (os.getpid(), False)
    assert owner.is_alive(owner.at, owners.here())
    assert owner.home == owners.here()


def test_a_record_is_read_whole() -> None:
    assert owner_in(GOOD) == Owner(Home("tea", "", "", ""), 4244, "17", 1.5, kept=True)
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as Linux tells it")
def test_a_record_says_where_its_process_ids_mean_something() -> None:
    record = this_process()
    assert record["host"] == socket.gethostname()
    assert record["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip() != ""
    assert record["pid_namespace"] == str(Path("/proc/self/ns/pid").readlink()) != ""


PRINT_RECORD = "import json; from pytest_pynenc_mongo import owners; print(json.dumps(owners.this_process()))"
HERE = Home("tea", "machine", "boot", "pid:[1]")
DAY = 24 * 3600
# of a process that has ended; only where its id means something can anybody know
OTHER_HOMES = {
    "another pid namespace of this host name": HERE._replace(pid_namespace="pid:[2]"),
    "another machine of this host name": HERE._replace(machine="other", boot="other"),
    "a machine without an id, another boot": HERE._replace(machine="", boot="other"),
    "a record of no boot": HERE._replace(boot=""),
    "a record of nothing but the host name": Home("tea", "", "", ""),
    "another host": HERE._replace(host="cake"),
    "another host, another boot": HERE._replace(host="cake", boot="other"),
}


def ended_at(home: Home, at: float = 1000.0) -> Owner:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return Owner(home, child.pid, "17", at)


@pytest.mark.parametrize("home", OTHER_HOMES.values(), ids=OTHER_HOMES)
def test_of_a_process_at_another_home_only_the_age_counts(home: Home) -> None:
    owner = ended_at(home)
    assert owner.is_alive(owner.at + DAY - 1, HERE)
    assert not owner.is_alive(owner.at + DAY, HERE)


def test_a_run_in_a_container_of_this_host_name_is_left_alone() -> None:
    inside = ["unshare", "--user", "--pid", "--fork", "--mount-proc", sys.executable, "-c", PRINT_RECORD]
    try:
        told = subprocess.run(inside, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no new pid namespace can be had")
    owner = owner_in(json.loads(told))
    assert owner is not None
    # its process id is 1 there, which is another process here
    assert (owner.pid, owner.home.host) == (1, socket.gethostname())
    assert owner.is_alive(owner.at + 1, owners.here())


def test_a_process_at_home_is_asked_whatever_its_age() -> None:
    ended = ended_at(HERE)
    assert not ended.is_alive(ended.at, HERE)
    mine = owner_in(this_process())
    assert mine is not None
    assert mine.is_alive(mine.at + 10 * DAY, owners.here())


def test_another_process_of_the_same_number_is_not_taken_for_it() -> None:
    if not owners.start_of(os.getpid()):
        pytest.skip("the system does not say when a process started")
    assert not Owner(HERE, os.getpid(), "17", 0.0).is_alive(0.0, HERE)


def test_nothing_is_alive_that_ran_before_the_machine_was_started_again() -> None:
    earlier = Owner(HERE._replace(boot="other"), os.getpid(), owners.start_of(os.getpid()), 1000.0)
    assert not earlier.is_alive(earlier.at, HERE)
    # the control: the same process in this boot is alive
    assert Owner(HERE, earlier.pid, earlier.started, 1000.0).is_alive(earlier.at, HERE)


def test_where_the_system_says_nothing_more_the_host_name_is_the_home() -> None:
    plain = Home("tea", "", "", "")
    assert not ended_at(plain).is_alive(1000.0, plain)
