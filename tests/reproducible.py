"""What a thorough run does more of: rows of tables, and examples, which are the same each time."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SAME_EACH_TIME = settings(
    deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

is_thorough = False


def be(*, thorough: bool) -> None:
    """Say, before tests are imported, of which kind the run is: properties have more or fewer examples."""
    global is_thorough
    is_thorough = thorough
    # a shared machine is slow now and then, which says nothing about the code
    settings.register_profile("ours", deadline=None, max_examples=100 if thorough else 40)
    settings.load_profile("ours")


def in_thorough_runs(case: Sequence[object], case_id: str | None = None) -> Any:
    """Return a case of `parametrize` that is for `--thorough` alone."""
    return pytest.param(*case, marks=pytest.mark.thorough, id=case_id)


def examples(few: int, many: int) -> settings:
    """Return the settings of a property: `few` examples, or `many` in a thorough run."""
    return settings(SAME_EACH_TIME, max_examples=many if is_thorough else few)


def played(few: int, many: int, steps: int) -> settings:
    """Return the settings of a state machine: of `few` examples, or of `many` in a thorough run."""
    return settings(examples(few, many), stateful_step_count=steps)
