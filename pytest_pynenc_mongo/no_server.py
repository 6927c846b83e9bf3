"""One failure a run where no server answers: the tests after it are skipped, and say where to look."""

import pytest

_NO_SERVER: pytest.StashKey[tuple[str, str]] = pytest.StashKey()


def failure(request: pytest.FixtureRequest, message: str) -> BaseException:
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


def skip(item: pytest.Item) -> None:
    """Skip a test that needs the server that a test before it did not find."""
    fixture, reason = item.config.stash.get(_NO_SERVER, ("", ""))
    if fixture in getattr(item, "fixturenames", ()):
        raise _skipped(reason)


def _skipped(reason: str) -> BaseException:
    """Return what skips a test, at the test's own place and not at ours."""
    return pytest.skip.Exception(reason, _use_item_location=True)
