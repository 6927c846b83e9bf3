"""How a long wait goes, shown to whoever sits before the terminal; afterwards the terminal is as it was.

Nothing where nobody sits there (CI, a pipe, xdist's workers), or where others write on it meanwhile.
"""

import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import TextIO

import pytest

from pytest_pynenc_mongo import clock

_AFTER_SECONDS = 2.0
_EVERY_SECONDS = 1.0
_COLUMNS = 80  # of a terminal that does not know it
# the same two by which pytest knows it: https://docs.pytest.org/en/stable/explanation/ci.html
_OF_CI = ("CI", "BUILD_NUMBER")
# VT100's: a line down, in the same column, scrolling at the end of the screen; a line up
_DOWN, _UP = "\x1bD", "\x1b[A"
_SAVE, _RESTORE, _CLEAR_LINE = "\x1b7", "\x1b8", "\r\x1b[2K"

_KEY: pytest.StashKey["Terminal"] = pytest.StashKey()


class Terminal:
    """The line below the one on which pytest writes its dots; the cursor stays where pytest left it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, text: str) -> None:
        columns = os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        self._write(f"{_CLEAR_LINE}{text[: columns - 1]}")

    def clear(self) -> None:
        self._write(_CLEAR_LINE)

    def close(self) -> None:
        self._stream.close()

    def _write(self, line: str) -> None:
        self._stream.write(f"{_DOWN}{_SAVE}{line}{_RESTORE}{_UP}")
        self._stream.flush()


class Shown:
    """The progress of one wait on a terminal."""

    def __init__(self, terminal: Terminal | None) -> None:
        self._terminal = terminal
        self._began = clock.now()
        self._next = self._began + _AFTER_SECONDS
        self._is_there = False

    def show(self, progress: Callable[[], str]) -> None:
        """Show what `progress` returns if it is time to; it is called then only."""
        if self._terminal is None or clock.now() < self._next:
            return
        self._next = clock.now() + _EVERY_SECONDS
        parts = (f"pynenc_wait: {clock.now() - self._began:.0f} s", progress())
        with suppress(OSError):  # the terminal may be closed meanwhile
            self._terminal.show(", ".join(filter(None, parts)))
            self._is_there = True

    def clear(self) -> None:
        if self._terminal is not None and self._is_there:
            with suppress(OSError):
                self._terminal.clear()


@contextmanager
def shown(terminal: Terminal | None) -> Generator[Shown]:
    """Show the progress of one wait on a terminal, if there is one, until the block ends."""
    progress = Shown(terminal)
    try:
        yield progress
    finally:
        progress.clear()


def of(config: pytest.Config) -> Terminal | None:
    """Return the terminal of a run, if somebody sits there."""
    return config.stash.get(_KEY, None)


def configure(config: pytest.Config) -> None:
    """Keep the way to the terminal that pytest's capture takes from tests."""
    if not may_be_shown(config, sys.stdout, os.environ):
        return
    # capture puts a file in place of the descriptor, and not of its copy
    copy = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
    config.stash[_KEY] = terminal = Terminal(copy)
    config.add_cleanup(terminal.close)


def may_be_shown(config: pytest.Config, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether somebody sits before a terminal on which pytest alone writes."""
    if hasattr(config, "workerinput") or any(environment.get(name) for name in _OF_CI):
        return False
    if config.getoption("capture") == "no":
        return False  # tests write there, too
    if config.getini("log_cli") or config.getoption("log_cli_level", None) is not None:
        return False  # so do loggers
    return stream.isatty() and environment.get("TERM", "dumb") != "dumb"
