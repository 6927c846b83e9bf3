"""Child processes that do not outlive their parent: the parent's end of the contract.

The parent starts a child with a pipe to its standard input, waits for the one line that says it is ready, and
ends it with all that it started. The child ends by itself as soon as its parent is gone: `end_with_parent`,
which the mongomock server's process has, too.
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import IO, Protocol

from pytest_pynenc_mongo import clock, log_lines
from pytest_pynenc_mongo.errors import NotReadyError

READY = "ready"  # the one line of a child that has nothing else to say
_STOP_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.002


class Process(Protocol):
    """What a `Child` needs of a `subprocess.Popen`."""

    pid: int

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def terminate(self) -> None: ...


class Child:
    """An operating-system process of ours; it leads a process group of its own."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._is_asked_to_end = False
        self.pid = process.pid

    def with_log(self, log: Path) -> "Child":
        """Return the same process, which writes to another file from now on."""
        return Child(self._process, log)

    @property
    def log(self) -> str:
        """All that it wrote to standard output and standard error so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def log_tail(self) -> str:
        """The last lines of `log`, for messages."""
        return tail_of(self.log)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait until it has ended; return its exit code, negative for a signal."""
        return self._process.wait()

    def first_line(self, seconds: float) -> str:
        """Wait for the one line that says it is ready.

        :raises NotReadyError: if it ends, or `seconds` pass, before it says so
        """
        stdout = self._process.stdout
        assert stdout is not None
        deadline = clock.now() + seconds
        line = b""
        while not line.endswith(b"\n"):
            if not is_readable(stdout.fileno(), deadline - clock.now()):
                raise NotReadyError(f"process {self.pid} was not ready in {seconds:g} s; {self.log_tail}")
            if not (more := os.read(stdout.fileno(), 4096)):
                code = self._process.wait()
                raise NotReadyError(f"process {self.pid} ended with {ending(code)}; {self.log_tail}")
            line += more
        return line.decode().strip()

    def ask_to_end(self) -> None:
        """Send it SIGTERM, once."""
        if self.is_alive and not self._is_asked_to_end:
            self._is_asked_to_end = True
            self._process.terminate()

    def stop(self, seconds: float = _STOP_SECONDS) -> bool:
        """Ask it to end (SIGTERM) and wait; return whether it did. What is left of its group is killed."""
        self.ask_to_end()
        return self.wait_or_kill(seconds)

    def wait_or_kill(self, seconds: float) -> bool:
        """Wait until it has ended; return whether it did by itself. What is left of its group is killed."""
        stopped = self._ends_within(seconds)
        self.kill()
        return stopped

    def _ends_within(self, seconds: float) -> bool:
        # not Popen.wait(seconds), whose clock a test may have stopped
        deadline, pause = clock.now() + seconds, threading.Event()
        while self.is_alive and clock.now() < deadline:
            pause.wait(_LOOK_EVERY_SECONDS)
        return not self.is_alive

    def pause(self) -> None:
        """Stop it and every process of its group (SIGSTOP) until `resume`."""
        self._to_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it and every process of its group go on (SIGCONT)."""
        self._to_group(signal.SIGCONT)

    def kill(self) -> None:
        """End it and every process of its group at once (SIGKILL), and wait until it is gone."""
        self._to_group(signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _to_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def tail_of(log: str) -> str:
    """Return the last lines of a log, for messages."""
    lines = log_lines.last(log)
    return "\n".join(["its log ends with:", *lines]) if lines else "it wrote no log."


def ending(exit_code: int) -> str:
    """Return what ended a process: `SIGKILL`, or `exit code 3`."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"exit code {exit_code}"


def command_by_hand(module: str) -> str:
    """Return what runs a module of this package in the shell of who started this process."""
    found = shutil.which("python")
    is_this = found is not None and Path(found).parent == Path(sys.executable).parent
    return f"{'python' if is_this else quote(sys.executable)} -m {__package__}.{module}"


def start_child(
    command: Sequence[str],
    log: Path,
    stdin: int = subprocess.PIPE,
    environment: Mapping[str, str] | None = None,
) -> Child:
    """Start `command`, its standard error to the file `log`, its standard output to us.

    :param stdin: what it has in place of a pipe from us
    :param environment: variables that it has besides those of this process
    """
    with log.open("wb") as log_file:
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log_file,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    return Child(process, log)


def take_pipes() -> tuple[int, int]:
    """In a child: return descriptors for the pipes to its parent, which are its standard input and output.

    What it runs reads the end of a file, and writes where standard error goes, to the log.
    """
    lease, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return lease, answers


def say(answers: int, line: str) -> None:
    """In a child: tell the parent the one line that it waits for."""
    os.write(answers, f"{line}\n".encode())


def is_readable(file: int, seconds: float) -> bool:
    """Return whether there is something to read, the end included, within `seconds`."""
    # not select.select(), which takes no file descriptor above 1,023
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        return bool(selector.select(max(0.0, seconds)))
