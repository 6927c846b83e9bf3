"""Every verb where its command fails once: on mongomock, on a standalone and on a replica set of one."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient, common
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.operations import IndexModel
from pynenc.exceptions import PynencError

from pynenc_mongo.conf.config_mongo import ClientLimits
from pynenc_mongo.errors import MongoOutageError, MongoRefusedError
from pynenc_mongo.storage import client, repeating, verbs
from pynenc_mongo.storage.payloads import Payload, Payloads
from tests.faulty import (
    NOT_PRIMARY,
    UNAUTHORIZED,
    Broken,
    Fault,
    FaultyServer,
    Refused,
    faulty,
    named,
    nothing,
    only,
)
from tests.reproducible import in_thorough_runs
from tests.storage.helpers import AT_ONCE_SECONDS, address_of, documents_in, new_name, raised

type Things = Collection[Any]
type Verb = Callable[[Things], Any]

RED, BLUE = {"_id": "1", "colour": "red"}, {"_id": "1", "colour": "blue"}
OTHER = {"_id": "2", "colour": "red"}
TO_BLUE = {"$set": {"colour": "blue"}}
FAULTS = {"not primary": Refused(NOT_PRIMARY), "broken": Broken.BEFORE, "answer lost": Broken.AFTER}

FORGETFUL = (
    "SecantusDB knows a write that the driver repeats by its maxTimeMS too, which is less at each attempt: "
    "it does it anew, and the driver takes the second answer for the first"
)

# what each returns, and leaves of RED
VERBS: dict[str, tuple[Verb, Any, list[Any]]] = {
    "find_one": (lambda things: verbs.find_one(things, {}), RED, [RED]),
    "find_all": (lambda things: verbs.find_all(things, {}), [RED], [RED]),
    "find_by_key": (lambda things: verbs.find_by_key(things, ["1", "2"]), {"1": RED}, [RED]),
    "find_page": (lambda things: verbs.find_page(things, {}, size=1), [RED], [RED]),
    "pages": (lambda things: list(verbs.pages(things, {})), [[RED]], [RED]),
    "count": (lambda things: verbs.count(things, {}), 1, [RED]),
    "distinct": (lambda things: verbs.distinct(things, "colour"), ["red"], [RED]),
    "collection_names": (lambda things: verbs.collection_names(things.database), ["things"], [RED]),
    "make_indexes": (lambda things: verbs.make_indexes(things, [IndexModel("colour")]), None, [RED]),
    "insert_missing": (lambda things: verbs.insert_missing(things, OTHER), True, [RED, OTHER]),
    "insert_missing of a taken key": (lambda things: verbs.insert_missing(things, BLUE), False, [RED]),
    "put": (lambda things: verbs.put(things, BLUE), None, [BLUE]),
    "put_where": (lambda things: verbs.put_where(things, {"_id": "1"}, BLUE), None, [BLUE]),
    "update": (lambda things: verbs.update(things, RED, {"$set": {"size": 1}}), 1, [RED | {"size": 1}]),
    "update_all": (lambda things: verbs.update_all(things, {}, TO_BLUE), 1, [BLUE]),
    "update_if": (lambda things: verbs.update_if(things, RED, TO_BLUE, BLUE), True, [BLUE]),
    "update_if of a miss": (lambda things: verbs.update_if(things, BLUE, TO_BLUE, OTHER), False, [RED]),
    "upsert_if": (lambda things: verbs.upsert_if(things, RED, TO_BLUE, BLUE), True, [BLUE]),
    "upsert_if of a new key": (
        lambda things: verbs.upsert_if(
            things, {"_id": "2", "colour": "blue"}, {"$set": {"colour": "red"}}, OTHER
        ),
        True,
        [RED, OTHER],
    ),
    "upsert_if of a taken key": (
        lambda things: verbs.upsert_if(things, BLUE, {"$set": {"size": 1}}, {"_id": "1", "size": 1}),
        False,
        [RED],
    ),
    "upsert_where": (lambda things: verbs.upsert_where(things, {"_id": "1"}, TO_BLUE), None, [BLUE]),
}
# whose answer, after a lost one, is that of the second attempt
BLIND: dict[str, tuple[Verb, Any, list[Any]]] = {
    "insert_all_missing": (
        lambda things: verbs.insert_all_missing(things, [RED, OTHER]),
        [RED],
        [RED, OTHER],
    ),
    "put_returning": (lambda things: verbs.put_returning(things, BLUE), RED, [BLUE]),
    "put_many": (lambda things: verbs.put_many(things, [BLUE, OTHER]), [RED], [BLUE, OTHER]),
    "upsert_returning": (lambda things: verbs.upsert_returning(things, {"_id": "1"}, TO_BLUE), RED, [BLUE]),
    "delete_all": (lambda things: verbs.delete_all(things, {}), 1, []),
}


@pytest.fixture(autouse=True)
def no_half_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the driver look for a server that it lost more often than twice a second."""
    monkeypatch.setattr(common, "MIN_HEARTBEAT_INTERVAL", 0.02)


# SecantusDB twice: the replica set is the one whose writes the driver retries, too
@pytest.fixture(params=["mongomock", in_thorough_runs(["embedded"]), "replica_set"])
def server(request: pytest.FixtureRequest) -> Iterator[FaultyServer]:
    """What spoils commands, before each engine in turn."""
    with faulty(request.getfixturevalue(f"{request.param}_url")) as server:
        yield server
        client.close_server(server.url)


@pytest.fixture
def things(server: FaultyServer) -> Iterator[Things]:
    """A collection with one red thing, behind what spoils commands."""
    name = new_name()
    yield from _filled(server, name, client.database_at(address_of(server.url, name))["things"])


@pytest.fixture
def hasty_things(server: FaultyServer) -> Iterator[Things]:
    """The same, and nobody waits longer than half a second."""
    name, limits = new_name(), ClientLimits(operation_seconds=0.5)
    yield from _filled(server, name, client.database_at(address_of(server.url, name), limits)["things"])


def _filled(server: FaultyServer, name: str, things: Things) -> Iterator[Things]:
    with MongoClient[dict[str, Any]](server.upstream) as upstream:
        upstream[name]["things"].insert_one(RED)
        yield things
        upstream.drop_database(name)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize(("verb", "answer", "left"), VERBS.values(), ids=VERBS)
def test_one_fault_changes_nothing(
    request: pytest.FixtureRequest,
    server: FaultyServer,
    things: Things,
    verb: Verb,
    answer: Any,
    left: list[Any],
    fault: Fault,
) -> None:
    if fault is Broken.AFTER and "replica_set" in request.node.nodeid and answer is True:
        request.applymarker(pytest.mark.xfail(strict=True, reason=FORGETFUL))
    server.judge = only(1, fault)
    assert verb(things) == answer
    server.judge = nothing
    assert list(documents_in(things).values()) == left
    assert len(server.struck) == 1


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize(("verb", "answer", "left"), BLIND.values(), ids=BLIND)
def test_one_fault_changes_nothing_that_is_stored(
    server: FaultyServer, things: Things, verb: Verb, answer: Any, left: list[Any], fault: Fault
) -> None:
    server.judge = only(1, fault)
    found = verb(things)
    server.judge = nothing
    assert list(documents_in(things).values()) == left
    assert fault is Broken.AFTER or found == answer


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_text_in_parts_survives_a_fault_at_any_command(
    server: FaultyServer, things: Things, fault: Fault, number: int
) -> None:
    parts = things.database["parts"]
    payloads = Payloads(lambda: parts, 4)
    payloads.put(things, "long", "a first text")
    server.judge = only(number, fault)
    payloads.put(things, "long", "and another one")
    payloads.put_missing(things, "long", "never")
    payloads.put_missing(things, "missing", "not any more")
    server.judge = nothing
    assert (payloads.get(things, "long"), payloads.get(things, "missing")) == (
        "and another one",
        "not any more",
    )


# what is not repeated


@pytest.mark.parametrize(("fault", "left"), [(Broken.BEFORE, [RED]), (Broken.AFTER, [])])
def test_a_pop_is_never_repeated(embedded_url: str, fault: Fault, left: list[Any]) -> None:
    # a second attempt would be one in vain, for all of this time
    name, limits = new_name(), ClientLimits(operation_seconds=3.0)
    with faulty(embedded_url, named(fault, "findAndModify")) as server:
        for things in _filled(
            server, name, client.database_at(address_of(server.url, name), limits)["things"]
        ):
            raised(MongoOutageError, partial(verbs.pop, things, {}))
            assert server.struck == ["findAndModify"]
            assert list(documents_in(things).values()) == left
        client.close_server(server.url)


@pytest.mark.parametrize(("verb", "answer", "left"), [*VERBS.values(), *BLIND.values()], ids=[*VERBS, *BLIND])
def test_what_the_server_refuses_is_told_at_once(
    server: FaultyServer, things: Things, verb: Verb, answer: Any, left: list[Any]
) -> None:
    del answer, left
    server.judge = lambda *_: Refused(UNAUTHORIZED)
    error = raised(MongoRefusedError, lambda: verb(things))
    assert (error.code, len(server.struck)) == (UNAUTHORIZED, 1)
    assert isinstance(error, PynencError)
    assert isinstance(error, OperationFailure)
    assert things.database.name in str(error)
    server.judge = nothing
    assert list(documents_in(things).values()) == [RED]


@pytest.mark.parametrize("verb", [verbs.find_one, verbs.delete_all])
def test_a_server_that_stays_away_is_told_as_what_pynenc_forgives(
    server: FaultyServer, hasty_things: Things, verb: Callable[[Things, Any], Any]
) -> None:
    server.judge = lambda *_: Broken.BEFORE
    error = raised(MongoOutageError, lambda: verb(hasty_things, {}))
    assert isinstance(error, PynencError)
    assert isinstance(error, AutoReconnect)
    assert MongoOutageError.from_json("MongoOutageError", error.to_json()).args == error.args


def test_who_is_patient_gets_through_though_a_pause_is_as_long_as_an_operation_may_take(
    server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "_PAUSES_SECONDS", ())
    monkeypatch.setattr(repeating, "_LONGEST_PAUSE_SECONDS", 0.2)
    name, limits = new_name(), ClientLimits(operation_seconds=0.2)
    rounds = iter(range(10))

    def goes_on() -> bool:
        found = next(rounds, None)
        if found == 2:
            server.judge = nothing
        return found is not None

    for things in _filled(server, name, client.database_at(address_of(server.url, name), limits)["things"]):
        server.judge = lambda *_: Broken.BEFORE
        with repeating.patient(goes_on):
            assert verbs.count(things, {}) == 1


def test_a_server_that_comes_back_in_time_is_waited_for(server: FaultyServer, things: Things) -> None:
    assert verbs.count(things, {}) == 1
    server.stop()
    back = threading.Timer(0.3, server.start)
    back.start()
    assert verbs.update_all(things, {}, TO_BLUE) == 1
    back.join(AT_ONCE_SECONDS)


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_done(
    request: pytest.FixtureRequest, server: FaultyServer, things: Things
) -> None:
    """The right to write may be taken away meanwhile; the parts of a large text are needed all the same."""
    if "replica_set" in request.node.nodeid:
        reason = "the driver's own second attempt says nothing of its first"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason, raises=MongoRefusedError))
    faults: Iterator[Fault] = iter([Broken.AFTER, Refused(UNAUTHORIZED)])

    def judge(name: str, _: object) -> Fault:
        return next(faults, None) if name == "findAndModify" else None

    server.judge = judge
    parts = things.database["parts"]
    payloads = Payloads(lambda: parts, 4)
    error = raised(MongoOutageError, lambda: payloads.put(things, "1", "longer than four"))
    assert "it may be done, or not" in str(error)
    assert payloads.get(things, "1") == "longer than four"


# a write that is done and not confirmed


@pytest.fixture(params=["mongomock", "embedded"])
def unconfirmed(request: pytest.FixtureRequest) -> Iterator[tuple[Things, Callable[[str], None]]]:
    """A collection, and what has one command of a name done and not confirmed by a majority."""
    url, name = request.getfixturevalue(f"{request.param}_url"), new_name()
    things = client.database_at(address_of(url, name))["things"]
    error = {"code": 64, "codeName": "WriteConcernTimeout", "errmsg": "waiting for replication timed out"}

    def arm(command: str) -> None:
        things.database.client.admin.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": 1},
            data={"failCommands": [command], "writeConcernError": error},
        )

    yield things, arm
    things.database.client.admin.command("configureFailPoint", "failCommand", mode="off")
    things.database.client.drop_database(name)


def test_a_text_whose_head_is_not_confirmed_keeps_its_parts(
    unconfirmed: tuple[Things, Callable[[str], None]],
) -> None:
    things, arm = unconfirmed
    parts = things.database["parts"]
    payloads = Payloads(lambda: parts, 4)
    arm("findAndModify")
    raised(MongoOutageError, lambda: payloads.put(things, "1", "longer than four"))
    assert payloads.get(things, "1") == "longer than four"


def test_a_missing_text_that_is_not_confirmed_can_be_stored_again(
    unconfirmed: tuple[Things, Callable[[str], None]],
) -> None:
    things, arm = unconfirmed
    parts = things.database["parts"]

    class Arming(Payloads):
        def store(self, text: str, heads: Collection[Any], key: str, field: str) -> Payload:
            stored = super().store(text, heads, key, field)
            arm("insert")  # the next one is that of the head
            return stored

    raised(MongoOutageError, lambda: Arming(lambda: parts, 4).put_missing(things, "1", "longer than four"))
    payloads = Payloads(lambda: parts, 4)
    payloads.put_missing(things, "1", "longer than four")
    assert payloads.get(things, "1") == "longer than four"


def test_a_batch_that_is_not_confirmed_is_no_success(
    unconfirmed: tuple[Things, Callable[[str], None]],
) -> None:
    things, arm = unconfirmed
    arm("insert")
    raised(MongoOutageError, lambda: verbs.insert_all_missing(things, [RED, OTHER]))
    assert list(documents_in(things).values()) == [RED, OTHER]
