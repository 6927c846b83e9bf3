"""What the five components share: how each comes by its settings, its collections and its payloads."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any

from pynenc_mongo.conf.config_mongo import ConfigMongo
from pynenc_mongo.storage.collections import Collections, CollectionSpec
from pynenc_mongo.storage.payloads import PARTS, Payloads
from pynenc_mongo.storage.repeating import patient

if TYPE_CHECKING:
    from pynenc.app import Pynenc


def settings_of[Settings: ConfigMongo](app: "Pynenc", kind: type[Settings]) -> Settings:
    """Return the settings of one component of an app, from pynenc's usual sources."""
    return kind(config_values=app.config_values, config_filepath=app.config_filepath)


def collections_of(
    app: "Pynenc", conf: ConfigMongo, component: str, specs: Sequence[CollectionSpec[Any]]
) -> Collections:
    """Return the collections of one component of an app; nothing connects before the first use.

    :raises MongoConfigError: if the settings do not say, or say twice, where MongoDB is
    """
    return Collections(conf, app.app_id, component, specs)


def payloads_in(collections: Collections, conf: ConfigMongo) -> Payloads:
    """Return the texts of any size that a component keeps, their parts in a collection of its own.

    :raises MongoConfigError: if `chunk_threshold` is more than a document holds
    """
    return Payloads(lambda: collections.indexed(PARTS), conf.part_bytes())


def outliving_outages(app: "Pynenc") -> AbstractContextManager[None]:
    """Have a runner wait while MongoDB does not answer, until it is told to stop; others are told of it.

    pynenc's loops end with an error at many of the places where they use a component.
    """
    runner = app.runner
    if runner.running:
        return patient(lambda: runner.running)
    # MultiThreadRunner's children drive a runner that never says that it runs; a signal ends them
    return patient(lambda: parent_process() is not None)
