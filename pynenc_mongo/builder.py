"""The builder methods that pynenc's plugin system adds to `PynencBuilder`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pynenc_mongo.conf.address import check_database_name, split_url
from pynenc_mongo.errors import MongoConfigError

if TYPE_CHECKING:
    from pynenc.builder import PynencBuilder

# what `.mongo()` puts on MongoDB
COMPONENTS = {
    "orchestrator_cls": "MongoOrchestrator",
    "broker_cls": "MongoBroker",
    "state_backend_cls": "MongoStateBackend",
    "client_data_store_cls": "MongoClientDataStore",
    "trigger_cls": "MongoTrigger",
}


class MongoBuilderPlugin:
    """The entry point that pynenc loads (group `pynenc.plugins`)."""

    @staticmethod
    def register_builder_methods(builder_class: type["PynencBuilder"]) -> None:
        """Add the methods below to the builder, and a check to its `.build()`."""
        for method in (mongo, mongo_client_data_store, mongo_trigger):
            builder_class.register_plugin_method(method.__name__, method)
        builder_class.register_plugin_validator(validate_mongo_config)


def mongo(
    builder: "PynencBuilder",
    url: str | None = None,
    db: str | None = None,
    host: str | None = None,
    port: int | None = None,
    username: str | None = None,
    password: str | None = None,
    auth_source: str | None = None,
) -> "PynencBuilder":
    """Put the app's stores on MongoDB.

    :param url: where the server is; honours a database in its path. Without it, `host` and `port` say
        so, or pynenc's other settings sources (environment, files), or localhost:27017
    :param db: database name; overrides the one in `url`
    :param host: server's host name; not beside `url`
    :param port: server's port; not beside `url`
    :param username: user name, where `url` names none
    :param password: the user's password
    :param auth_source: database that holds the user
    :return: the builder, for chaining
    :raises MongoConfigError: if `url` is malformed, asks for writes that nobody confirms or is beside `host`
        or `port`, or MongoDB refuses `db`
    """
    given = {
        "mongo_url": url,
        "mongo_db": db,
        "mongo_host": host,
        "mongo_port": port,
        "mongo_username": username,
        "mongo_password": password,
        "mongo_auth_source": auth_source,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    _check(settings)
    builder.custom_config(**settings, **COMPONENTS)
    builder._plugin_components.add("mongo")  # as pynenc's own plugins do
    builder._using_memory_components = False
    return builder


def mongo_client_data_store(
    builder: "PynencBuilder",
    min_size_to_cache: int = 1024,
    local_cache_size: int = 1024,
    max_size_to_cache: int = 16 * 1024 * 1024,
) -> "PynencBuilder":
    """Put the client data store on MongoDB, where `.mongo()` or the settings say where that is.

    :param min_size_to_cache: characters from which on a serialized value is stored apart
    :param local_cache_size: values that each process keeps in memory
    :param max_size_to_cache: characters above which a value travels inline after all; 0 for no limit
    :return: the builder, for chaining
    :raises MongoConfigError: if nothing says where MongoDB is
    """
    _require_mongo(builder, "mongo_client_data_store")
    return builder.custom_config(
        client_data_store_cls=COMPONENTS["client_data_store_cls"],
        min_size_to_cache=min_size_to_cache,
        local_cache_size=local_cache_size,
        max_size_to_cache=max_size_to_cache,
    )


def mongo_trigger(
    builder: "PynencBuilder", scheduler_interval_seconds: int = 60, enable_scheduler: bool = True
) -> "PynencBuilder":
    """Put the trigger on MongoDB, where `.mongo()` or the settings say where that is.

    :param scheduler_interval_seconds: seconds between two looks for time-based triggers
    :param enable_scheduler: whether to look for them at all
    :return: the builder, for chaining
    :raises MongoConfigError: if nothing says where MongoDB is
    """
    _require_mongo(builder, "mongo_trigger")
    return builder.custom_config(
        trigger_cls=COMPONENTS["trigger_cls"],
        scheduler_interval_seconds=scheduler_interval_seconds,
        enable_scheduler=enable_scheduler,
    )


def _require_mongo(builder: "PynencBuilder", method: str) -> None:
    if "mongo" not in builder._plugin_components and not builder._config.get("mongo_url"):
        raise MongoConfigError(f".{method}() does not know where MongoDB is: call .mongo(url=...) before it")


def validate_mongo_config(config: dict[str, Any]) -> None:
    """Refuse, when the app is built, settings that cannot be used.

    :raises MongoConfigError: naming the setting and the remedy
    """
    if any(config.get(setting) == component for setting, component in COMPONENTS.items()):
        _check(config)


def _check(config: dict[str, Any]) -> None:
    url = config.get("mongo_url", "")
    rivals = [name for name in ("mongo_host", "mongo_port") if url and config.get(name)]
    if rivals:
        raise MongoConfigError(f"mongo_url and {rivals[0]} both say where MongoDB is: keep one of the two")
    _check_text(config, "mongo_url", split_url)
    _check_text(config, "mongo_db", check_database_name)


def _check_text(config: dict[str, Any], name: str, check: Callable[[str], object]) -> None:
    try:
        if config.get(name):
            check(config[name])
    except ValueError as error:
        raise MongoConfigError(f"{error} ({name} of the builder)") from None
