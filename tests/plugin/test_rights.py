"""Runs of a user with few rights: with a database of their own each, and within one that the user names."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pymongo import MongoClient
from pynenc import Pynenc
from pynenc.identifiers.invocation_id import InvocationId

from pytest_pynenc_mongo import owners, wiring
from pytest_pynenc_mongo.databases import TestServer, new_name
from pytest_pynenc_mongo.owners import OWNER_COLLECTION
from pytest_pynenc_mongo.sweeping import Sweep, sweep
from tests.faulty import UNAUTHORIZED, Fault, Refused, faulty, named
from tests.plugin.helpers import everything, make_shop, output, run
from tests.reproducible import in_thorough_runs
from tests.secantus_main import NOT_AT_ONCE

SHARED = "shop_tests"
WITHIN = (f"--pynenc-mongo-db={SHARED}",)
PREFIX = "pynenc_test_"
# the commands for which the built-in role readWrite has a right on its database, as far as they are sent here
READ_WRITE = {
    "aggregate",
    "count",
    "createIndexes",
    "delete",
    "distinct",
    "drop",
    "find",
    "findAndModify",
    "getMore",
    "insert",
    "killCursors",
    "listCollections",
    "update",
}
# those that need no right at all
FREE = {"buildInfo", "buildinfo", "killCursors"}

TESTS = """
    import os
    from shop.app import add

    def test_runner(pynenc_app, pynenc_runner):
        assert pynenc_app.app_id == "shop"
        assert add(20, 22).result == 42

    def test_worker(pynenc_app, pynenc_worker):
        assert add(20, 22).result == 42

    def test_starts_empty(pynenc_app):
        assert pynenc_app.broker.count_invocations() == 0
        add(1, 2)
        assert pynenc_app.broker.count_invocations() == 1

    def test_starts_empty_again(pynenc_app):
        assert pynenc_app.broker.count_invocations() == 0

    def test_dies(pynenc_app):
        add(1, 2)
        if "DIES" in os.environ:
            os._exit(3)

    def test_fails(pynenc_app):
        add(1, 2)
        assert "FAILS" not in os.environ
"""


def databases_of_runs(name: str, command: Mapping[str, Any]) -> Fault:
    """Allow what docs/own-server.md lists: readWrite on the runs' databases, and to list and drop them."""
    database = str(command["$db"])
    allowed = name in FREE or (
        name == "listDatabases"
        if database == "admin"
        else database.startswith(PREFIX) and name in READ_WRITE | {"dropDatabase"}
    )
    return None if allowed else Refused(UNAUTHORIZED)


def within_one_database(name: str, command: Mapping[str, Any]) -> Fault:
    """Allow what the role readWrite on one database allows, and of that only what concerns our runs."""
    collection = command.get("collection") if name == "getMore" else command.get(name)
    is_ours = name == "listCollections" or str(collection).startswith((PREFIX, "$cmd.listCollections"))
    allowed = name in FREE or (command["$db"] == SHARED and name in READ_WRITE and is_ours)
    return None if allowed else Refused(UNAUTHORIZED)


@pytest.fixture
def shared(embedded_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of a server with a database in which others store things too."""
    with MongoClient[dict[str, Any]](embedded_url) as client:
        client[SHARED]["orders"].insert_many([{"_id": number, "what": "tea"} for number in range(3)])
        client[SHARED]["pynenc_test_mine"].insert_one({"_id": "it has no owner"})
        client[SHARED]["shop.broker_messages"].insert_one({"_id": "of the app in production"})
        yield client
        client.drop_database(SHARED)


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.slow
@pytest.mark.parametrize(
    ("judge", "options", "arguments"),
    [
        in_thorough_runs([databases_of_runs, (), ()], "databases-serial"),
        pytest.param(within_one_database, WITHIN, ("-n", "2"), id="one database-xdist"),
        in_thorough_runs([databases_of_runs, (), ("-n", "2")], "databases-xdist"),
        in_thorough_runs([within_one_database, WITHIN, ()], "one database-serial"),
    ],
)
def test_the_least_rights_are_enough_for_run_after_run(
    shop: pytest.Pytester,
    shared: MongoClient[dict[str, Any]],
    embedded_url: str,
    judge: Any,
    options: tuple[str, ...],
    arguments: tuple[str, ...],
) -> None:
    before = everything(shared)
    with faulty(embedded_url, judge, alone=NOT_AT_ONCE) as line:
        for _ in range(2):
            result = run(shop, f"--pynenc-mongo-url={line.url}", *options, *arguments)
            result.assert_outcomes(passed=6)
            assert everything(shared) == before
            assert "left " not in output(result)
    assert line.struck == []
    # the control: the server was asked for what makes the two ways differ
    assert ({"listDatabases", "dropDatabase"} <= {*line.seen}) == (not options)
    assert ("drop" in line.seen) == bool(options)


@pytest.mark.slow
def test_the_rights_on_one_database_are_not_enough_for_a_database_a_run(
    shop: pytest.Pytester, embedded_url: str
) -> None:
    """The control: the judge refuses."""
    with faulty(embedded_url, within_one_database) as line:
        result = run(shop, f"--pynenc-mongo-url={line.url}")
    result.assert_outcomes(errors=1, skipped=5)
    assert re.search(rf"MongoDB at {re.escape(line.url)} refuses us: .*grant the user", output(result))
    assert "Traceback" not in output(result)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (
            "dropDatabase",
            r"left {name}_\w+_main: this user lacks the right dropDatabase on {name}_\w+_main: grant",
        ),
        ("listDatabases", "left all databases alone: this user lacks the right listDatabases: grant it"),
    ],
)
def test_a_right_that_is_missing_is_said_at_the_end_and_stops_no_run(
    shop: pytest.Pytester, shared: MongoClient[dict[str, Any]], embedded_url: str, missing: str, said: str
) -> None:
    before = set(shared.list_database_names())
    prefix = "few_rights"
    with faulty(embedded_url, named(Refused(UNAUTHORIZED), missing)) as line:
        options = (f"--pynenc-mongo-url={line.url}", f"--pynenc-mongo-db-prefix={prefix}", "-k", "empty")
        results = [run(shop, *options) for _ in range(2)]
    left = set(shared.list_database_names()) - before
    for name in left:
        shared.drop_database(name)
    assert len(left) == (2 if missing == "dropDatabase" else 0)
    for result in results:
        result.assert_outcomes(passed=2)
        assert re.search(f"^{said.format(name=prefix)}", output(result), re.MULTILINE), output(result)
        assert "or name one database for all runs with --pynenc-mongo-db" in output(result)
    if left:
        # the second run names what the first one left, too
        again = "alone: its run has ended, but this user lacks the right dropDatabase on "
        assert output(results[0]).count(again) == 0
        assert output(results[1]).count(again) == 1


@pytest.mark.slow
def test_within_one_database_a_dead_run_s_collections_are_swept_and_kept_ones_stay(
    shop: pytest.Pytester,
    shared: MongoClient[dict[str, Any]],
    embedded_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = set(shared[SHARED].list_collection_names())
    options = (f"--pynenc-mongo-url={embedded_url}", f"--pynenc-mongo-db={SHARED}")

    def prefixes() -> set[str]:
        names = set(shared[SHARED].list_collection_names()) - before
        return {name.partition(".")[0] for name in names}

    monkeypatch.setenv("DIES", "yes")
    assert run(shop, *options, "-k", "dies").ret == 3
    monkeypatch.delenv("DIES")
    (dead,) = prefixes()
    monkeypatch.setenv("FAILS", "yes")
    result = run(shop, *options, "-k", "fails", "--pynenc-mongo-keep=failed")
    result.stdout.fnmatch_lines([f"dropped {dead}.* in {SHARED}, whose run has ended"])
    (kept,) = prefixes()
    how_to_open = f"mongosh {shlex.quote(embedded_url)} then `use {SHARED}`"
    result.stdout.fnmatch_lines([f"kept {kept}.[*] in {SHARED}, as *::test_fails left it: {how_to_open}"])
    assert shared[SHARED][f"{kept}.shop.broker_messages"].count_documents({}) == 1
    result = run(shop, *options, "-k", "empty")
    assert "dropped" not in output(result)
    assert prefixes() == {kept}
    result = run(shop, *options, "-k", "empty", "--pynenc-mongo-sweep")
    result.stdout.fnmatch_lines([f"dropped {kept}.* in {SHARED}, whose run has ended"])
    assert set(shared[SHARED].list_collection_names()) == before


def test_one_line_says_which_collections_a_run_uses(shop: pytest.Pytester) -> None:
    result = run(shop, f"--pynenc-mongo-db={SHARED}", "-k", "empty")
    result.stdout.re_match_lines(
        [
            "pynenc-mongo: mongomock in a child process, from default;",
            rf"  database {SHARED}, collections pynenc_test_\w+_main\.\*; keep",
        ]
    )


@pytest.mark.parametrize("name", ["admin", "config", "local", "shop.tests"])
def test_a_database_that_cannot_be_one_for_tests_is_refused(shop: pytest.Pytester, name: str) -> None:
    result = run(shop, f"--pynenc-mongo-db={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --pynenc-mongo-db: *'{name}'*"])


def line_to(url: str, *refused: str) -> Any:
    return faulty(url, named(Refused(UNAUTHORIZED), *refused))


def leave_dead(server: TestServer, within: str) -> str:
    """Leave what a dead run would; return its name."""
    name = new_name("few_rights")
    dead = {**owners.this_process(), "started": "another", "pid": 2**22 + 1}
    place = server.client[within] if within else server.client[name]
    prefix = f"{name}." if within else ""
    place[f"{prefix}shop.notes"].insert_one({"_id": 1})
    place[f"{prefix}{OWNER_COLLECTION}"].insert_one(dead)
    return name


@pytest.mark.parametrize("within", ["", "few_rights"], ids=["databases", "one database"])
@pytest.mark.parametrize("refused", ["find", "dropDatabase", "drop", "listDatabases", "listCollections"])
def test_a_sweep_goes_on_without_a_right_and_says_which(any_url: str, within: str, refused: str) -> None:
    with TestServer(any_url).lend(new_name("lent")) as lent, line_to(any_url, refused) as line:
        name = leave_dead(lent.server, within)
        server = TestServer(line.url)
        swept = sweep(server, "few_rights", kept_too=True, within=within)
        server.close()
        label = f"{name}.* in {within}" if within else name
        if refused in line.struck:
            ((what, reason),) = swept.left.items()
            assert what in (label, "all databases", f"the collections of {within}")
            assert re.search(r"this user lacks the right \w+( on few_rights\w*)?: grant it", reason)
            assert ("--pynenc-mongo-db" in reason) == (not within)
        # with all rights it goes
        assert sweep(lent.server, "few_rights", kept_too=True, within=within).dropped == (
            [label] if swept.dropped == [] else []
        )
        assert bool(line.struck) == bool(swept.left) == (swept != Sweep(dropped=[label]))
        if within:
            assert lent.server.client[within].list_collection_names() == []


def all_but_the_owner_s(name: str, command: Mapping[str, Any]) -> Fault:
    """Refuse to drop any collection but the owner's."""
    refused = name == "drop" and not str(command["drop"]).endswith(OWNER_COLLECTION)
    return Refused(UNAUTHORIZED) if refused else None


def test_a_drop_that_is_broken_off_leaves_the_record_of_the_owner(any_url: str) -> None:
    server, within = TestServer(any_url), new_name("few_rights")
    name = leave_dead(server, within)
    with faulty(any_url, all_but_the_owner_s) as line:
        refused = TestServer(line.url)
        assert list(sweep(refused, "few_rights", kept_too=True, within=within).left) == [
            f"{name}.* in {within}"
        ]
        refused.close()
    assert f"{name}.{OWNER_COLLECTION}" in server.client[within].list_collection_names()
    server.client.drop_database(within)
    server.close()


def test_an_app_s_own_prefix_is_not_the_test_s(any_url: str) -> None:
    app = Pynenc(config_values={"app_id": "shop", "mongo_collection_prefix": "production."})
    for within in ("", new_name("few_rights")):
        with TestServer(any_url).lend(new_name("lent"), within=within) as lent:
            with wiring.rewired(app, wiring.settings(lent)):
                app.broker.route_invocation(InvocationId("1"), "default", 0.0)
            stored = lent.handle.list_collection_names()
            assert f"{lent.collection_prefix}shop.broker_messages" in stored
            lent.purge()
            assert lent.handle[f"{lent.collection_prefix}shop.broker_messages"].count_documents({}) == 0
            assert app.config_values == {"app_id": "shop", "mongo_collection_prefix": "production."}
