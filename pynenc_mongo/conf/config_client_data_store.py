"""Settings of the MongoDB client data store."""

from pynenc.conf.config_client_data_store import ConfigClientDataStore

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigClientDataStoreMongo(ConfigClientDataStore, ConfigMongo):
    """Settings of the MongoDB client data store: those of every such store and of every MongoDB component."""
