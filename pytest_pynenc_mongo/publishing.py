"""Pages of tests, where the user asks for some: of which tests, and the index when the run ends.

Every process writes the pages of its own tests; the one that the user started, xdist's controller among
them, empties the folder before the first and writes the index after the last.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pynenc_mongo import awaiting, observing, options, report, telling
from pytest_pynenc_mongo.errors import ReportFolderError

if TYPE_CHECKING:
    from pytest_pynenc_mongo.pages.page import Story
    from pytest_pynenc_mongo.snapshot import Snapshot

_BEGUN: pytest.StashKey[Path] = pytest.StashKey()
_OUTCOME: pytest.StashKey[str] = pytest.StashKey()
_SEEN: "pytest.StashKey[tuple[Snapshot, ...]]" = pytest.StashKey()
_MOST_LINES_OF_CAUSE, _MOST_CHARACTERS_OF_CAUSE = 6, 600
_MOST_CHARACTERS = 100_000  # of what pytest printed
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def begin(session: pytest.Session) -> None:
    """Make room for the pages of this run.

    :raises pytest.UsageError: if the folder is not for them
    """
    folder = _folder(session.config)
    if folder is None or hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    from pytest_pynenc_mongo.pages import files

    try:
        files.prepare(folder)
    except ReportFolderError as error:
        raise pytest.UsageError(f"--pynenc-mongo-report: {error}") from None
    session.config.stash[_BEGUN] = folder


def publish(item: pytest.Item, outcome: pytest.TestReport) -> None:
    """Write the page of a test that used an app: when a phase of it has failed, or each test if wished."""
    folder = _folder(item.config)
    if folder is None or item.stash.get(_OUTCOME, "") == "failed" or not _is_wished(item, outcome):
        return
    if snapshots := _snapshots(item, outcome):
        from pytest_pynenc_mongo.pages import files

        item.stash[_OUTCOME] = outcome.outcome
        said = item.stash.get(telling.SAID, "") or outcome.longreprtext
        with _said_if_it_cannot_be_written(item.config, item.nodeid):
            files.add(folder, _story(outcome, said, snapshots))


def end(session: pytest.Session) -> None:
    """Write the index, and say where it is if it names a page."""
    folder = session.config.stash.get(_BEGUN, None)
    if folder is None:
        return
    from pytest_pynenc_mongo.pages import files

    with _said_if_it_cannot_be_written(session.config, "the tests"):
        index, number = files.finish(folder)
        if number:
            report.note(session.config, f"pages of {number} {'test' if number == 1 else 'tests'}: {index}")


@contextmanager
def _said_if_it_cannot_be_written(config: pytest.Config, whose: str) -> Generator[None]:
    """Go on without a page: a disk is full, or a test has removed the folder."""
    try:
        yield
    except OSError as error:
        report.note(config, f"no page of {whose}: {error}")


def _folder(config: pytest.Config) -> Path | None:
    chosen = config.stash[options.KEY].report
    return config.invocation_params.dir / chosen if chosen else None


def _is_wished(item: pytest.Item, outcome: pytest.TestReport) -> bool:
    every = item.config.stash[options.KEY].report_on == "always"
    return outcome.failed or (every and outcome.when == "call")


def _snapshots(item: pytest.Item, outcome: pytest.TestReport) -> "tuple[Snapshot, ...]":
    """Return what the test's apps were like: for a failed one what its story was told from.

    Where the teardown fails, which has emptied them, what they were like before it if somebody looked.
    """
    if not outcome.failed:
        item.stash[_SEEN] = tuple(observing.observe(app) for app in awaiting.apps_of_test())
    told: list[Snapshot] = item.stash.get(telling.SNAPSHOTS, [])
    return tuple(told) or item.stash.get(_SEEN, ())


def _story(outcome: pytest.TestReport, said: str, snapshots: "tuple[Snapshot, ...]") -> "Story":
    from pytest_pynenc_mongo.pages.page import Story, counts_of
    from pytest_pynenc_mongo.pages.record import Record

    record = Record(
        nodeid=outcome.nodeid,
        outcome=outcome.outcome,
        phase=outcome.when or "call",
        seconds=round(outcome.duration, 3),
        cause=_cause(outcome),
        counts=counts_of(snapshots),
    )
    # the story and the logs are on the page in another form
    captured = [(title, _shortened(text)) for title, text in outcome.sections if title.startswith("Captured")]
    return Story(record, _shortened(said), tuple(captured), snapshots)


def _cause(outcome: pytest.TestReport) -> str:
    """Return what a test failed of, without a task's traceback in its notes; empty if it has not."""
    crash = getattr(outcome.longrepr, "reprcrash", None)
    lines = crash.message.splitlines() if crash else outcome.longreprtext.splitlines()[-1:]
    said = list(takewhile(lambda line: not line.startswith("Traceback "), lines))
    return "\n".join(said[:_MOST_LINES_OF_CAUSE])[:_MOST_CHARACTERS_OF_CAUSE]


def _shortened(text: str) -> str:
    """Return a text without colours, its end where it is long."""
    plain = _COLOUR.sub("", text)
    return plain if len(plain) <= _MOST_CHARACTERS else f"[...]\n{plain[-_MOST_CHARACTERS:]}"
