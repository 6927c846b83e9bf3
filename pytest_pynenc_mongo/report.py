"""What the run says of itself, from the session to the terminal; with xdist by way of its controller.

Which MongoDB and which database the tests use, and notes: which databases were kept or dropped.
"""

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import databases, engines, options, requesting
from pytest_pynenc_mongo.sweeping import Sweep

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_NOTES: pytest.StashKey[list[str]] = pytest.StashKey()
_WORKERS: pytest.StashKey[list[Any]] = pytest.StashKey()
_COLUMNS = 80  # of a terminal, where nobody has made it wider
_WORKER_OUTPUT = "pynenc_mongo_notes"


def note(config: pytest.Config, line: str) -> None:
    """Say a line at the end of the run."""
    config.stash.setdefault(_NOTES, []).append(line)


def note_sweep(config: pytest.Config, swept: Sweep) -> None:
    for name in swept.dropped:
        note(config, f"dropped {name}, whose run has ended")
    for name, reason in swept.left.items():
        note(config, f"left {name} alone: {reason}")


def header(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Return what says which MongoDB the tests use, if any of them does.

    Nothing where ids of tests alone are asked for: `--collect-only -q`.
    """
    if config.option.collectonly and config.option.verbose < 0:
        return None
    if not any(requesting.wants(item, "pynenc_mongo_url") for item in items):
        return None
    chosen = config.stash[options.KEY]
    where = f"{engines.described(chosen)}, from {chosen.url_source}"
    if any(requesting.brings_a_server(item) for item in items):
        where = "the server of the fixture pynenc_mongo_url"
    name = databases.name_in(config)
    if worker := getattr(config, "workerinput", None):
        name = f"{name.removesuffix(str(worker['workerid']))}*"
    database = f"{chosen.db}, collections {name}.*" if chosen.db else name
    return _wrapped([f"pynenc-mongo: {where}", f"database {database}", f"keep={chosen.keep}"])


def _wrapped(parts: Sequence[str]) -> str:
    """Return parts on lines that a terminal takes, broken between parts, and within one that is too long."""
    lines = [parts[0]]
    for part in parts[1:]:
        lines[-1] += ";"
        if len(lines[-1]) + len(part) < _COLUMNS:
            lines[-1] += f" {part}"
        else:
            lines.append(f"  {part}")
    wrap = partial(textwrap.wrap, width=_COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(piece for line in lines for piece in wrap(line, drop_whitespace=True))


def hand_over(session: pytest.Session) -> None:
    """Give what an xdist worker has to say to the controller, which has no header of ours: that first."""
    if hasattr(session.config, "workeroutput"):
        lines = [header(session.config, session.items), *session.config.stash.get(_NOTES, [])]
        session.config.workeroutput[_WORKER_OUTPUT] = [line for line in lines if line]


def know(config: pytest.Config, worker: Any) -> None:
    """Remember an xdist worker: after Ctrl-C nobody tells of its end."""
    config.stash.setdefault(_WORKERS, []).append(worker)


def take_over(config: pytest.Config, worker: Any) -> None:
    """Note what a worker has to say, once if several say it."""
    for line in getattr(worker, "workeroutput", {}).get(_WORKER_OUTPUT, []):
        if line not in config.stash.get(_NOTES, []):
            note(config, line)


def summarise(terminal: "TerminalReporter", config: pytest.Config) -> None:
    for worker in config.stash.get(_WORKERS, []):
        take_over(config, worker)
    if notes := config.stash.get(_NOTES, []):
        terminal.section("pynenc-mongo")
        for line in notes:
            terminal.line(line)
