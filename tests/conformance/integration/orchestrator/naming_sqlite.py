"""An orchestrator of ours with a setting that one of pynenc's tests asks every orchestrator for."""

from functools import cached_property

from cistell import ConfigField
from pynenc_tests.conftest import MockPynenc

from pynenc_mongo.conf.config_orchestrator import ConfigOrchestratorMongo
from pynenc_mongo.orchestrator.mongo_orchestrator import MongoOrchestrator


class ConfigOrchestratorNamingSQLite(ConfigOrchestratorMongo):
    """Our settings, and `sqlite_db_path`, which means nothing to us."""

    sqlite_db_path = ConfigField("")


class MongoOrchestratorNamingSQLite(MongoOrchestrator):
    """Our orchestrator with those settings."""

    @cached_property
    def conf(self) -> ConfigOrchestratorNamingSQLite:
        return ConfigOrchestratorNamingSQLite(
            config_values=self.app.config_values, config_filepath=self.app.config_filepath
        )


@MockPynenc().task  # type: ignore[untyped-decorator]
def import_this_module() -> None:
    """Do nothing: a child process that unpickles an app imports the modules of the app's tasks."""
