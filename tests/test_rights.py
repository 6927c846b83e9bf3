"""The five stores need the built-in role `readWrite` on their database, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from pynenc_mongo.storage import client
from tests import secantus_main, whole_lives
from tests.faulty import UNAUTHORIZED, Fault, FaultyServer, Judge, Refused, faulty
from tests.storage.helpers import raised

# the commands that need none but these actions of the role, on the database that it is given for:
# https://www.mongodb.com/docs/manual/reference/built-in-roles/#mongodb-authrole-readWrite
READ_WRITE = frozenset(
    [
        "aggregate",
        "collStats",
        "count",
        "create",
        "createIndexes",
        "dbHash",
        "dbStats",
        "delete",
        "distinct",
        "drop",
        "dropIndexes",
        "find",
        "findAndModify",
        "getMore",
        "insert",
        "killCursors",
        "listCollections",
        "listIndexes",
        "update",
    ]
)


def read_write_on(database: str) -> Judge:
    """Refuse what a user may not do whose only role is `readWrite` on `database`."""

    def judge(name: str, command: Mapping[str, Any]) -> Fault:
        may = name in READ_WRITE and command["$db"] == database
        return None if may else Refused(UNAUTHORIZED)

    return judge


@pytest.fixture
def guarded(place: tuple[str, str]) -> Iterator[FaultyServer]:
    url, database = place
    with faulty(url, read_write_on(database)) as server:
        yield server
        client.close_server(server.url)


@pytest.fixture(scope="module")
def secured_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SecantusDB, which knows the built-in roles, for a user that has `readWrite` on the URL's database."""
    directory = tmp_path_factory.mktemp("secured")
    with secantus_main.running(secantus_main.secured, directory) as url:
        yield url
        client.close_server(url)


def test_all_that_the_stores_do_is_read_write_on_their_database(
    guarded: FaultyServer, place: tuple[str, str]
) -> None:
    _, database = place
    with whole_lives.at(guarded.url, database):
        whole_lives.live()
    assert guarded.struck == []
    assert {"insert", "update", "delete", "findAndModify", "createIndexes"} < set(guarded.seen)


def test_the_judge_refuses_what_the_role_does_not_hold(guarded: FaultyServer, place: tuple[str, str]) -> None:
    """The control."""
    _, database = place
    with MongoClient[dict[str, Any]](guarded.url) as user:
        user[database]["things"].insert_one({})
        _is_refused_the_rest(user, database)
    assert guarded.struck == ["find", "listDatabases", "dropDatabase", "configureFailPoint"]


def test_a_server_that_knows_the_role_lets_it_do_all_that_the_stores_do(secured_url: str) -> None:
    database = secured_url.rpartition("/")[2]
    with whole_lives.at(secured_url, database):
        whole_lives.live()


def test_a_server_that_knows_the_role_refuses_it_the_rest(secured_url: str) -> None:
    """The control."""
    with MongoClient[dict[str, Any]](secured_url) as user:
        _is_refused_the_rest(user, secured_url.rpartition("/")[2])


def _is_refused_the_rest(user: MongoClient[dict[str, Any]], database: str) -> None:
    for forbidden in (
        lambda: user["another"]["things"].find_one({}),
        user.list_database_names,
        lambda: user.drop_database(database),
        lambda: user.admin.command("configureFailPoint", "failCommand", mode="off"),
    ):
        assert raised(OperationFailure, forbidden).code == UNAUTHORIZED
