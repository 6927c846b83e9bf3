"""What the run says of itself: its MongoDB, or that there is none, and which databases it kept or dropped."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import marker, options

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_NOTES: pytest.StashKey[list[str]] = pytest.StashKey()
_FAILED: pytest.StashKey[bool] = pytest.StashKey()
_KEPT: pytest.StashKey[bool] = pytest.StashKey()
_DATABASE: pytest.StashKey[str] = pytest.StashKey()
_NO_SERVER: pytest.StashKey[tuple[str, str]] = pytest.StashKey()
_WORKER_OUTPUT = "pynenc_mongo_notes"
_TEST_NAME_LENGTH = 20


def note(config: pytest.Config, line: str) -> None:
    """Say a line at the end of the run."""
    config.stash.setdefault(_NOTES, []).append(line)


def remember_outcome(item: pytest.Item, outcome: pytest.TestReport) -> None:
    if outcome.failed:
        item.stash[_FAILED] = True


def keep_database(request: pytest.FixtureRequest, url: str, name: str) -> None:
    """Keep a copy of the test database if the test, by its outcome, shall have one.

    Of the fixtures that empty the database the one that ends first keeps it; then it is as the test left it.
    """
    from pynenc_mongo.conf.address import mask_url
    from pytest_pynenc_mongo import databases

    item = request.node
    if item.stash.get(_KEPT, False):
        return
    item.stash[_KEPT] = True
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


def database_name(config: pytest.Config) -> str:
    """Return the name of the database of this run and xdist worker."""
    from pytest_pynenc_mongo import databases

    if _DATABASE not in config.stash:
        prefix = config.stash[options.KEY].db_prefix
        config.stash[_DATABASE] = databases.name_of_run(prefix, getattr(config, "workerinput", None))
    return config.stash[_DATABASE]


def no_server(request: pytest.FixtureRequest, message: str) -> BaseException:
    """Return how the fixture of `request` ends without a server: one failure a run, and skipped tests.

    Of the workers of xdist the first one says it; they share the folder above their temporary one.
    """
    reason = f"no MongoDB, see the first test that needed it: {message}"
    request.config.stash[_NO_SERVER] = (str(request.fixturename), reason)
    if hasattr(request.config, "workerinput"):
        shared = request.getfixturevalue("tmp_path_factory").getbasetemp().parent
        try:
            (shared / "pynenc-mongo-no-server").touch(exist_ok=False)
        except FileExistsError:
            return _skipped(reason)
    return pytest.fail.Exception(message, pytrace=False)


def skip_without_server(item: pytest.Item) -> None:
    """Skip a test that needs the server that a test before it did not find."""
    fixture, reason = item.config.stash.get(_NO_SERVER, ("", ""))
    if fixture in getattr(item, "fixturenames", ()):
        raise _skipped(reason)


def _skipped(reason: str) -> BaseException:
    """Return what skips a test, at the test's own place and not at ours."""
    return pytest.skip.Exception(reason, _use_item_location=True)


def header(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Return the line that says which MongoDB the tests use, if any of them does."""
    if not any("pynenc_mongo_url" in getattr(item, "fixturenames", ()) for item in items):
        return None
    chosen = config.stash[options.KEY]
    where = f"{_described(chosen)}, from {chosen.url_source}"
    if any(_brings_a_server(item) for item in items):
        where = "the server of the fixture pynenc_mongo_url"
    database = database_name(config)
    if worker := getattr(config, "workerinput", None):
        database = f"{database.removesuffix(str(worker['workerid']))}*"
    return f"pynenc-mongo: {where}; database {database}; keep={chosen.keep}"


def _brings_a_server(item: pytest.Item) -> bool:
    """Whether a test has a fixture `pynenc_mongo_url` that is not the plugin's."""
    defined = getattr(item, "_fixtureinfo").name2fixturedefs.get("pynenc_mongo_url", ())  # noqa: B009
    return bool(defined) and not defined[-1].func.__module__.startswith(__package__ or "")


def _described(chosen: options.Options) -> str:
    if chosen.url == options.SERVED:
        return "mongomock, shared by the processes of this machine"
    if chosen.url == options.EMBEDDED_URL:
        return "SecantusDB in a child process"
    from pynenc_mongo.conf.address import mask_url

    return mask_url(chosen.url)


def hand_over(session: pytest.Session) -> None:
    """Give what an xdist worker has to say to the controller, which has no header of ours: that first."""
    if hasattr(session.config, "workeroutput"):
        lines = [header(session.config, session.items), *session.config.stash.get(_NOTES, [])]
        session.config.workeroutput[_WORKER_OUTPUT] = [line for line in lines if line]


def take_over(config: pytest.Config, worker: Any) -> None:
    """Note what a worker has to say, once if several say it."""
    for line in getattr(worker, "workeroutput", {}).get(_WORKER_OUTPUT, []):
        if line not in config.stash.get(_NOTES, []):
            note(config, line)


def summarise(terminal: "TerminalReporter", config: pytest.Config) -> None:
    if notes := config.stash.get(_NOTES, []):
        terminal.section("pynenc-mongo")
        for line in notes:
            terminal.line(line)
