"""Settings of the MongoDB state backend."""

from cistell import ConfigField
from pynenc.conf.config_state_backend import ConfigStateBackend

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigStateBackendMongo(ConfigStateBackend, ConfigMongo):
    """
    Settings of the MongoDB state backend: those of every state backend, of every component, and one more.

    :cvar ConfigField[bool] mongo_note_changed_results:
        Whether each result is read back from its serialized text before it is stored, so that what the
        serializer has changed of it is noted beside it. Costs no command. Defaults to False.
    """

    mongo_note_changed_results = ConfigField(False)
