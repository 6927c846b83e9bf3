"""The collections of one component of one app: specs in, plain pymongo collections out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.operations import IndexModel

from pynenc_mongo.conf.config_mongo import ConfigMongo
from pynenc_mongo.storage import client
from pynenc_mongo.storage.naming import collection_prefix


@dataclass(frozen=True)
class CollectionSpec[Doc: Mapping[str, Any]]:
    """A collection's name, the type of its documents (as the type argument) and its secondary indexes."""

    name: str
    indexes: tuple[IndexModel, ...] = ()


class Collections:
    """Finds the collections of one component of one app, in whichever process it is asked.

    A collection is made by the first write that creates documents, together with its indexes: one
    `createIndexes` command, and none where there is no secondary index.
    """

    def __init__(
        self, conf: ConfigMongo, app_id: str, component: str, specs: Sequence[CollectionSpec[Any]]
    ) -> None:
        self._address = conf.address()
        self._limits = conf.limits()
        self._prefix = f"{conf.collection_prefix()}{collection_prefix(app_id)}{component}_"
        self._specs = tuple(specs)
        self._indexed: set[str] = set()
        self._database: Database[Any] | None = None
        self._epoch = 0

    @property
    def database(self) -> Database[Any]:
        """This process's handle; a forked child gets one of its own.

        :raises MongoUnreachableError: if no server answers
        """
        epoch = client.epoch()
        if self._database is None or self._epoch != epoch:
            self._database = client.database_at(self._address, self._limits)
            self._epoch = epoch  # last: until then no thread takes the old handle for a new one
        return self._database

    def existing[Doc: Mapping[str, Any]](self, spec: CollectionSpec[Doc]) -> Collection[Doc]:
        """Return the collection to read, update or delete in: it does not come into being by that."""
        return self.database[self._prefix + spec.name]

    def indexed[Doc: Mapping[str, Any]](self, spec: CollectionSpec[Doc]) -> Collection[Doc]:
        """Return the collection to insert or upsert into, its indexes made."""
        collection = self.existing(spec)
        if spec.indexes and spec.name not in self._indexed:
            collection.create_indexes(list(spec.indexes))
            self._indexed.add(spec.name)
        return collection

    def purge(self) -> None:
        """Delete every document of this component of this app; collections and indexes stay.

        Somebody may have dropped a collection meanwhile, indexes and all: the next insert makes sure of them.
        """
        stored = set(self.database.list_collection_names())
        for spec in self._specs:
            if self._prefix + spec.name in stored:
                self.existing(spec).delete_many({})
        self._indexed.clear()
