"""Whose a test database is: a record in it, read with care and judged; only a dead run's is dropped."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from time import time
from typing import Any

OWNER_COLLECTION = "pynenc_test_owner"
OWNER = {"_id": "owner"}
# of a process on another machine only the age tells anything
_FOREIGN_OWNER_SECONDS = 24 * 3600
# pid_t is a signed 32-bit number; 0 and what is below mean groups of processes, to `kill`
_LAST_PID = 2**31 - 1


@dataclass(frozen=True)
class Owner:
    """A process that owns a test database: where it runs, and when it said so (`at`, seconds since 1970)."""

    host: str
    pid: int
    started: str
    at: float
    kept: bool = False

    def is_alive(self, now: float) -> bool:
        """Whether the process may still run."""
        if self.host != socket.gethostname():
            return now - self.at < _FOREIGN_OWNER_SECONDS
        return _runs(self.pid, self.started)


def this_process() -> dict[str, Any]:
    """Return the record of this process."""
    return {
        **OWNER,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": start_of(os.getpid()),
        "at": time(),
    }


def owner_in(record: Mapping[str, Any]) -> Owner | None:
    """Return the owner that a record names, or None where it cannot be read: anybody may have written it."""
    match dict(record):
        case {"host": str(host), "pid": int(pid), "started": str(started), "at": int() | float() as at}:
            kept = record.get("kept", False)
            right = isinstance(kept, bool) and _is_process_id(pid) and _is_instant(at)
            return Owner(host, pid, started, float(at), kept) if right else None
    return None


def start_of(pid: int) -> str:
    """Return what tells a process from others that had its number before, where the system says so."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    after_the_name = stat.rpartition(")")[2].split()
    return after_the_name[19]  # field 22, starttime: see proc(5)


def _runs(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # the number may have gone to another process since
    return started == start_of(pid)


def _is_process_id(pid: int) -> bool:
    return not isinstance(pid, bool) and 0 < pid <= _LAST_PID


def _is_instant(at: float) -> bool:
    return not isinstance(at, bool) and isfinite(at)
