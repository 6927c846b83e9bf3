"""Settings of the MongoDB trigger."""

from pynenc.conf.config_trigger import ConfigTrigger

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigTriggerMongo(ConfigTrigger, ConfigMongo):
    """Settings of the MongoDB trigger: those of every trigger and of every MongoDB component."""
