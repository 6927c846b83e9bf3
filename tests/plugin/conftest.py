"""Inner runs know nothing of the outer one."""

import os

import pytest

_OURS = ("PYTEST_XDIST_", "PYTEST_PYNENC_", "PYNENC__")


@pytest.fixture(autouse=True)
def users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a user's shell, not the one of a test run or of its xdist worker."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
