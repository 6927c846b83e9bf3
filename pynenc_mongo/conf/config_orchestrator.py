"""Settings of the MongoDB orchestrator."""

from pynenc.conf.config_orchestrator import ConfigOrchestrator

from pynenc_mongo.conf.config_mongo import ConfigMongo


class ConfigOrchestratorMongo(ConfigOrchestrator, ConfigMongo):
    """Settings of the MongoDB orchestrator: those of every orchestrator and of every MongoDB component."""
