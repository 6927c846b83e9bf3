"""An engine that dies in the middle of a run, or refuses the user, is named once, and costs no time."""

import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from pytest_pynenc_mongo.databases import TestServer
from pytest_pynenc_mongo.sweeping import sweep
from tests import secantus_main
from tests.faulty import faulty
from tests.plugin.helpers import (
    RUN_SECONDS,
    Marked,
    make_shop,
    output,
    run,
    start,
    wait_until,
)
from tests.reproducible import in_thorough_runs

pytestmark = pytest.mark.slow

NAMES = {"mongomock": "mongomock", "embedded": "SecantusDB"}
SIGNS_OF_A_TRACEBACK = ("Traceback", "INTERNALERROR", "pynenc_mongo/", "pymongo", "Topology")
# how long a run may take in which a driver that knows of nothing would look for its server 30 s a command
END_SECONDS = 25.0

CONFTEST = """
    import os
    import signal
    import pytest

    @pytest.fixture(scope="session")
    def kill_engine(pynenc_mongo_engine):
        def kill():
            with open("engine.txt", "w") as note:
                note.write(str(pynenc_mongo_engine.pid))
            os.kill(pynenc_mongo_engine.pid, signal.SIGKILL)
        return kill

    @pytest.fixture
    def pynenc_app_config():
        return {"runner_cls": os.environ.get("RUNNER", "ThreadRunner")}
"""
BEFORE_AND_AFTER = """
    from shop.app import add

    def test_before(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3

    {test}

    def test_after(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3

    def test_after_in_a_worker(pynenc_app, pynenc_worker):
        assert add(1, 2).result == 3

    def test_after_with_the_client(pynenc_mongo_client):
        assert pynenc_mongo_client.admin.command("ping")

    def test_of_no_concern():
        pass
"""
# where a test is when its engine dies, and how that test ends: all others are skipped
DEATHS = {
    "calling a task": (
        """
    def test_dies(pynenc_app, pynenc_runner, kill_engine):
        kill_engine()
        add(1, 2)
        """,
        {"failed": 1},
    ),
    "waiting for a result": (
        """
    def test_dies(pynenc_app, pynenc_runner, kill_engine, tmp_path):
        from shop.app import hang
        invocation = hang(str(tmp_path / "started"))
        kill_engine()
        invocation.result
        """,
        {"failed": 1},
    ),
    "waiting for something else": (
        """
    def test_dies(pynenc_app, pynenc_worker, pynenc_wait, kill_engine):
        kill_engine()
        pynenc_wait.until(lambda: False)
        """,
        {"failed": 1},
    ),
    "waiting for a worker": (
        """
    def test_dies(pynenc_app, pynenc_worker, pynenc_wait, kill_engine, tmp_path):
        from shop.app import hang
        invocation = hang(str(tmp_path / "started"))
        kill_engine()
        pynenc_wait(invocation)
        """,
        {"failed": 1},
    ),
    "at its end": (
        """
    def test_dies(pynenc_app, pynenc_runner, kill_engine):
        assert add(1, 2).result == 3
        kill_engine()
        """,
        {"passed": 1, "errors": 1},
    ),
    "in a fixture": (
        """
    import pytest

    @pytest.fixture
    def deadly(pynenc_app, kill_engine):
        kill_engine()
        return add(1, 2)

    def test_dies(deadly):
        pass
        """,
        {"errors": 1},
    ),
    "between two tests": (
        """
    def test_dies(kill_engine):
        kill_engine()
        """,
        # of the tests after it, the first one says it
        {"passed": 1, "errors": 1, "skipped": 2},
    ),
}


def said_once(result: pytest.RunResult, sentence: str) -> None:
    """Check that a run says a sentence (a pattern) as its one failure, and shows no traceback of ours."""
    failures = [line for line in result.outlines if re.match(r"(E  +)?" + sentence, line)]
    assert len(failures) == 1, output(result)
    for sign in SIGNS_OF_A_TRACEBACK:
        assert sign not in output(result)


# the others are for thorough runs; the first one is looked at under xdist, too
OFTEN = ("waiting for a result", "between two tests")


@pytest.mark.parametrize(
    ("test", "outcomes"),
    [
        pytest.param(*case, id=name) if name in OFTEN else in_thorough_runs(case, name)
        for name, case in DEATHS.items()
    ],
)
def test_an_engine_that_dies_is_one_failure_a_run(
    pytester: pytest.Pytester, on_own_engine: tuple[str, ...], test: str, outcomes: dict[str, int]
) -> None:
    make_shop(pytester)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(BEFORE_AND_AFTER.replace("{test}", test.strip()))
    begin = monotonic()
    result = run(pytester, *on_own_engine, "-rs")
    assert monotonic() - begin < END_SECONDS
    result.assert_outcomes(**{"skipped": 3, **outcomes, "passed": 2 + outcomes.get("passed", 0)})
    pid = (pytester.path / "engine.txt").read_text()
    name = NAMES["embedded" if on_own_engine else "mongomock"]
    said_once(result, rf"{name} \(pid {pid}\) ended with SIGKILL; it(s log ends with:| wrote no log\.)")


@pytest.mark.parametrize(
    "runner",
    [
        "ProcessRunner",
        *(in_thorough_runs([name]) for name in ("MultiThreadRunner", "PersistentProcessRunner")),
    ],
)
def test_a_runner_with_processes_of_its_own_ends_too(
    pytester: pytest.Pytester, on_own_engine: tuple[str, ...], runner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER", runner)
    marked = Marked()
    monkeypatch.setenv(marked.name, marked.value)
    make_shop(pytester)
    pytester.makeconftest(CONFTEST)
    test, outcomes = DEATHS["waiting for a result"]
    pytester.makepyfile(BEFORE_AND_AFTER.replace("{test}", test.strip()))
    begin = monotonic()
    result = run(pytester, *on_own_engine)
    assert monotonic() - begin < END_SECONDS
    result.assert_outcomes(**outcomes, passed=2, skipped=3)
    wait_until(lambda: not marked.pids(), 5.0, "the end of all that the run started")


def test_engines_that_die_are_one_failure_a_run_under_xdist(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makeconftest(CONFTEST)
    test, _ = DEATHS["calling a task"]
    # each xdist worker runs all of one file, on an engine of its own
    pytester.makepyfile(test_a=BEFORE_AND_AFTER.replace("{test}", test.strip()))
    pytester.makepyfile(test_b=BEFORE_AND_AFTER.replace("{test}", test.strip()))
    result = run(pytester, "-n", "2", "--dist=loadfile", "-rs")
    result.assert_outcomes(failed=1, passed=4, skipped=7)
    result.stdout.fnmatch_lines(["SKIPPED*no MongoDB, see the first test that needed it: mongomock (pid *"])


OTHER_ERRORS = """
    import pytest
    from pymongo.errors import AutoReconnect
    from shop.app import add

    def test_driver_error(pynenc_app):
        raise AutoReconnect("as it must")

    def test_skips(pynenc_mongo_client):
        try:
            raise AutoReconnect("as it must")
        except AutoReconnect:
            pytest.skip("no reason to fail")

    def test_passes(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3
"""


def test_an_error_on_a_server_that_answers_stays_as_it_is(pytester: pytest.Pytester) -> None:
    """The control: an error of the driver alone is no outage."""
    make_shop(pytester)
    pytester.makepyfile(OTHER_ERRORS)
    result = run(pytester, "-rs")
    result.assert_outcomes(failed=1, skipped=1, passed=1)
    result.stdout.fnmatch_lines(["*AutoReconnect: as it must", "SKIPPED*no reason to fail"])


AWAY = """
    import pathlib
    from shop.app import add

    def test_before(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3

    def test_away(pynenc_app, pynenc_mongo_client):
        pathlib.Path("away").touch()
        while pynenc_mongo_client.admin.command("ping"):
            pass

    def test_after(pynenc_app):
        add(1, 2)

    def test_after_too(pynenc_mongo_client):
        pynenc_mongo_client.admin.command("ping")
"""


@pytest.mark.parametrize(
    "arguments", [pytest.param((), id="serial"), in_thorough_runs([("-n", "1")], "xdist")]
)
def test_a_server_that_goes_away_is_one_failure_a_run(
    pytester: pytest.Pytester, embedded_url: str, arguments: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(AWAY)
    with faulty(embedded_url) as line:
        # an option in the URL wins: what one command may take
        url = f"{line.url}&timeoutMS=3000"
        process = start(pytester, f"--pynenc-mongo-url={url}", "--pynenc-mongo-timeout=1", *arguments)
        wait_until((pytester.path / "away").exists, RUN_SECONDS, "the test in which the server goes away")
        line.stop()
        process.wait(RUN_SECONDS)
    said = (pytester.path / "output.txt").read_text()
    assert re.search(r"1 failed, 1 passed, 2 skipped", said), said
    assert len(re.findall(rf"^(?:E  +)?{re.escape(url)} has gone away: ", said, re.MULTILINE)) == 1
    for sign in SIGNS_OF_A_TRACEBACK:
        assert sign not in said
    server = TestServer(embedded_url)
    sweep(server, "pynenc_test", kept_too=False)
    server.close()


REFUSED = """
    from shop.app import add

    def test_one(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3

    def test_two(pynenc_mongo_db):
        pynenc_mongo_db["notes"].insert_one({})

    def test_three(pynenc_mongo_client):
        pynenc_mongo_client.admin.command("ping")

    def test_of_no_concern():
        pass
"""
OWN_URL = """
    import pytest

    @pytest.fixture(scope="session")
    def pynenc_mongo_url():
        return {url!r}
"""


@pytest.fixture
def locked_url(tmp_path: Path) -> Iterator[str]:
    """The URL of a SecantusDB that lets nobody in but `ann`, without a user in it."""
    with secantus_main.running(secantus_main.locked, tmp_path) as url:
        yield url


@pytest.mark.parametrize(
    ("arguments", "is_own"),
    [
        in_thorough_runs([(), True], "own fixture-serial"),
        pytest.param(("-n", "2"), False, id="option-xdist"),
        in_thorough_runs([("-n", "2"), True], "own fixture-xdist"),
        in_thorough_runs([(), False], "option-serial"),
    ],
)
def test_a_wrong_password_is_one_failure_a_run(
    pytester: pytest.Pytester, locked_url: str, arguments: tuple[str, ...], *, is_own: bool
) -> None:
    make_shop(pytester)
    pytester.makepyfile(REFUSED)
    url = locked_url.replace("//", "//ann:mistaken@")
    if is_own:
        pytester.makeconftest(OWN_URL.format(url=url))
    result = run(pytester, *(() if is_own else (f"--pynenc-mongo-url={url}",)), *arguments)
    result.assert_outcomes(errors=1, skipped=2, passed=1)
    assert "mistaken" not in output(result)
    said_once(
        result, rf"MongoDB at {re.escape(url.replace(':mistaken', ':***'))}.* refuses us: .*correct the user"
    )


@pytest.mark.thorough
def test_the_right_password_lets_the_same_run_pass(pytester: pytest.Pytester, locked_url: str) -> None:
    make_shop(pytester)
    pytester.makepyfile(REFUSED)
    url = locked_url.replace("//", "//ann:right@")
    run(pytester, f"--pynenc-mongo-url={url}").assert_outcomes(passed=4)
