"""MongoClientDataStore: texts of any size under the hash of their content."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from pynenc.client_data_store.base_client_data_store import BaseClientDataStore

from pynenc_mongo.client_data_store.documents import COMPONENT, DATA, SPECS
from pynenc_mongo.component import collections_of, payloads_in, settings_of
from pynenc_mongo.conf.config_client_data_store import ConfigClientDataStoreMongo

if TYPE_CHECKING:
    from pynenc.app import Pynenc

logger = logging.getLogger(__name__)


class MongoClientDataStore(BaseClientDataStore):
    """Keeps what is too large to travel with an invocation; the same content is stored once."""

    def __init__(self, app: "Pynenc") -> None:
        super().__init__(app)
        self._collections = collections_of(app, self.conf, COMPONENT, SPECS)
        self._payloads = payloads_in(self._collections, self.conf)

    @cached_property
    def conf(self) -> ConfigClientDataStoreMongo:
        return settings_of(self.app, ConfigClientDataStoreMongo)

    def _store(self, key: str, value: str) -> None:
        self._payloads.put_missing(self._collections.indexed(DATA), key, value)

    def _retrieve(self, key: str) -> str:
        value = self._payloads.get(self._collections.existing(DATA), key)
        if value is None:
            raise KeyError(f"no client data is stored under {key} for app {self.app.app_id}")
        return value

    def _purge(self) -> None:
        self._collections.purge()
