from collections.abc import Iterator

import pytest
from pynenc import Task
from pynenc_tests.integration.orchestrator.test_config_propagation import *
from pynenc_tests.integration.orchestrator.test_config_propagation import app

from tests.conformance.backends import Backend, OnMongo, settings_of
from tests.conformance.integration.orchestrator.naming_sqlite import (
    MongoOrchestratorNamingSQLite,
    import_this_module,
)
from tests.conformance.redirect import environment


@pytest.fixture(scope="module", autouse=True)
def naming_sqlite(on_backend: None, conformance_backend: Backend) -> Iterator[None]:
    """The test compares `app.orchestrator.conf.sqlite_db_path` of two processes: let ours have one."""
    if not isinstance(conformance_backend, OnMongo):
        yield
        return
    name = MongoOrchestratorNamingSQLite.__name__
    app.conf.orchestrator_cls = name
    task = Task.clone_for_app(app, import_this_module)
    app.tasks[task.task_id] = task
    with environment({**settings_of(conformance_backend), "orchestrator_cls": name}):
        yield
    del app.tasks[task.task_id]
