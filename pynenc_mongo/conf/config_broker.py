"""Settings of the MongoDB broker."""

from pynenc.conf.config_broker import ConfigBroker

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigBrokerMongo(ConfigBroker, ConfigMongo):
    """Settings of the MongoDB broker: those of every broker and of every MongoDB component."""
