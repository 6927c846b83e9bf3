"""The documents of the client data store."""

from typing import Any

from pynenc_mongo.storage.collections import CollectionSpec
from pynenc_mongo.storage.payloads import PARTS, HeadDoc

COMPONENT = "client_data_store"

# `_id` is pynenc's content hash
DATA = CollectionSpec("data", HeadDoc)

SPECS: tuple[CollectionSpec[Any], ...] = (DATA, PARTS)
