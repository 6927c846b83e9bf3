"""Commands that fail on purpose, as MongoDB's `failCommand` makes them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, NetworkTimeout, NotPrimaryError, OperationFailure, WriteConcernError

from pynenc_mongo.mongomock_server.process import MongomockServer
from tests.mongomock_server.lines import Client
from tests.storage.helpers import raised

type Fail = Callable[..., int]


@pytest.fixture
def fail(client: Client) -> Iterator[Fail]:
    """Switches the fail point on; it is off after the test."""

    def configure(mode: Any, *commands: str, **data: Any) -> int:
        settings = {"failCommands": list(commands), **data}
        reply = client.admin.command("configureFailPoint", "failCommand", mode=mode, data=settings)
        count: int = reply["count"]
        return count

    yield configure
    client.admin.command("configureFailPoint", "failCommand", mode="off")


def outcomes(call: Callable[[], object], times: int) -> list[int | None]:
    """Return the error code of each of several calls, None where it succeeded."""
    found: list[int | None] = []
    for _ in range(times):
        try:
            call()
            found.append(None)
        except OperationFailure as error:
            found.append(error.code)
    return found


def test_an_error_is_given_and_the_command_not_run(client: Client, fail: Fail) -> None:
    fail("alwaysOn", "insert", errorCode=96, errorLabels=["Custom"])
    error = raised(OperationFailure, lambda: client.shop.things.insert_one({}))
    assert (error.code, error.has_error_label("Custom")) == (96, True)
    assert client.shop.things.count_documents({}) == 0


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param({"times": 2}, [7, 7, None, None], id="times"),
        pytest.param({"skip": 2}, [None, None, 7, 7], id="skip"),
        pytest.param("alwaysOn", [7, 7, 7, 7], id="alwaysOn"),
        pytest.param("off", [None, None, None, None], id="off"),
    ],
)
def test_modes(client: Client, fail: Fail, mode: Any, expected: list[int | None]) -> None:
    fail(mode, "count", errorCode=7)
    assert outcomes(lambda: client.shop.command("count", "things"), 4) == expected


def test_only_the_commands_that_are_named_fail(client: Client, fail: Fail) -> None:
    fail("alwaysOn", "insert", "delete", errorCode=7)
    assert outcomes(client.shop.things.find_one, 1) == [None]
    assert outcomes(lambda: client.shop.things.delete_many({}), 1) == [7]


def test_only_the_application_and_the_collection_that_are_named_fail(
    client: Client, mongomock_server: MongomockServer, fail: Fail
) -> None:
    fail("alwaysOn", "insert", errorCode=7, appName="till", namespace="shop.things")
    with MongoClient[dict[str, Any]](mongomock_server.url, appName="till") as till:
        assert outcomes(lambda: till.shop.things.insert_one({}), 1) == [7]
        assert outcomes(lambda: till.shop.others.insert_one({}), 1) == [None]
    assert outcomes(lambda: client.shop.things.insert_one({}), 1) == [None]


def test_the_connection_is_closed_before_the_command_is_run(client: Client, fail: Fail) -> None:
    fail({"times": 1}, "insert", closeConnection=True)
    raised(AutoReconnect, lambda: client.shop.things.insert_one({}))
    assert client.shop.things.count_documents({}) == 0


def test_the_connection_is_closed_after_the_command_is_run(client: Client) -> None:
    data = {"failCommands": ["insert"]}
    client.admin.command("configureFailPoint", "failCommandAfter", mode={"times": 1}, data=data)
    raised(AutoReconnect, lambda: client.shop.things.insert_one({}))
    assert client.shop.things.count_documents({}) == 1
    off = client.admin.command("configureFailPoint", "failCommandAfter", mode="off")
    assert off["count"] == 1


def test_its_state_is_a_parameter(client: Client, fail: Fail) -> None:
    def state() -> dict[str, Any]:
        answer = client.admin.command({"getParameter": 1, "failpoint.failCommand": 1})
        found: dict[str, Any] = answer["failpoint.failCommand"]
        return found

    before = fail({"times": 2}, "count", errorCode=7)
    outcomes(lambda: client.shop.command("count", "things"), 1)
    data = {"failCommands": ["count"], "errorCode": 7}
    assert state() == {"mode": 3, "data": data, "timesEntered": before + 1}
    outcomes(lambda: client.shop.command("count", "things"), 2)
    assert state() == {"mode": 0, "data": data, "timesEntered": before + 2}
    fail({"skip": 1}, "count", errorCode=7)
    assert state()["mode"] == 4
    fail("off")
    assert state() == {"mode": 0, "data": {}, "timesEntered": before + 2}


def test_a_write_concern_error_follows_a_write_that_is_done(client: Client, fail: Fail) -> None:
    fail({"times": 1}, "insert", writeConcernError={"code": 64, "errmsg": "waited"}, errorLabels=["Custom"])
    error = raised(WriteConcernError, lambda: client.shop.things.insert_one({}))
    assert (error.code, error.has_error_label("Custom")) == (64, True)
    assert client.shop.things.count_documents({}) == 1


def test_not_primary_is_what_the_driver_takes_it_for(client: Client, fail: Fail) -> None:
    fail({"times": 1}, "insert", errorCode=10107)
    raised(NotPrimaryError, lambda: client.shop.things.insert_one({}))


def test_a_blocked_command_stops_no_other_and_runs_late(
    client: Client, mongomock_server: MongomockServer, fail: Fail
) -> None:
    fail({"times": 1}, "insert", blockConnection=True, blockTimeMS=700)
    with MongoClient[dict[str, Any]](mongomock_server.url, timeoutMS=200) as hasty:
        raised(NetworkTimeout, lambda: hasty.shop.things.insert_one({"_id": 1}))
        assert hasty.shop.things.find_one() is None
    deadline = time.monotonic() + 10
    while client.shop.things.find_one() is None:
        assert time.monotonic() < deadline, "the blocked command was never run"


def test_it_counts_how_often_it_struck(client: Client, fail: Fail) -> None:
    before = fail({"times": 2}, "count", errorCode=7)
    outcomes(lambda: client.shop.command("count", "things"), 5)
    assert fail("off") - before == 2


@pytest.mark.parametrize(
    "command",
    [
        {"configureFailPoint": "other", "mode": "off"},
        {"configureFailPoint": "failCommand", "mode": "sometimes"},
        {"configureFailPoint": "failCommand", "mode": {"times": "often"}},
        {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": 5},
    ],
    ids=["another fail point", "an unknown mode", "no number", "no document"],
)
def test_a_wrong_fail_point_is_refused_and_changes_nothing(
    client: Client, fail: Fail, command: dict[str, Any]
) -> None:
    fail("alwaysOn", "count", errorCode=7)
    assert raised(OperationFailure, lambda: client.admin.command(command)).code in {2, 9}
    assert outcomes(lambda: client.shop.command("count", "things"), 1) == [7]
