"""What the run says of itself: which MongoDB it uses, and which databases it kept or dropped."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import marker, options

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_NOTES: pytest.StashKey[list[str]] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()
_WORKER_OUTPUT = "pynenc_mongo_notes"
_TEST_NAME_LENGTH = 20


def note(config: pytest.Config, line: str) -> None:
    """Say a line at the end of the run."""
    config.stash.setdefault(_NOTES, []).append(line)


def remember_outcome(item: pytest.Item, outcome: pytest.TestReport) -> None:
    if outcome.failed:
        item.stash[_FAILED] = True


def keep_database(request: pytest.FixtureRequest, url: str, name: str) -> None:
    """Keep a copy of the test database if the test, by its outcome, shall have one."""
    from pynenc_mongo.conf.address import mask_url
    from pytest_pynenc_mongo import databases

    item = request.node
    wish = marker.of(item).keep or request.config.stash[options.KEY].keep
    if wish == "never" or (wish == "failed" and not item.stash.get(_FAILED, False)):
        return
    if not url.startswith("mongodb") or request.config.stash[options.KEY].url == options.EMBEDDED_URL:
        return  # that store ends with the run
    notes = request.config.stash.setdefault(_NOTES, [])
    copy = f"{name}_{len(notes)}_{re.sub(r'[^A-Za-z0-9]+', '-', item.name)[:_TEST_NAME_LENGTH]}"[:63]
    databases.keep(url, name, copy, item.nodeid)
    note(
        request.config, f"kept {copy}, as {item.nodeid} left it: mongosh '{mask_url(url)}' then `use {copy}`"
    )


def header(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Return the line that says which MongoDB the tests use, if any of them does."""
    if not any("pynenc_mongo_url" in getattr(item, "fixturenames", ()) for item in items):
        return None
    chosen = config.stash[options.KEY]
    return f"pynenc-mongo: {_described(chosen)}, from {chosen.url_source}; keep={chosen.keep}"


def _described(chosen: options.Options) -> str:
    if chosen.url == options.SERVED:
        return "mongomock, shared by the processes of this machine"
    if chosen.url == options.EMBEDDED_URL:
        return "SecantusDB in a child process"
    from pynenc_mongo.conf.address import mask_url

    return mask_url(chosen.url)


def hand_over(config: pytest.Config) -> None:
    """Give what an xdist worker has to say to the controller."""
    if hasattr(config, "workeroutput"):
        config.workeroutput[_WORKER_OUTPUT] = config.stash.get(_NOTES, [])


def take_over(config: pytest.Config, worker: Any) -> None:
    for line in getattr(worker, "workeroutput", {}).get(_WORKER_OUTPUT, []):
        note(config, line)


def summarise(terminal: "TerminalReporter", config: pytest.Config) -> None:
    if notes := config.stash.get(_NOTES, []):
        terminal.section("pynenc-mongo")
        for line in notes:
            terminal.line(line)
