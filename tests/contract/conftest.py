"""pynenc's own suites for plugins, on our engines: only `app_instance` is ours."""

import pytest
from pynenc import Pynenc
from pynenc_tests.conftest import (  # noqa: F401 - the fixtures that pynenc's suites ask for
    call_id,
    inv_id,
    other_call_id,
    other_inv_id,
    other_task_id,
    reset_mock_classes,
    task_id,
)


@pytest.fixture
def app_instance(mongo_app: Pynenc) -> Pynenc:
    return mongo_app
