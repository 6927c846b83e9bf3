"""One failure a run where no server answers, or none any more: the tests after it are skipped."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_pynenc_mongo.databases import TestServer
from pytest_pynenc_mongo.errors import PynencMongoTestError


@dataclass
class _Outage:
    """Why tests that depend on one of the fixtures get no server, and what ends the first of them."""

    fixtures: frozenset[str]
    reason: str
    failure: BaseException
    told_in: str = ""  # the id of that test

    def concerns(self, item: pytest.Item) -> bool:
        return not self.fixtures.isdisjoint(getattr(item, "fixturenames", ()))


@dataclass(frozen=True)
class _Watched:
    """The server that tests get from the fixtures, and a folder that all workers of an xdist run see."""

    server: TestServer
    fixtures: frozenset[str]
    shared: Path | None


_OUTAGE: pytest.StashKey[_Outage] = pytest.StashKey()
_WATCHED: pytest.StashKey[_Watched] = pytest.StashKey()


@contextmanager
def watching(request: pytest.FixtureRequest, server: TestServer, *fixtures: str) -> Generator[None]:
    """Have tests that meet the end of `server` meanwhile say so plainly; `fixtures` are what leads to it."""
    stash = request.config.stash
    before = stash.get(_WATCHED, None)
    if before and before.server == server:
        fixtures = (*fixtures, *before.fixtures)
    stash[_WATCHED] = _Watched(server, frozenset(fixtures), _shared_folder(request))
    try:
        yield
    finally:
        # the phase in which this happens is not over yet, and may still have to say how the server ended
        _known_outage(request.config)
        if before:
            stash[_WATCHED] = before
        else:
            del stash[_WATCHED]


def failure(request: pytest.FixtureRequest, needed: str, message: str) -> BaseException:
    """Return how a fixture ends without a server: one failure a run; tests that need `needed` are skipped."""
    return _begin(request.config, frozenset({needed}), message, _shared_folder(request)).failure


def in_plain_words(item: pytest.Item, phase: str) -> Generator[None]:
    """Around a phase of a test: what comes of the end of its server is told once a run, in one sentence."""
    try:
        if phase == "setup":
            _refuse(item)
        yield
    except BaseException as error:
        outage = _behind(error, item)
        if outage is None:
            raise
        _tell(outage, item, phase)


def shorten(item: pytest.Item, report: pytest.TestReport) -> bool:
    """Leave out of an outage's report what was logged of it meanwhile, by each runner with a traceback.

    Return whether it is one, which says all that there is to say.
    """
    outage = item.config.stash.get(_OUTAGE, None)
    if not outage or outage.told_in != item.nodeid:
        return False
    report.sections[:] = [section for section in report.sections if "stdout" in section[0]]
    return True


def _refuse(item: pytest.Item) -> None:
    """End a test at once that needs a server which is known not to be there."""
    outage = _known_outage(item.config)
    if outage and outage.concerns(item):
        raise outage.failure


def _tell(outage: _Outage, item: pytest.Item, phase: str) -> None:
    ending = _skipped(outage.reason) if outage.told_in else outage.failure
    outage.told_in = outage.told_in or item.nodeid
    # what has ended a test already needs not end its teardown
    if phase != "teardown" or not isinstance(ending, pytest.skip.Exception):
        raise ending from None


def _behind(error: BaseException, item: pytest.Item) -> _Outage | None:
    """Return the outage that an error comes of, if any."""
    causes = list(_causes(error, set()))
    outage = item.config.stash.get(_OUTAGE, None)
    if outage and any(cause is outage.failure for cause in causes):
        return outage
    is_failure = not isinstance(error, pytest.skip.Exception | pytest.xfail.Exception | pytest.exit.Exception)
    watched = item.config.stash.get(_WATCHED, None)
    if not is_failure or not (watched or outage) or not any(map(_is_of_a_server, causes)):
        return None
    if outage and outage.concerns(item):
        return outage
    return _known_outage(item.config) if watched and watched.server.how_it_ended() else None


def _known_outage(config: pytest.Config) -> _Outage | None:
    """Return the outage of this run, which begins when it is known how the server ended; nobody is asked."""
    if outage := config.stash.get(_OUTAGE, None):
        return outage
    watched = config.stash.get(_WATCHED, None)
    how = watched.server.known_end if watched else ""
    return _begin(config, watched.fixtures, how, watched.shared) if watched and how else None


def _begin(config: pytest.Config, fixtures: frozenset[str], message: str, shared: Path | None) -> _Outage:
    """Note an outage; of the workers of xdist the first one fails, and the others skip."""
    reason = f"no MongoDB, see the first test that needed it: {message.partition('\n')[0]}"
    ending: BaseException = pytest.fail.Exception(message, pytrace=False)
    try:
        if shared is not None:
            (shared / "pynenc-mongo-no-server").touch(exist_ok=False)
    except FileExistsError:
        ending = _skipped(reason)
    config.stash[_OUTAGE] = _Outage(fixtures, reason, ending)
    return config.stash[_OUTAGE]


def _causes(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Return an error, all that led to it, and, if it is a group, all of them."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for each in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from _causes(each, seen)


def _is_of_a_server(error: BaseException) -> bool:
    from pymongo.errors import PyMongoError

    from pynenc_mongo.errors import PynencMongoError

    return isinstance(error, PyMongoError | PynencMongoError | PynencMongoTestError)


def _shared_folder(request: pytest.FixtureRequest) -> Path | None:
    if not hasattr(request.config, "workerinput"):
        return None
    folder: Path = request.getfixturevalue("tmp_path_factory").getbasetemp().parent
    return folder


def _skipped(reason: str) -> BaseException:
    """Return what skips a test, at the test's own place and not at ours."""
    return pytest.skip.Exception(reason, _use_item_location=True)
