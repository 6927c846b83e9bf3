"""Each runner with a serializer, as pynenc pairs them, on the backend under test."""

from uuid import uuid4

import pytest
from pynenc import Pynenc
from pynenc_tests.integration.combinations.conftest import *
from pynenc_tests.integration.combinations.conftest import AppComponents, build_test_combinations

from tests.conformance.backends import Backend, settings_of

# pynenc pairs each runner with one serializer; its own backends come with them, once for each of the two
_COMBINATIONS = [each for each in build_test_combinations() if each.family.is_sqlite]


def _name(combination: AppComponents) -> str:
    runner, serializer = combination.runner.__name__, combination.serializer.__name__
    return f"{runner.removesuffix('Runner')} {serializer.removesuffix('Serializer')}"


@pytest.fixture(params=_COMBINATIONS, ids=_name)
def app_combination_instance(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, conformance_backend: Backend
) -> Pynenc:
    """An app whose settings all come from the environment, as in pynenc: child processes read it."""
    settings = {
        **settings_of(conformance_backend),
        "app_id": f"combination-{uuid4().hex[:8]}",
        "serializer_cls": request.param.serializer.__name__,
        "runner_cls": request.param.runner.__name__,
        "logging_level": "debug",
        "print_arguments": "False",
        "runner_loop_sleep_time_sec": "0.01",
        "invocation_wait_results_sleep_time_sec": "0.01",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"PYNENC__{name.upper()}", value)
    return Pynenc()
