"""MongoClientDataStore: texts of any size under the hash of their content."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from pynenc.client_data_store.base_client_data_store import BaseClientDataStore

from pynenc_mongo.client_data_store.documents import COMPONENT, DATA, SPECS
from pynenc_mongo.conf.config_client_data_store import ConfigClientDataStoreMongo
from pynenc_mongo.reach import refuse_unshared_store
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.payloads import PARTS, Payloads

if TYPE_CHECKING:
    from pynenc.app import Pynenc

logger = logging.getLogger(__name__)


class MongoClientDataStore(BaseClientDataStore):
    """Keeps what is too large to travel with an invocation; the same content is stored once."""

    def __init__(self, app: "Pynenc") -> None:
        super().__init__(app)
        refuse_unshared_store(self.conf.address(), app.conf.runner_cls)
        self._collections = Collections(self.conf, app.app_id, COMPONENT, SPECS)
        self._payloads = Payloads(lambda: self._collections.indexed(PARTS), self.conf.part_bytes())

    @cached_property
    def conf(self) -> ConfigClientDataStoreMongo:
        return ConfigClientDataStoreMongo(
            config_values=self.app.config_values,
            config_filepath=self.app.config_filepath,
        )

    def _store(self, key: str, value: str) -> None:
        self._payloads.put_missing(self._collections.indexed(DATA), key, value)

    def _retrieve(self, key: str) -> str:
        value = self._payloads.get(self._collections.existing(DATA), key)
        if value is None:
            raise KeyError(f"no client data is stored under {key} for app {self.app.app_id}")
        return value

    def _purge(self) -> None:
        self._collections.purge()
