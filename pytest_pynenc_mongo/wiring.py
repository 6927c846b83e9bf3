"""An app on the test database, and back exactly as it was."""

import logging
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import crons
from pytest_pynenc_mongo.errors import WiringError

if TYPE_CHECKING:
    from pynenc import Pynenc

    from pytest_pynenc_mongo.databases import TestDatabase

# another address of the app's own would compete with the test database's
_OWN_ADDRESS = {
    "mongo_host": "",
    "mongo_port": 0,
    "mongo_username": "",
    "mongo_password": "",
    "mongo_auth_source": "",
}

# a test waits for these pauses; production values would make it wait long
_SHORT_PAUSES = {
    "runner_loop_sleep_time_sec": 0.01,
    "invocation_wait_results_sleep_time_sec": 0.01,
    # triggers and recovery: looked after every half second, not every five minutes
    "atomic_service_interval_minutes": 0.5 / 60,
    "atomic_service_check_interval_minutes": 0.25 / 60,
    "atomic_service_spread_margin_minutes": 0.0,
    "atomic_service_max_start_slot_fraction": 1.0,
}


# what says where an app stores: no test may be anywhere else
_PLACE = ("mongo_url", "mongo_db", "mongo_collection_prefix")
_VARIABLE_PREFIX = "PYNENC__"


@dataclass(frozen=True)
class Settings:
    """What puts an app on a test database.

    `pinned` settings hold for every test of this process, and win over files and the environment;
    `values` are pynenc `config_values`, which reach child processes with the app.
    """

    pinned: Mapping[str, Any]
    values: Mapping[str, Any]


def settings(database: "TestDatabase", more: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings that put an app on a test database; `more` are config values of the test's own."""
    from pynenc_mongo.builder import COMPONENTS

    place = {
        "mongo_url": database.url,
        "mongo_db": database.name,
        "mongo_collection_prefix": database.collection_prefix,
    }
    pinned = {**_OWN_ADDRESS, **COMPONENTS, **place}
    # the plugin's own limit too, so that this process has one client for both
    limits = {"mongo_connect_seconds": database.server.connect_seconds}
    # a status is remembered by the time of day, for ever where a test has stopped that
    unfrozen = {"cached_status_time": 0.0}
    return Settings(pinned, {**limits, **unfrozen, **(more or {}), **pinned})


@contextmanager
def rewired(app: "Pynenc", test_settings: Settings) -> Generator["Pynenc"]:
    """Put `app` on the test database; afterwards it is as it was before, whatever happened to it.

    :raises WiringError: if a setting of a file or of the environment still wins over the test's
    """
    with ExitStack() as undo:
        undo.enter_context(_environment(test_settings))
        undo.enter_context(_kept(app))
        apply(app, test_settings.values)
        _insist(app, test_settings)
        _check(app, test_settings)
        yield app


def apply(app: "Pynenc", values: Mapping[str, Any]) -> None:
    """Give `app` other settings, and forget what it made of its old ones."""
    app.config_values = {**_SHORT_PAUSES, **(app.config_values or {}), **values}
    app._reset_cached_components()  # noqa: SLF001 - pynenc's own way to do this
    app._runner_instance = None  # noqa: SLF001
    for task in app.tasks.values():
        for name in _cached_properties(type(task)):
            task.__dict__.pop(name, None)
    crons.apply(app)


@contextmanager
def _kept(app: "Pynenc") -> Iterator[None]:
    """Remember all that an app holds, and put it back: attributes, dictionaries, tasks, logger, registry."""
    containers: list[dict[Any, Any]] = [
        vars(app),
        app._tasks,  # noqa: SLF001
        app._deferred_trigger_tasks,  # noqa: SLF001
        type(app)._instances,  # noqa: SLF001
        *(vars(task) for task in app.tasks.values()),
        *(task.options for task in app.tasks.values()),
    ]
    if app.config_values is not None:
        containers.append(app.config_values)
    before = [(container, dict(container)) for container in containers]
    logger = logging.getLogger(f"pynenc.{app.app_id}")
    handlers, filters, level, propagate = (
        logger.handlers[:],
        logger.filters[:],
        logger.level,
        logger.propagate,
    )
    try:
        yield
    finally:
        for container, contents in before:
            container.clear()
            container.update(contents)
        logger.handlers, logger.filters, logger.propagate = handlers, filters, propagate
        logger.setLevel(level)


@contextmanager
def _environment(test_settings: Settings) -> Iterator[None]:
    """Set the pinned settings in the environment, where they win over every file and every variable.

    They are the same for every test of this process, so that children of a fork server, which keep the
    environment of the first test, are not misled.
    """
    before = {name: value for name, value in os.environ.items() if name.startswith(_VARIABLE_PREFIX)}
    overruled = tuple(f"__{name.upper()}" for name in test_settings.values)
    for variable in before:
        if variable.endswith(overruled):
            del os.environ[variable]
    os.environ.update(
        {f"{_VARIABLE_PREFIX}{name.upper()}": str(value) for name, value in test_settings.pinned.items()}
    )
    try:
        yield
    finally:
        for variable in [name for name in os.environ if name.startswith(_VARIABLE_PREFIX)]:
            del os.environ[variable]
        os.environ.update(before)


def _insist(app: "Pynenc", test_settings: Settings) -> None:
    """Put those of the test's values in the environment that a file or a variable would win over."""
    known = app.conf.all_fields
    for name, value in test_settings.values.items():
        if name in known and isinstance(value, str | int | float) and getattr(app.conf, name) != value:
            os.environ[f"{_VARIABLE_PREFIX}{name.upper()}"] = str(value)
            app._conf = None  # noqa: SLF001


def _check(app: "Pynenc", test_settings: Settings) -> None:
    """Refuse to run a test, and above all to purge, anywhere but on the test database."""
    from pynenc_mongo.conf.config_mongo import ConfigMongo

    conf = ConfigMongo(app.config_values, app.config_filepath)
    wanted = {name: test_settings.pinned[name] for name in _PLACE}
    found = {name: getattr(conf, name) for name in wanted}
    if found != wanted:
        raise WiringError(
            f"app {app.app_id!r} stays on another database than the test's: "
            f"{', '.join(f'{name} comes from {conf.field_info(name).source}' for name in wanted)}"
        )


def _cached_properties(cls: type) -> set[str]:
    return {
        name
        for base in cls.__mro__
        for name, value in vars(base).items()
        if isinstance(value, cached_property)
    }
