"""`PynencBuilder().mongo(...)`: what users of pynenc-mongo 0.3.0 have written, and what is refused."""

from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.builder import PynencBuilder

from pynenc_mongo.conf.config_state_backend import ConfigStateBackendMongo
from pynenc_mongo.errors import MongoConfigError
from pynenc_mongo.state_backend.mongo_state_backend import MongoStateBackend
from tests.storage.helpers import raised

pytestmark = pytest.mark.usefixtures("no_settings_of_the_machine")


def builder_of(**mongo: Any) -> PynencBuilder:
    builder: PynencBuilder = PynencBuilder().app_id("my_app").mongo(**mongo)
    return builder


def settings_of(app: Pynenc) -> ConfigStateBackendMongo:
    return ConfigStateBackendMongo(app.config_values, app.config_filepath)


# as in the peer's README


def test_an_app_built_with_a_url_builds_unchanged() -> None:
    app = (
        PynencBuilder()
        .app_id("my_app")
        .mongo(url="mongodb://localhost:27017/pynenc")
        .process_runner()
        .build()
    )
    address = settings_of(app).address()
    assert (app.app_id, app.conf.runner_cls) == ("my_app", "ProcessRunner")
    assert (address.url, address.database) == ("mongodb://localhost:27017/pynenc", "pynenc")


def test_an_app_built_with_host_port_and_user_builds_unchanged() -> None:
    app = (
        PynencBuilder()
        .app_id("my_app")
        .mongo(
            host="localhost",
            port=27017,
            db="shop",
            username="ann",
            password="secret",
            auth_source="admin",
        )
        .process_runner()
        .build()
    )
    address = settings_of(app).address()
    assert (address.url, address.database) == ("mongodb://localhost:27017", "shop")
    assert (address.username, address.password, address.auth_source) == ("ann", "secret", "admin")


def test_mongo_without_arguments_leaves_the_settings_to_pynencs_other_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYNENC__MONGO_URL", "mongodb://mongo.example/shop")
    address = settings_of(builder_of().build()).address()
    assert (address.url, address.database) == ("mongodb://mongo.example/shop", "shop")


def test_the_url_may_be_given_first_in_line() -> None:
    app = PynencBuilder().mongo("mongodb://mongo.example/shop", "lab").build()
    address = settings_of(app).address()
    assert (address.url, address.database) == ("mongodb://mongo.example/shop", "lab")


def test_mongo_chooses_the_mongo_state_backend() -> None:
    app = builder_of(url="mongomock://").thread_runner().build()
    assert isinstance(app.state_backend, MongoStateBackend)


def test_a_later_mongo_replaces_the_memory_components_check() -> None:
    app = PynencBuilder().memory().mongo(url="mongodb://localhost").process_runner().build()
    assert app.conf.state_backend_cls == "MongoStateBackend"


# what is refused


@pytest.mark.parametrize("rival", [{"host": "localhost"}, {"port": 27017}])
def test_a_url_beside_a_host_or_port_is_refused_at_once(rival: dict[str, Any]) -> None:
    message = str(raised(MongoConfigError, lambda: builder_of(url="mongodb://localhost", **rival)))
    (name,) = rival
    assert f"mongo_url and mongo_{name} both say where MongoDB is" in message


def test_a_url_beside_a_host_in_the_environment_is_refused_at_first_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYNENC__MONGO_HOST", "mongo.example")
    app = builder_of(url="mongodb://localhost/shop").build()
    message = str(raised(MongoConfigError, lambda: app.state_backend))
    assert "mongo_url from config_values" in message
    assert "mongo_host from env var 'PYNENC__MONGO_HOST'" in message


def test_a_malformed_url_is_refused_at_once() -> None:
    message = str(raised(MongoConfigError, lambda: builder_of(url="localhost:27017")))
    assert "malformed MongoDB URL 'localhost:27017'" in message


def test_a_database_name_that_mongodb_refuses_is_refused_at_once() -> None:
    message = str(raised(MongoConfigError, lambda: builder_of(url="mongodb://localhost", db="a.b")))
    assert "MongoDB refuses the database name 'a.b'" in message


def test_a_refused_database_name_in_the_url_is_refused_before_anything_connects() -> None:
    app = builder_of(url="mongodb://localhost/a.b").build()
    assert "'a.b'" in str(raised(MongoConfigError, lambda: app.state_backend))


def test_settings_that_compete_are_refused_when_the_app_is_built() -> None:
    builder = builder_of(url="mongodb://localhost").custom_config(mongo_host="mongo.example")
    error = raised(ValueError, builder.build)
    assert "mongo_url and mongo_host both say where MongoDB is" in str(error)


@pytest.mark.parametrize(
    "runner", ["process_runner", "multi_thread_runner", "persistent_process_runner", "thread_runner"]
)
def test_every_runner_may_use_a_mongomock_store(runner: str) -> None:
    builder = builder_of(url="mongomock://")
    getattr(builder, runner)()
    assert isinstance(builder.build().state_backend, MongoStateBackend)


def test_an_app_that_is_not_on_mongodb_is_left_alone() -> None:
    app = (
        PynencBuilder()
        .app_id("my_app")
        .memory()
        .custom_config(mongo_url="nonsense", mongo_host="localhost")
        .thread_runner()
        .build()
    )
    assert app.conf.state_backend_cls == "MemStateBackend"
