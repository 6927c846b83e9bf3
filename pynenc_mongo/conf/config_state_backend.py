"""Settings of the MongoDB state backend."""

from pynenc.conf.config_state_backend import ConfigStateBackend

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigStateBackendMongo(ConfigStateBackend, ConfigMongo):
    """Settings of the MongoDB state backend: those of every state backend and of every MongoDB component."""
