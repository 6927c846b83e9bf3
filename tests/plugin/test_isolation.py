"""A test sees nothing of another one, a run nothing of another run, and a server is left as it was."""

import json
from textwrap import dedent
from typing import Any

import pytest
from pymongo import MongoClient

from tests.plugin.helpers import everything, make_shop, run

# what a test can see of the test database, without an app's help
CONFTEST = """
    import pytest

    @pytest.fixture
    def database(pynenc_mongo_database):
        # not the fixture pynenc_mongo_db, which would empty it
        return pynenc_mongo_database.handle

    @pytest.fixture
    def documents(database):
        return lambda: sum(
            database[name].count_documents({}) for name in database.list_collection_names()
            if name != "pynenc_test_owner"  # the record of whose database it is
        )

    @pytest.fixture
    def indexes(database):
        return lambda: {
            (name, index) for name in database.list_collection_names()
            for index in database[name].index_information() if index != "_id_"
        }
"""
TESTS = """
    import pytest
    from shop.app import add, app, fail

    seen = set()

    def leave_data():
        group = add.parallelize([(1, 2), (3, 4)])
        assert sorted(group.results) == [3, 7]
        add("x" * 300_000, "y")  # in the broker, and in the client data store
        app.trigger.emit_event("ordered", {"number": 1})

    def test_passes_and_leaves_data(pynenc_app, pynenc_runner, documents, indexes):
        leave_data()
        assert documents() > 10
        seen.update(indexes())

    def test_sees_nothing_of_it(documents, indexes):
        assert documents() == 0
        assert indexes() >= seen
        assert len(seen) > 5

    def test_fails_and_leaves_data(pynenc_app, pynenc_runner, documents):
        leave_data()
        raise LookupError("as it must")

    def test_sees_nothing_of_that_either(pynenc_app, documents, indexes):
        assert documents() == 0
        assert indexes() >= seen
        assert app.broker.count_invocations() == 0
        assert list(app.orchestrator.get_existing_invocations(add)) == []
        assert list(app.state_backend.get_invocation_ids_by_workflow()) == []

    @pytest.fixture
    def broken(pynenc_app, pynenc_runner):
        leave_data()
        raise LookupError("as it must")

    def test_errors_and_leaves_data(broken):
        pass

    def test_sees_nothing_of_an_error(documents):
        assert documents() == 0
"""
WITHOUT_PURGE = """
    from pytest_pynenc_mongo import databases

    databases.TestDatabase.purge = lambda self: None
"""


@pytest.mark.slow
def test_a_test_sees_nothing_of_the_ones_before(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    run(pytester, *on_engine).assert_outcomes(passed=4, failed=1, errors=1)


def test_without_the_purge_it_would_see_them(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makeconftest(dedent(CONFTEST) + dedent(WITHOUT_PURGE))
    pytester.makepyfile(TESTS)
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=4, errors=1)
    result.stdout.fnmatch_lines(["FAILED *::test_sees_nothing_of_it*"])


DATABASES = """
    import json
    import os
    import pathlib
    import pytest
    from shop.app import add, app

    @pytest.mark.parametrize("number", range(6))
    def test_database(number, pynenc_app, pynenc_runner, pynenc_mongo_database, pynenc_mongo_client):
        assert add(number, 1).result == number + 1
        there = pynenc_mongo_client.list_database_names()
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        pathlib.Path(f"{number}.json").write_text(json.dumps([worker, pynenc_mongo_database.name, there]))
        assert number != 3, "a failure leaves nothing behind either"
"""


@pytest.mark.slow
def test_a_server_is_left_as_it_was_by_runs_with_databases_of_their_own(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    make_shop(pytester)
    pytester.makepyfile(DATABASES)
    names: list[str] = []
    with MongoClient[dict[str, Any]](embedded_url) as client:
        bystander = client["pynenc_test_bystander"]
        bystander["orders"].insert_many([{"_id": number, "what": "tea"} for number in range(3)])
        bystander["orders"].create_index("what")
        before = everything(client)
        try:
            for arguments in ((), ("-n", "2")):
                result = run(pytester, f"--pynenc-mongo-url={embedded_url}", *arguments)
                result.assert_outcomes(passed=5, failed=1)
                assert everything(client) == before
                names += databases_of_workers(pytester, workers=2 if arguments else 1)
        finally:
            client.drop_database("pynenc_test_bystander")
    # no run and no worker has the database of another one
    assert len(set(names)) == len(names) == 3


def databases_of_workers(pytester: pytest.Pytester, workers: int) -> list[str]:
    """Return the database of each worker of the run that has just ended."""
    notes = [json.loads((pytester.path / f"{number}.json").read_text()) for number in range(6)]
    databases = {worker: {name for who, name, _ in notes if who == worker} for worker, _, _ in notes}
    assert len(databases) == workers
    # it was there, on this server, while its tests ran
    assert all(name in there for _, name, there in notes)
    return [name for names in databases.values() for name in names]


NAMES = """
    import os
    import pathlib
    import subprocess
    import sys
    import pytest

    @pytest.mark.parametrize("number", range(2))
    def test_outer(number, pynenc_mongo_database, pynenc_mongo_url):
        pathlib.Path(os.environ["PYTEST_XDIST_WORKER"]).write_text(pynenc_mongo_database.name)

    def test_nested(pynenc_mongo_database, pynenc_mongo_url, tmp_path):
        if "NESTED" in os.environ:
            pathlib.Path("nested").write_text(pynenc_mongo_database.name)
            return
        here = f"{__file__}::test_nested"
        options = ["-p", "no:cacheprovider", f"--basetemp={tmp_path}/inner"]
        command = [sys.executable, "-m", "pytest", here, *options, f"--pynenc-mongo-url={pynenc_mongo_url}"]
        assert subprocess.run(command, env={**os.environ, "NESTED": "1"}).returncode == 0
"""
SAME_NAMES = """
    from pytest_pynenc_mongo import databases

    databases.new_name = lambda *arguments: "pynenc_test_same"
"""


def names_in_a_run(pytester: pytest.Pytester, url: str) -> list[str]:
    """Return the databases of two xdist workers, and of a run of pytest in a test of one of them."""
    pytester.makepyfile(NAMES)
    run(pytester, f"--pynenc-mongo-url={url}", "-n", "2", "--dist=each").assert_outcomes(passed=6)
    return [(pytester.path / who).read_text() for who in ("gw0", "gw1", "nested")]


@pytest.mark.slow
def test_workers_and_runs_in_their_tests_have_databases_of_their_own(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    assert len(set(names_in_a_run(pytester, embedded_url))) == 3


@pytest.mark.thorough
@pytest.mark.slow
def test_control_with_one_name_they_would_share_a_database(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    pytester.makeconftest(SAME_NAMES)
    assert set(names_in_a_run(pytester, embedded_url)) == {"pynenc_test_same"}
