"""Whose a test database is: a record in it, read with care and judged; only a dead run's is dropped."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from pytest_pynenc_mongo import clock

OWNER_COLLECTION = "pynenc_test_owner"
OWNER = {"_id": "owner"}
# of a process at another home only the age tells anything; a run says again that it lives, see RENEW_SECONDS
_FOREIGN_OWNER_SECONDS = 24 * 3600
RENEW_SECONDS = 3600.0
_HOME_WITHOUT_DETAILS = {"host": None, "machine": "", "boot": "", "pid_namespace": ""}
# pid_t is a signed 32-bit number; 0 and what is below mean groups of processes, to `kill`
_LAST_PID = 2**31 - 1


class Home(NamedTuple):
    """Where process ids mean something; empty is what the system does not say.

    Containers on different machines may have one host name, and so may those of one machine, each with
    process ids of its own.
    """

    host: str
    machine: str
    boot: str
    pid_namespace: str

    def is_earlier_boot_of(self, here: "Home") -> bool:
        """Whether this is `here` before its machine was started again: nothing of that time is alive."""
        return bool(self.machine and self.boot and here.boot) and (
            self.boot != here.boot and self._replace(boot=here.boot) == here
        )


@dataclass(frozen=True)
class Owner:
    """A process that owns a test database: where it runs, and when it last said so (`at`, since 1970)."""

    home: Home
    pid: int
    started: str
    at: float
    kept: bool = False

    def is_alive(self, now: float, here: Home) -> bool:
        """Whether the process may still run, as far as a process at home `here` can tell."""
        if self.home == here:
            return _runs(self.pid, self.started)
        return not self.home.is_earlier_boot_of(here) and now - self.at < _FOREIGN_OWNER_SECONDS


def here() -> Home:
    """Return the home of this process."""
    return Home(
        socket.gethostname(),
        _text_of("/etc/machine-id"),
        _text_of("/proc/sys/kernel/random/boot_id"),
        _target_of("/proc/self/ns/pid"),
    )


def this_process() -> dict[str, Any]:
    """Return the record of this process."""
    return {
        **OWNER,
        **here()._asdict(),
        "pid": os.getpid(),
        "started": start_of(os.getpid()),
        "at": clock.wall(),
    }


def owner_in(record: Mapping[str, Any]) -> Owner | None:
    """Return the owner that a record names, or None where it cannot be read: anybody may have written it."""
    home = [record.get(name, default) for name, default in _HOME_WITHOUT_DETAILS.items()]
    kept = record.get("kept", False)
    match dict(record):
        case {"pid": int(pid), "started": str(started), "at": int() | float() as at}:
            right = _is_process_id(pid) and _is_instant(at) and isinstance(kept, bool)
            if right and all(isinstance(each, str) for each in home):
                return Owner(Home(*home), pid, started, float(at), kept)
    return None


def start_of(pid: int) -> str:
    """Return what tells a process from others that had its number before, where the system says so."""
    after_the_name = _text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return after_the_name[19] if after_the_name else ""  # field 22, starttime: see proc(5)


def _runs(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # the number may have gone to another process since
    return started == start_of(pid)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _target_of(link: str) -> str:
    try:
        return str(Path(link).readlink())
    except OSError:
        return ""


def _is_process_id(pid: int) -> bool:
    return not isinstance(pid, bool) and 0 < pid <= _LAST_PID


def _is_instant(at: float) -> bool:
    return not isinstance(at, bool) and isfinite(at)
