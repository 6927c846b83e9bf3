"""The collections of one component of one app: specs in, plain pymongo collections out."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.operations import IndexModel

from pynenc_mongo.conf.config_mongo import ConfigMongo
from pynenc_mongo.storage import client
from pynenc_mongo.storage.naming import collection_prefix
from pynenc_mongo.storage.repeating import reached
from pynenc_mongo.storage.shapes import Documents
from pynenc_mongo.storage.verbs import collection_names, delete_all, make_indexes

# for how long indexes are taken to be there still
_SURE_SECONDS = 60.0


@dataclass(frozen=True)
class CollectionSpec[Doc: Mapping[str, Any]]:
    """A collection's name, the type of its documents, its secondary indexes.

    `version` is that of the documents' schema: one more whenever an earlier release would read them wrongly.
    """

    name: str
    document: type[Doc]
    indexes: tuple[IndexModel, ...] = ()
    version: int = 1

    def at(self, database: Database[Any], name: str) -> Collection[Doc]:
        """Return a collection of such documents."""
        return Documents(database, name, self.document, self.version)


class Collections:
    """Finds the collections of one component of one app, in whichever process it is asked.

    A collection is made by the first write that creates documents, together with its indexes: one
    `createIndexes` command, and none where there is no secondary index. Somebody else may drop it, indexes
    and all, and a write would make it again without them: so that command is sent again from time to time.
    """

    def __init__(
        self, conf: ConfigMongo, app_id: str, component: str, specs: Sequence[CollectionSpec[Any]]
    ) -> None:
        self._address = conf.address()
        self._limits = conf.limits()
        self._prefix = f"{conf.collection_prefix()}{collection_prefix(app_id)}{component}_"
        self._specs = tuple(specs)
        self._indexed_at: dict[str, float] = {}
        self._database: Database[Any] | None = None
        self._epoch = 0

    @property
    def database(self) -> Database[Any]:
        """This process's handle; a forked child gets one of its own.

        :raises MongoUnreachableError: if no server answers
        """
        epoch = client.epoch()
        if self._database is None or self._epoch != epoch:
            self._database = reached(
                lambda: client.database_at(self._address, self._limits),
                lambda: client.how_it_ended(self._address.url),
            )
            self._epoch = epoch  # last: until then no thread takes the old handle for a new one
        return self._database

    def existing[Doc: Mapping[str, Any]](self, spec: CollectionSpec[Doc]) -> Collection[Doc]:
        """Return the collection to read, update or delete in: it does not come into being by that."""
        return spec.at(self.database, self._prefix + spec.name)

    def indexed[Doc: Mapping[str, Any]](self, spec: CollectionSpec[Doc]) -> Collection[Doc]:
        """Return the collection to insert or upsert into, its indexes made."""
        made_at = self._indexed_at.get(spec.name, -math.inf)
        return self.ruled(spec) if time.monotonic() - made_at > _SURE_SECONDS else self.existing(spec)

    def ruled[Doc: Mapping[str, Any]](self, spec: CollectionSpec[Doc]) -> Collection[Doc]:
        """Return the collection for a write that a unique index decides on: its indexes are there now.

        :raises pymongo.errors.DuplicateKeyError: if they are not, and what is stored forbids them
        """
        collection = self.existing(spec)
        if spec.indexes:
            make_indexes(collection, spec.indexes)
            self._indexed_at[spec.name] = time.monotonic()
        return collection

    def purge(self) -> None:
        """Delete every document of this component of this app; collections and indexes stay.

        Somebody may have dropped a collection meanwhile, indexes and all: the next insert makes sure of them.
        """
        stored = set(collection_names(self.database))
        for spec in self._specs:
            if self._prefix + spec.name in stored:
                delete_all(self.existing(spec), {})
        self._indexed_at.clear()
