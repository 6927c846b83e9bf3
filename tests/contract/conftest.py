"""pynenc's own suites for plugins, on our engines: only `app_instance` is ours."""

from pathlib import Path

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
    temp_sqlite_db_path,
)


@pytest.fixture
def app_instance(mongo_app: Pynenc) -> Pynenc:
    return mongo_app


# said by pynenc's runners, which its suites run in threads of their own
_WARNINGS_OF_PYNENC = (
    "ignore:Running in a secondary thread:UserWarning",
    "ignore:[\\s\\S]*requires if __name__ == '__main__':RuntimeWarning",
    "ignore:.*multi-threaded, use of fork:DeprecationWarning",
    # they stop a runner without waiting for it, and purge what it works on; failing tasks raise in threads
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for warning in _WARNINGS_OF_PYNENC:
                item.add_marker(pytest.mark.filterwarnings(warning))
