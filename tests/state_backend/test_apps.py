"""Apps side by side: what each said of itself, and what a purge takes."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pynenc.app_info import AppInfo
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.state_backend.documents import SPECS
from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from pynenc_mongo.storage import client
from tests.state_backend.helpers import NOON, Backend, add, entry, history, noise, parts_of, workflow
from tests.storage.helpers import address_of, app_on, documents_in, new_name, raised

pytestmark = pytest.mark.usefixtures("no_settings_of_the_machine")

ONE = InvocationId("one")


@pytest.fixture
def own_database(any_url: str, database_name: str) -> Iterator[str]:
    name = new_name()
    yield name
    client.client_at(address_of(any_url, name)).drop_database(name)


def backend_of(url: str, database: str, app_id: str) -> Backend:
    app = app_on(url, database, app_id, chunk_threshold=100)
    assert isinstance(app.state_backend, MongoStateBackend)
    return app.state_backend


def fill(backend: Backend) -> None:
    """Store something in every collection."""
    backend.store_app_info(AppInfo(backend.app.app_id, "shop.tasks"))
    backend._upsert_invocations([entry(ONE, {"text": noise(500)}, parent="parent", workflow=workflow("run"))])
    add(backend, history(ONE, NOON))
    backend._set_result(ONE, noise(500, 1))
    backend._set_exception(ONE, "exception")
    backend.store_workflow_run(workflow("run"))
    backend.set_workflow_data(workflow("run"), "key", "value")
    backend.store_workflow_sub_invocation(InvocationId("run"), ONE)
    backend.store_runner_context(RunnerContext("ThreadRunner", "runner"))


def contents(backend: Backend) -> dict[str, dict[str, Any]]:
    return {spec.name: documents_in(backend._collections.existing(spec)) for spec in SPECS}


# purge


def test_a_purge_empties_every_collection_of_the_app(any_url: str, own_database: str) -> None:
    backend = backend_of(any_url, own_database, "shop")
    fill(backend)
    assert all(contents(backend).values())
    backend.purge()
    assert contents(backend) == {spec.name: {} for spec in SPECS}


@pytest.mark.parametrize("neighbour", ["shop2", "sho", "shop.x", "shop.state_backend_", "Shop"])
def test_a_purge_keeps_another_app_and_its_parts(any_url: str, own_database: str, neighbour: str) -> None:
    ours, theirs = (backend_of(any_url, own_database, app_id) for app_id in ("shop", neighbour))
    fill(ours)
    fill(theirs)
    before = contents(theirs)
    ours.purge()
    assert contents(theirs) == before
    assert theirs._get_result(ONE) == noise(500, 1)
    assert len(parts_of(theirs)) > 0


def test_after_a_purge_everything_can_be_stored_again(any_url: str, own_database: str) -> None:
    backend = backend_of(any_url, own_database, "shop")
    fill(backend)
    backend.purge()
    fill(backend)
    assert all(contents(backend).values())
    assert backend._get_result(ONE) == noise(500, 1)


def test_a_purge_of_an_app_that_stored_nothing_stores_nothing(any_url: str, own_database: str) -> None:
    backend_of(any_url, own_database, "quiet").purge()
    names = client.database_at(address_of(any_url, own_database)).list_collection_names()
    assert [name for name in names if not name.endswith("_app_info")] == []


# discovery


def test_an_app_finds_what_it_said_of_itself(any_url: str, own_database: str) -> None:
    backend = backend_of(any_url, own_database, "shop")
    info = AppInfo("shop", "shop.tasks", {"$set": {"a.b": 1}}, "shop.toml", "/shop/tasks.py", "app")
    backend.store_app_info(AppInfo("shop", "older"))
    backend.store_app_info(info)
    assert backend.get_app_info() == info


def test_what_an_app_said_of_itself_has_no_password(any_url: str, own_database: str) -> None:
    backend = backend_of(any_url, own_database, "shop")
    url, masked = "mongodb://ann:hunter2@db.example/shop", "mongodb://ann:***@db.example/shop"
    told: dict[str, Any] = {"mongo_url": url, "mongo_password": "hunter2", "task": {"mongo_url": url}}
    more: dict[str, Any] = {"mongo_username": "ann", "format": "a:b@c", "max_retries": 3, "auth_password": ""}
    backend.store_app_info(AppInfo("shop", "shop.tasks", {**told, **more}))
    assert backend.get_app_info().config_values == {
        **more,
        "mongo_url": masked,
        "mongo_password": "***",
        "task": {"mongo_url": masked},
    }


def test_an_app_that_said_nothing_is_a_key_error_that_names_it(any_url: str, own_database: str) -> None:
    backend = backend_of(any_url, own_database, "shop")
    backend.purge()
    message = str(raised(KeyError, backend.get_app_info))
    assert f"no app info is stored for app 'shop' in database {own_database}" in message


APP_IDS = ["shop", "shop2", "my shop.v2", "system", "ü"]


@pytest.mark.parametrize("database_in", ["PYNENC__MONGO_DB", "PYNENC__MONGO_URL"])
def test_every_app_in_the_database_of_the_environment_is_discovered(
    any_url: str, own_database: str, monkeypatch: pytest.MonkeyPatch, database_in: str
) -> None:
    elsewhere = new_name()
    for app_id in APP_IDS:
        fill(backend_of(any_url, own_database, app_id))
    fill(backend_of(any_url, elsewhere, "elsewhere"))
    url = any_url
    if database_in == "PYNENC__MONGO_DB":
        monkeypatch.setenv("PYNENC__MONGO_DB", own_database)
    else:
        pieces = urlsplit(any_url)
        url = f"{pieces.scheme}://{pieces.netloc}/{own_database}?{pieces.query}"
    monkeypatch.setenv("PYNENC__MONGO_URL", url)
    try:
        found = MongoStateBackend.discover_app_infos()
        assert found == {app_id: AppInfo(app_id, "shop.tasks") for app_id in APP_IDS}
    finally:
        client.client_at(address_of(any_url, elsewhere)).drop_database(elsewhere)
        client.close_server(url)


def test_an_app_under_another_prefix_is_not_discovered(
    any_url: str, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYNENC__MONGO_URL", any_url)
    monkeypatch.setenv("PYNENC__MONGO_DB", own_database)
    for prefix in ("", "run-1.", "run-2."):
        monkeypatch.setenv("PYNENC__MONGO_COLLECTION_PREFIX", prefix)
        fill(backend_of(any_url, own_database, f"shop {prefix}"))
    for prefix in ("", "run-1.", "run-2."):
        monkeypatch.setenv("PYNENC__MONGO_COLLECTION_PREFIX", prefix)
        assert list(MongoStateBackend.discover_app_infos()) == [f"shop {prefix}"]


def test_a_database_without_apps_has_none_to_discover(
    any_url: str, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYNENC__MONGO_URL", any_url)
    monkeypatch.setenv("PYNENC__MONGO_DB", own_database)
    assert MongoStateBackend.discover_app_infos() == {}


def test_apps_of_one_id_in_two_databases_are_two(any_url: str, own_database: str) -> None:
    elsewhere = new_name()
    ours, theirs = (backend_of(any_url, database, "shop") for database in (own_database, elsewhere))
    try:
        ours._set_result(ONE, "ours")
        theirs._set_result(ONE, "theirs")
        assert (ours._get_result(ONE), theirs._get_result(ONE)) == ("ours", "theirs")
    finally:
        client.client_at(address_of(any_url, elsewhere)).drop_database(elsewhere)
