"""An app on the test database, and back exactly as it was."""

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import app_places, crons, expected_warnings, overrides, pinning
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

# a test waits for these pauses, and production's would make it wait long; besides, they fit together
_SHORT_PAUSES = {
    "runner_loop_sleep_time_sec": 0.01,
    "invocation_wait_results_sleep_time_sec": 0.01,
    # a status is remembered by the time of day, for ever where a test has stopped that
    "cached_status_time": 0.0,
    # triggers and recovery: looked after every half second, not every five minutes
    "atomic_service_interval_minutes": 0.5 / 60,
    "atomic_service_check_interval_minutes": 0.25 / 60,
    "atomic_service_spread_margin_minutes": 0.0,
    "atomic_service_max_start_slot_fraction": 1.0,
}


# what says where an app stores: no test may be anywhere else
_PLACE = ("mongo_url", "mongo_db", "mongo_collection_prefix")


@dataclass(frozen=True)
class Settings:
    """What puts an app on a test database.

    `pinned` settings say where it stores, and are the same for every test of this process; `values` are all
    that win over the app's own, over files and over the environment.
    """

    pinned: Mapping[str, Any]
    values: Mapping[str, Any]


def settings(database: "TestDatabase", more: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings that put an app on a test database; `more` are config values of the test's own."""
    place = {
        "mongo_url": database.url,
        "mongo_db": database.name,
        "mongo_collection_prefix": database.collection_prefix,
    }
    pinned = {**_OWN_ADDRESS, **_components(), **place}
    # the plugin's own limit too, so that this process has one client for both
    limits = {"mongo_connect_seconds": database.server.connect_seconds}
    told = {"mongo_note_changed_results": True}  # to a test that fails
    return Settings(pinned, {**limits, **told, **(more or {}), **pinned})


@contextmanager
def rewired(app: "Pynenc", test_settings: Settings) -> Generator["Pynenc"]:
    """Put `app` on the test database; afterwards it is as it was before, whatever happened to it.

    :raises WiringError: if it would store anywhere else all the same
    """
    with ExitStack() as undo:
        undo.enter_context(pinning.pinned(test_settings.pinned))
        undo.enter_context(_registry.kept())
        undo.enter_context(kept(app))
        apply(app, overrides.over(app.config_values, test_settings.values, _SHORT_PAUSES))
        yield app


def pin(config_values: Mapping[str, Any]) -> None:
    """Have all of this process, a worker, store where an app with these config values does."""
    winning = overrides.winning_in(config_values)
    pinning.pin({name: winning[name] for name in (*_OWN_ADDRESS, *_components(), *_PLACE)})


def apply(app: "Pynenc", config_values: Mapping[str, Any], **more: Any) -> None:
    """Give `app` config values of `overrides.over`, and more that win; forget what it made of its old ones.

    :raises WiringError: if it would store elsewhere than they say
    """
    expected_warnings.ignore()
    app_places.remember()
    app.config_values = overrides.over(config_values, more)
    app._reset_cached_components()  # pynenc's own way to do this
    app._runner_instance = None
    for task in app.tasks.values():
        for name in _cached_properties(type(task)):
            task.__dict__.pop(name, None)
    crons.apply(app)
    _check(app)


@contextmanager
def kept(app: "Pynenc") -> Iterator[None]:
    """Remember all that an app holds, and put it back: attributes, dictionaries, tasks, logger."""
    containers: list[dict[Any, Any]] = [
        vars(app),
        app._tasks,
        app._deferred_trigger_tasks,
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


class _Registry:
    """pynenc's registry of apps, put back when the last of those on the test database is."""

    def __init__(self) -> None:
        self._users = 0
        self._before: dict[str, Pynenc] = {}

    @contextmanager
    def kept(self) -> Iterator[None]:
        from pynenc import Pynenc

        if not self._users:
            self._before = dict(Pynenc._instances)
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                Pynenc._instances.clear()
                Pynenc._instances.update(self._before)


_registry = _Registry()


def _check(app: "Pynenc") -> None:
    """Refuse to run a test, and above all to purge, anywhere but on the test database.

    It looks at settings of its own: those of `app` are read at first use, which is the test's.
    """
    from pynenc.conf.config_pynenc import ConfigPynenc

    from pynenc_mongo.conf.config_mongo import ConfigMongo

    wanted = overrides.winning_in(app.config_values)
    where = ConfigMongo(app.config_values, app.config_filepath)
    what = ConfigPynenc(app.config_values, app.config_filepath)
    for conf, names in ((where, _PLACE), (what, _components())):
        if wrong := [name for name in names if getattr(conf, name) != wanted.get(name)]:
            raise WiringError(
                f"app {what.app_id!r} stays on another database than the test's: "
                f"{', '.join(f'{name} comes from {conf.field_info(name).source}' for name in wrong)}"
            )


def _components() -> Mapping[str, str]:
    """Return the classes of an app's components, which are where it stores as much as a URL is."""
    from pynenc_mongo.builder import COMPONENTS

    return COMPONENTS


def _cached_properties(cls: type) -> set[str]:
    return {
        name
        for base in cls.__mro__
        for name, value in vars(base).items()
        if isinstance(value, cached_property)
    }
