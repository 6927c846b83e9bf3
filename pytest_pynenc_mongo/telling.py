"""A failed test's story, in pytest's own report: so that xdist, junit XML and HTML reports carry it, too."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from _pytest._code.code import ExceptionRepr

from pytest_pynenc_mongo import awaiting, executors, failpoints, observing, story
from pytest_pynenc_mongo.snapshot import Snapshot

if TYPE_CHECKING:
    from pynenc import Pynenc

# what was seen of a test's apps when it failed; of none that passed
SNAPSHOTS: pytest.StashKey[list[Snapshot]] = pytest.StashKey()
# what its report said before the story was added
SAID: pytest.StashKey[str] = pytest.StashKey()
_TOLD: pytest.StashKey[bool] = pytest.StashKey()


def show(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the story to the report of the phase that failed first, before its teardown empties anything."""
    if report.failed or report.when == "call":
        failpoints.switch_off(item)  # nothing after this is meant to fail
    if report.failed and not item.stash.get(_TOLD, False):
        item.stash[_TOLD] = True
        for app in awaiting.apps_of_test():
            _look_at(item, app)
        item.stash[SAID] = said = report.longreprtext
        for title, text in _sections(item, said):
            _add(report, title, text)


@contextmanager
def seen_if_it_fails(item: pytest.Item, app: "Pynenc") -> Generator[None]:
    """Look at an app if the block fails: before the phase has failed the app is back where it was."""
    try:
        yield
    except (Exception, pytest.fail.Exception):
        if not item.stash.get(_TOLD, False):
            _look_at(item, app)
        raise


def _look_at(item: pytest.Item, app: "Pynenc") -> None:
    earlier = item.stash.get(SNAPSHOTS, [])
    others = [each for each in earlier if each.app_id != app.app_id]
    item.stash[SNAPSHOTS] = [*others, observing.observe(app)]


def _sections(item: pytest.Item, said: str) -> list[tuple[str, str]]:
    """Return titles and texts, but for a log that an error's message ends with."""
    snapshots = item.stash.get(SNAPSHOTS, [])
    title = "pynenc {}" if len(snapshots) > 1 else "pynenc"
    stories = [(title.format(each.app_id), "\n".join(story.lines(each, said))) for each in snapshots]
    logs = [each for each in executors.logs_of_test() if not all(line in said for line in each.lines)]
    if failed := failpoints.told(item):
        stories.append(("pynenc fail points", "\n".join(failed)))
    return [*stories, *((log.title, "\n".join(log.lines)) for log in logs)]


def _add(report: pytest.TestReport, title: str, text: str) -> None:
    # a part of the failure itself where that has parts: junit XML has no other sections than captured output
    if isinstance(report.longrepr, ExceptionRepr):
        report.longrepr.addsection(title, text, "-")
    else:
        report.sections.append((title, text))
