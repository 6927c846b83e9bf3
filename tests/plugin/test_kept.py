"""Databases that outlive a run: the copies that were asked for, and what a killed run left."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bson import decode
from pymongo import MongoClient

from pytest_pynenc_mongo import dumps
from pytest_pynenc_mongo.manifests import FILE
from tests.plugin import pages
from tests.plugin.helpers import (
    EMBEDDED,
    RUN_SECONDS,
    everything,
    make_shop,
    run,
    wait_until,
)
from tests.reproducible import in_thorough_runs

KEEP = "--pynenc-mongo-keep=failed"
TESTS = """
    import os
    from shop.app import add

    def test_passes(pynenc_app):
        add(1, 2)

    def test_fails(pynenc_app):
        add(20, 22)
        raise LookupError("as it must")

    def test_dies(pynenc_app):
        add(1, 2)
        os._exit(3)
"""


def printed_after(result: pytest.RunResult, line: str) -> str:
    """Return what a run has printed on the line after one."""
    result.stdout.fnmatch_lines([line, "    *"], consecutive=True)
    return result.stdout.get_lines_after(line)[0].strip()


def commands_in(said: str) -> list[str]:
    """Return the commands that are to be pasted, without comments."""
    return [
        line.partition("    #")[0].strip()
        for line in said.splitlines()
        if " 'mongodb://" in line or "='mongodb://" in line
    ]


@contextmanager
def pasted(command: str, folder: Path, last: str) -> Iterator[str]:
    """Run a command in a shell until Ctrl-C, as a user pastes it; return what it says, `last` included."""
    log = folder / "said.txt"
    with log.open("w") as file:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"], cwd=folder, stdout=file, stderr=file, start_new_session=True
        )
    try:
        wait_until(lambda: last in log.read_text() or process.poll() is not None, RUN_SECONDS, command)
        assert process.poll() is None, log.read_text()
        yield log.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(RUN_SECONDS) == 0, log.read_text()


def read_pages(command: str, folder: Path, *paths: str) -> list[str]:
    """Run the command that opens pynmon; return pages of it."""
    home = folder / "pynmon"
    home.mkdir()
    with pasted(command, home, "until Ctrl-C") as said:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", said)
        found = [pages.get(f"{url}{path}") for path in paths]
    assert [page.status for page in found] == [200] * len(paths)
    return [page.text for page in found]


@pytest.mark.slow
def test_a_failed_test_s_database_is_kept_until_it_is_swept(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    url = f"--pynenc-mongo-url={embedded_url}"
    with MongoClient[dict[str, Any]](embedded_url) as client:
        bystander = client["pynenc_test_bystander"]
        bystander["orders"].insert_many([{"_id": number, "what": "tea"} for number in range(3)])
        before, all_before = set(client.list_database_names()), everything(client)

        result = run(pytester, url, KEEP, "-n", "2", "-k", "not dies")
        result.assert_outcomes(passed=1, failed=1)
        (kept,) = set(client.list_database_names()) - before
        line = f"kept {kept}, as *::test_fails left it: mongosh {embedded_url} then *"
        opens_pynmon = f"{sys.executable} -m pytest_pynenc_mongo.pynmon {embedded_url} {kept}"
        assert printed_after(result, line) == opens_pynmon
        stored = [name for name in client[kept].list_collection_names() if name.startswith("shop.")]
        assert sum(client[kept][name].count_documents({}) for name in stored) >= len(stored) > 2

        # what a killed run left goes by itself, what was kept does not
        assert run(pytester, url, "-k", "dies").ret == 3
        (left,) = set(client.list_database_names()) - before - {kept}
        result = run(pytester, url, "-k", "passes")
        result.stdout.fnmatch_lines([f"dropped {left}, whose run has ended"])
        assert set(client.list_database_names()) - before == {kept}

        result = run(pytester, url, "--pynenc-mongo-sweep", "-k", "passes")
        result.stdout.fnmatch_lines([f"dropped {kept}, whose run has ended"])
        # a run, a crash and a sweep later: no owner's record, no touch
        assert everything(client) == all_before
        client.drop_database("pynenc_test_bystander")


READERS = """
    from pathlib import Path

    DIRECTORY = Path(__file__).with_name("directory.txt")
    DATABASE = Path(__file__).with_name("database.txt")

    def test_it_is_read_on_its_server(pynenc_mongo_client):
        kept = pynenc_mongo_client[DATABASE.read_text()]
        assert kept["shop.orchestrator_invocations"].count_documents({}) == 1

    def test_it_is_loaded(pynenc_app, pynenc_mongo_load):
        manifest = pynenc_mongo_load(DIRECTORY.read_text())
        assert manifest.test.endswith("::test_fails")
        assert list(manifest.apps) == [pynenc_app.app_id] == ["shop"]
        (stored,) = pynenc_app.state_backend.iter_invocations_in_timerange(START, END)
        invocation = pynenc_app.state_backend.get_invocation(stored[0])
        assert invocation.arguments.kwargs == {"x": 20, "y": 22}
        assert not invocation.status.is_final()

    def test_another_test_finds_nothing_of_it(pynenc_app):
        assert pynenc_app.broker.count_invocations() == 0

    def test_what_cannot_be_loaded_is_told_plainly(pynenc_mongo_load, tmp_path):
        pynenc_mongo_load(tmp_path)

    from datetime import UTC, datetime
    START, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    "more", [pytest.param(("-n", "2"), id="mongomock"), in_thorough_runs([(EMBEDDED,)], "embedded")]
)
def test_what_ends_with_the_run_is_kept_as_a_directory_and_opened_by_one_command(
    pytester: pytest.Pytester, tmp_path: Path, more: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(test_kept=TESTS)
    result = run(pytester, KEEP, "-k", "not dies", *more)
    result.assert_outcomes(passed=1, failed=1)
    command = printed_after(result, "kept the database as test_kept.py::test_fails left it; this opens it:")
    directory = Path(command.split()[-1])
    assert directory.is_relative_to(pytester.path)

    # in another folder, as if in another terminal
    with pasted(command, tmp_path, "pytest --pynenc-mongo-url=") as said:
        assert "test_kept.py::test_fails\nleft database pynenc_test_" in said
        opens_pynmon, _, opens_pytest = commands_in(said)
        database = opens_pynmon.split()[-1]
        invocations, task = read_pages(opens_pynmon, tmp_path, "/invocations/", "/tasks/shop.app.add")
        (pytester.path / "directory.txt").write_text(str(directory))
        (pytester.path / "database.txt").write_text(database)
        pytester.makepyfile(test_reading=READERS)
        read = pytester.run(
            "bash", "-c", f"{sys.executable} -m {opens_pytest} test_reading.py", timeout=RUN_SECONDS
        )
    read.assert_outcomes(passed=3, failed=1)
    refused = "* holds no kept database, or not the whole of it: it has no manifest.json; name a directory *"
    read.stdout.fnmatch_lines([refused])
    kept = dumps.read(directory)
    (stored,) = kept.documents["shop.orchestrator_invocations"]
    assert str(decode(stored)["_id"]) in invocations
    assert "shop.app.add" in task


@pytest.mark.slow
def test_a_directory_that_the_user_names_keeps_what_servers_hold_and_is_swept_when_asked(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    make_shop(pytester, "pynenc_mongo_keep_dir = artifacts/kept")
    pytester.makepyfile(TESTS)
    url, home = f"--pynenc-mongo-url={embedded_url}", pytester.path / "artifacts" / "kept"
    with MongoClient[dict[str, Any]](embedded_url) as client:
        before = client.list_database_names()
        result = run(pytester, url, KEEP, "-k", "fails")
        assert client.list_database_names() == before
    (directory,) = home.iterdir()
    assert printed_after(result, "kept the database as *::test_fails left it; *").endswith(f" {directory}")
    assert "shop.broker_messages" in dumps.read(directory).documents

    (home / "notes").mkdir()  # not ours
    (home / "notes" / FILE).write_text("{}")
    run(pytester, KEEP, "-k", "fails").assert_outcomes(failed=1)
    kept = sorted(home.glob("pynenc_test_*"))
    assert len(kept) == 2
    result = run(pytester, "--pynenc-mongo-sweep", "-k", "passes")
    result.stdout.fnmatch_lines([f"removed {each}, whose run has ended" for each in kept])
    assert [each.name for each in home.iterdir()] == ["notes"]


def test_a_directory_that_cannot_be_written_is_named_and_fails_nothing(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    result = run(
        pytester, "--pynenc-mongo-keep=always", "--pynenc-mongo-keep-dir=pytest.ini", "-k", "not dies"
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["could not keep the database of *::test_fails: *Not a directory: *"])


def test_what_is_kept_stays_where_pytest_leaves_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_shop(pytester, "tmp_path_retention_policy = none")
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("TMPDIR", str(pytester.path))
    result = run(pytester, "--pynenc-mongo-keep=always", "-k", "passes")
    directory = Path(printed_after(result, "kept the database as *::test_passes left it; *").split()[-1])
    assert directory.parent == pytester.path
    assert dumps.read(directory).manifest.apps == ["shop"]


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    for arguments, code, said in (
        ([str(tmp_path)], 1, f"{tmp_path} holds no kept database, *"),
        ([], 2, "usage: python -m pytest_pynenc_mongo.kept DIRECTORY, *"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "pytest_pynenc_mongo.kept", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (code, "")
        pytest.LineMatcher(ended.stderr.splitlines()).fnmatch_lines([said])
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_kept_database_is_as_the_test_left_it_whichever_fixture_ends_first(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        from shop.app import add

        def test_app_first(pynenc_app, pynenc_mongo_db):
            add(1, 2)

        def test_database_first(pynenc_mongo_db, pynenc_app):
            add(1, 2)

        def test_database_only(pynenc_mongo_db):
            pynenc_mongo_db["notes"].insert_one({"_id": 1})
        """
    )
    with MongoClient[dict[str, Any]](embedded_url) as client:
        before = set(client.list_database_names())
        run(pytester, f"--pynenc-mongo-url={embedded_url}", "--pynenc-mongo-keep=always").assert_outcomes(
            passed=3
        )
        kept = sorted(set(client.list_database_names()) - before)
        stored = [set(client[name].list_collection_names()) for name in kept]
        for name in kept:
            client.drop_database(name)
    assert ["shop.broker_messages" in names for names in stored] == [True, True, False]
    assert stored[2] == {"notes", "pynenc_test_owner"}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_the_end_of_a_run_names_a_database_whose_owner_cannot_be_read(
    pytester: pytest.Pytester, embedded_url: str, arguments: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile("def test_one(pynenc_app): pass\ndef test_two(pynenc_app): pass")
    with MongoClient[dict[str, Any]](embedded_url) as client:
        client["pynenc_test_odd"]["pynenc_test_owner"].insert_one({"_id": "owner", "pid": "all of them"})
        result = run(pytester, f"--pynenc-mongo-url={embedded_url}", *arguments)
        assert "pynenc_test_odd" in client.list_database_names()
        client.drop_database("pynenc_test_odd")
    result.assert_outcomes(passed=2)
    said = [line for line in result.stdout.lines if line.startswith("left ")]
    assert len(said) == 1
    assert said[0].startswith(
        "left pynenc_test_odd alone: its record of its owner (pynenc_test_owner) cannot"
    )
