"""The marker `pynenc_mongo(app=, runner=, config=, keep=, timeout=)`: what one test wants otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_pynenc_mongo.errors import MarkerError
from pytest_pynenc_mongo.options import KEEP

NAME = "pynenc_mongo"
# pytest breaks it at the first colon: `--markers` would show half of its parameters
SIGNATURE = (
    "pynenc_mongo(app=, runner=, config=, keep=, timeout=): what one test wants otherwise, by keyword: "
    "app='package.module:attribute', the app under test; runner='ThreadRunner', its runner; config={...}, "
    "more of pynenc's config_values; keep='failed', whether to keep its database; timeout=60, the seconds "
    "to wait for a result"
)


@dataclass(frozen=True)
class Wishes:
    """What the markers of a test say; the nearest one wins."""

    app: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    keep: str = ""
    timeout: float | None = None  # seconds for a result


def of(item: pytest.Item) -> Wishes:
    config: dict[str, Any] = {}
    app = keep = ""
    timeout = None
    for mark in reversed(list(item.iter_markers(NAME))):
        config |= mark.kwargs.get("config", {})
        if runner := mark.kwargs.get("runner"):
            config["runner_cls"] = runner
        app = mark.kwargs.get("app", app)
        keep = mark.kwargs.get("keep", keep)
        timeout = mark.kwargs.get("timeout", timeout)
    return Wishes(app, config, keep, timeout)


def check(items: list[pytest.Item]) -> None:
    """Check the signature of every marker; not in an xdist worker, which could only crash.

    :raises pytest.UsageError: naming the test, and what its marker says wrongly
    """
    for item in items:
        try:
            if not hasattr(item.config, "workerinput"):
                check_one(item)
        except MarkerError as error:
            raise pytest.UsageError(str(error)) from None


def check_one(item: pytest.Item) -> None:
    """Check the signature of a test's markers.

    :raises MarkerError: naming the test, and what its marker says wrongly
    """
    for mark in item.iter_markers(NAME):
        if wrong := what_is_wrong(mark):
            raise MarkerError(f"{item.nodeid}: {wrong}; the marker is {SIGNATURE}")


def what_is_wrong(mark: pytest.Mark) -> str:
    """Return what is wrong with the arguments of a marker, or an empty string."""
    types = {"app": str, "runner": str, "config": Mapping, "keep": str, "timeout": float | int}
    if mark.args:
        return f"@pytest.mark.{NAME} takes keyword arguments only, not {mark.args!r}"
    if unknown := sorted(mark.kwargs.keys() - types.keys()):
        return f"@pytest.mark.{NAME} has no argument {', '.join(unknown)}"
    if mistyped := [name for name, value in mark.kwargs.items() if not isinstance(value, types[name])]:
        return f"@pytest.mark.{NAME}: {mistyped[0]} is {mark.kwargs[mistyped[0]]!r}"
    if mark.kwargs.get("keep", KEEP[0]) not in KEEP:
        return f"@pytest.mark.{NAME}: keep is {mark.kwargs['keep']!r}, not one of {', '.join(KEEP)}"
    timeout = mark.kwargs.get("timeout", 1)
    if isinstance(timeout, bool) or not 0 < timeout < float("inf"):
        return f"@pytest.mark.{NAME}: timeout is {timeout!r}, no number of seconds greater than 0"
    return ""
