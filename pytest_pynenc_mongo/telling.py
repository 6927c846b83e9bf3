"""A failed test's story, in pytest's own report: so that xdist, junit XML and HTML reports carry it, too."""

import pytest

from pytest_pynenc_mongo import awaiting, executors, observing, story
from pytest_pynenc_mongo.snapshot import Snapshot

# what was seen of a test's apps when it failed; of none that passed
SNAPSHOTS: pytest.StashKey[list[Snapshot]] = pytest.StashKey()
_TOLD: pytest.StashKey[bool] = pytest.StashKey()


def show(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add the story to the report of the phase that failed first, before its teardown empties anything."""
    if report.failed and not item.stash.get(_TOLD, False):
        item.stash[_TOLD] = True
        snapshots = item.stash.setdefault(SNAPSHOTS, [])
        snapshots += [observing.observe(app) for app in awaiting.apps_of_test()]
        report.sections += _sections(snapshots, report.longreprtext)
    if report.when == "teardown":
        executors.forget_test()


def _sections(snapshots: list[Snapshot], already_said: str) -> list[tuple[str, str]]:
    title = "pynenc {}" if len(snapshots) > 1 else "pynenc"
    stories = [(title.format(each.app_id), "\n".join(story.lines(each))) for each in snapshots]
    logs = [(log.title, "\n".join(log.lines)) for log in executors.logs_of_test()]
    return [(title, text) for title, text in [*stories, *logs] if text and text not in already_said]
