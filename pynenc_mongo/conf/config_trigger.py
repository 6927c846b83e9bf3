"""Settings of the MongoDB trigger."""

from cistell import ConfigField
from pynenc.conf.config_trigger import ConfigTrigger

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigTriggerMongo(ConfigTrigger, ConfigMongo):
    """
    Settings of the MongoDB trigger: those of every trigger, of every MongoDB component, and one more.

    :cvar ConfigField[bool] mongo_new_crons_fire:
        Whether a cron that the store does not know fires at once, at whatever time that is, as pynenc has it.
        Where not, it counts as fired when it is registered, and fires when its time comes. Defaults to True.
    """

    mongo_new_crons_fire = ConfigField(True)
