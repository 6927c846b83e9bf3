"""Where the shop's tasks may run."""

import os
from dataclasses import dataclass

RUNNERS = {
    "thread": "ThreadRunner",
    "process": "ProcessRunner",
    "persistent process": "PersistentProcessRunner",
    "multi thread": "MultiThreadRunner",
    "worker": "ThreadRunner",
}


@dataclass(frozen=True)
class Shop:
    """The running shop; `here` tells whether its tasks run in the test process."""

    here: bool

    def runs(self, pid: int) -> bool:
        """Whether `pid` is where tasks are meant to run: in this process, or in another one."""
        return (pid == os.getpid()) is self.here
