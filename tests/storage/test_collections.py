"""Collections of one component of one app: made with their indexes by the first write, emptied together."""

import threading
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pytest
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.operations import IndexModel

from pynenc_mongo.conf.config_mongo import ConfigMongo
from pynenc_mongo.errors import MongoConfigError, MongoUnreachableError
from pynenc_mongo.storage import client
from pynenc_mongo.storage.collections import Collections, CollectionSpec
from tests.commands import CommandLog
from tests.storage.helpers import AT_ONCE_SECONDS, address_of, documents_in, in_threads, raised

pytestmark = pytest.mark.usefixtures("no_settings_of_the_machine")


class ThingDoc(TypedDict):
    _id: str
    colour: NotRequired[str]
    number: NotRequired[int]


INDEXED = CollectionSpec(
    "indexed",
    ThingDoc,
    (IndexModel([("colour", 1)], name="colour"), IndexModel([("number", 1)], name="number", unique=True)),
)
PLAIN = CollectionSpec("plain", ThingDoc)


def collections_of(
    url: str,
    database: Database[Any],
    app_id: str = "shop",
    component: str = "floor",
    specs: Sequence[CollectionSpec[Any]] = (INDEXED, PLAIN),
) -> Collections:
    conf = ConfigMongo({"mongo_url": url, "mongo_db": database.name})
    return Collections(conf, app_id, component, specs)


def drop(url: str, database: Database[Any]) -> None:
    client.client_at(address_of(url, database.name)).drop_database(database.name)


def index_names(collections: Collections) -> set[str]:
    return set(collections.existing(INDEXED).index_information()) - {"_id_"}


def test_a_collection_is_named_after_its_app_and_component(any_url: str, database: Database[Any]) -> None:
    collections_of(any_url, database).indexed(PLAIN).insert_one({"_id": "1"})
    assert database.list_collection_names() == ["shop.floor_plain"]


def test_apps_with_two_prefixes_know_nothing_of_each_other(any_url: str, database: Database[Any]) -> None:
    conf = {"mongo_url": any_url, "mongo_db": database.name}
    plain = Collections(ConfigMongo(conf), "shop", "floor", [PLAIN])
    other = Collections(ConfigMongo({**conf, "mongo_collection_prefix": "run-1."}), "shop", "floor", [PLAIN])
    for collections in (plain, other):
        collections.indexed(PLAIN).insert_one({"_id": "1"})
    assert set(database.list_collection_names()) == {"shop.floor_plain", "run-1.shop.floor_plain"}
    plain.purge()
    assert documents_in(other.existing(PLAIN)) == {"1": {"_id": "1"}}
    other.purge()
    assert documents_in(other.existing(PLAIN)) == {}


@pytest.mark.parametrize(
    "prefix", ["tea shop.", "$shop.", "-shop", ".shop", "system.", "x" * 65, "tea\n", "\u00e9."]
)
def test_a_prefix_that_collections_should_not_have_is_refused(prefix: str) -> None:
    conf = ConfigMongo({"mongo_url": "mongodb://never.example", "mongo_collection_prefix": prefix})
    error = raised(MongoConfigError, lambda: Collections(conf, "shop", "floor", [PLAIN]))
    assert "mongo_collection_prefix is " in str(error)


def test_nothing_connects_before_the_first_use() -> None:
    conf = ConfigMongo({"mongo_url": "mongodb://never.example"})
    Collections(conf, "shop", "floor", [PLAIN])
    assert not any(key.url == "mongodb://never.example" for key in client._clients)


def test_a_handle_that_could_not_be_renewed_is_renewed_at_the_next_use(
    any_url: str, database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    collections = collections_of(any_url, database)
    collections.indexed(PLAIN).insert_one({"_id": "before"})
    client.close_server(any_url)

    def unreachable(*_: Any) -> None:
        raise MongoUnreachableError("for a moment")

    with monkeypatch.context() as patch:
        patch.setattr(client, "database_at", unreachable)
        raised(MongoUnreachableError, lambda: collections.database)
    collections.indexed(PLAIN).insert_one({"_id": "after"})
    assert sorted(documents_in(collections.existing(PLAIN))) == ["after", "before"]


def test_while_one_thread_renews_a_handle_no_other_is_given_the_old_one(
    any_url: str, database: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    collections = collections_of(any_url, database)
    old = collections.database
    client.close_server(any_url)
    database_at, connecting, go_on = client.database_at, threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> Database[Any]:
        if not connecting.is_set():  # the first thread
            connecting.set()
            assert go_on.wait(AT_ONCE_SECONDS)
        return database_at(*arguments)

    def use_meanwhile() -> Database[Any]:
        assert connecting.wait(AT_ONCE_SECONDS)
        try:
            return collections.database
        finally:
            go_on.set()

    monkeypatch.setattr(client, "database_at", slowly)
    handles = in_threads([lambda: collections.database, use_meanwhile])
    assert not any(handle is old for handle in handles)


def test_indexes_are_made_once(any_url: str, commands: CommandLog, database: Database[Any]) -> None:
    collections = collections_of(any_url, database)
    for number in range(3):
        collections.indexed(INDEXED).insert_one({"_id": str(number), "number": number})
    assert commands.names("floor_indexed") == ["createIndexes", "insert", "insert", "insert"]
    assert index_names(collections) == {"colour", "number"}


def test_a_collection_without_secondary_indexes_costs_no_command_to_make(
    any_url: str, commands: CommandLog, database: Database[Any]
) -> None:
    collections_of(any_url, database).indexed(PLAIN).insert_one({"_id": "1"})
    assert commands.names("floor_plain") == ["insert"]


def test_reading_and_purging_make_no_collection(any_url: str, database: Database[Any]) -> None:
    collections = collections_of(any_url, database)
    for spec in (INDEXED, PLAIN):
        existing = collections.existing(spec)
        assert list(existing.find({})) == []
        assert existing.find_one({"_id": "1"}) is None
        assert existing.distinct("colour") == []
        assert existing.find_one_and_delete({"_id": "1"}) is None
    collections.purge()
    assert database.list_collection_names() == []


def test_updating_and_deleting_what_is_not_there_make_no_collection(
    any_url: str, database: Database[Any], request: pytest.FixtureRequest
) -> None:
    if "[embedded]" in request.node.name:
        pytest.skip("SecantusDB makes the collection, which MongoDB does not")
    existing = collections_of(any_url, database).existing(PLAIN)
    assert existing.update_one({"_id": "1"}, {"$set": {"colour": "red"}}).matched_count == 0
    assert existing.delete_many({}).deleted_count == 0
    assert database.list_collection_names() == []


def test_after_the_database_was_dropped_a_new_app_of_the_process_makes_the_indexes_again(
    any_url: str, database: Database[Any]
) -> None:
    collections_of(any_url, database).indexed(INDEXED).insert_one({"_id": "1", "number": 1})
    drop(any_url, database)
    again = collections_of(any_url, database)
    again.indexed(INDEXED).insert_one({"_id": "1", "number": 1})
    assert index_names(again) == {"colour", "number"}
    with pytest.raises(DuplicateKeyError):
        again.indexed(INDEXED).insert_one({"_id": "2", "number": 1})


def test_after_the_database_was_dropped_the_same_app_makes_the_indexes_again_once_purged(
    any_url: str, database: Database[Any]
) -> None:
    collections = collections_of(any_url, database)
    collections.indexed(INDEXED).insert_one({"_id": "1", "number": 1})
    drop(any_url, database)
    collections.purge()
    collections.indexed(INDEXED).insert_one({"_id": "1", "number": 1})
    assert index_names(collections) == {"colour", "number"}


def test_a_purge_brings_the_indexes_back_though_something_was_written_after_the_drop(
    any_url: str, database: Database[Any]
) -> None:
    collections = collections_of(any_url, database)
    collections.indexed(INDEXED).insert_one({"_id": "1", "number": 1})
    drop(any_url, database)
    collections.indexed(INDEXED).insert_one({"_id": "2", "number": 2})
    collections.purge()
    collections.indexed(INDEXED).insert_one({"_id": "3", "number": 3})
    assert index_names(collections) == {"colour", "number"}


def test_a_purge_keeps_collections_and_indexes(any_url: str, database: Database[Any]) -> None:
    collections = collections_of(any_url, database)
    collections.indexed(INDEXED).insert_one({"_id": "1", "number": 1})
    collections.purge()
    assert documents_in(collections.existing(INDEXED)) == {}
    assert index_names(collections) == {"colour", "number"}


@pytest.mark.parametrize("neighbour", ["sho", "shop2", "shop.", "shop.floor_", "Shop", "shop\0", ""])
def test_a_purge_leaves_the_documents_of_other_apps_alone(
    any_url: str, database: Database[Any], neighbour: str
) -> None:
    ours, theirs = collections_of(any_url, database), collections_of(any_url, database, neighbour)
    for spec in (INDEXED, PLAIN):
        ours.indexed(spec).insert_one({"_id": "ours", "number": 1})
        theirs.indexed(spec).insert_one({"_id": "theirs", "number": 1})
    ours.purge()
    for spec in (INDEXED, PLAIN):
        assert documents_in(ours.existing(spec)) == {}
        assert list(documents_in(theirs.existing(spec))) == ["theirs"]


def test_a_purge_leaves_other_components_of_the_app_alone(any_url: str, database: Database[Any]) -> None:
    floor = collections_of(any_url, database)
    roof = collections_of(any_url, database, component="roof")
    floor.indexed(PLAIN).insert_one({"_id": "1"})
    roof.indexed(PLAIN).insert_one({"_id": "1"})
    floor.purge()
    assert (len(documents_in(floor.existing(PLAIN))), len(documents_in(roof.existing(PLAIN)))) == (0, 1)
