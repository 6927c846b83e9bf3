"""The marker `pynenc_mongo(app=, runner=, ...)`: what one test wants otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_pynenc_mongo.errors import MarkerError
from pytest_pynenc_mongo.options import KEEP, WORKER_SCOPES

NAME = "pynenc_mongo"
# pytest breaks it at the first colon: `--markers` would show half of its parameters
SIGNATURE = (
    "pynenc_mongo(app=, runner=, config=, eager=, keep=, timeout=, worker_scope=): what one test wants "
    "otherwise, by keyword: app='package.module:attribute', the app under test; runner='ThreadRunner', its "
    "runner; config={...}, more of pynenc's config_values; eager=True, its tasks run at the call; "
    "keep='failed', whether to keep its database; timeout=60, the seconds to wait for a result; "
    "worker_scope='module', how long the process of pynenc_worker lives"
)

_EAGER = "dev_mode_force_sync_tasks"
_TYPES = {
    "app": str,
    "runner": str,
    "config": Mapping,
    "eager": bool,
    "keep": str,
    "timeout": float | int,
    "worker_scope": str,
}
# what is handed on as it stands
_PLAIN = {"app", "keep", "timeout", "worker_scope"}
_CHOICES = {"keep": KEEP, "worker_scope": WORKER_SCOPES}


@dataclass(frozen=True)
class Wishes:
    """What the markers of a test say; the nearest one wins."""

    app: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    keep: str = ""
    timeout: float | None = None  # seconds for a result
    is_eager: bool = False
    worker_scope: str = ""


def of(item: pytest.Item) -> Wishes:
    config: dict[str, Any] = {}
    named: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers(NAME))):
        config |= mark.kwargs.get("config", {})
        if runner := mark.kwargs.get("runner"):
            config["runner_cls"] = runner
        if "eager" in mark.kwargs:
            config[_EAGER] = mark.kwargs["eager"]
        named |= {name: mark.kwargs[name] for name in _PLAIN & mark.kwargs.keys()}
    return Wishes(config=config, is_eager=bool(config.get(_EAGER)), **named)


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
    if mark.args:
        return f"@pytest.mark.{NAME} takes keyword arguments only, not {mark.args!r}"
    if unknown := sorted(mark.kwargs.keys() - _TYPES.keys()):
        return f"@pytest.mark.{NAME} has no argument {', '.join(unknown)}"
    if mistyped := [name for name, value in mark.kwargs.items() if not isinstance(value, _TYPES[name])]:
        return f"@pytest.mark.{NAME}: {mistyped[0]} is {mark.kwargs[mistyped[0]]!r}"
    for name, choices in _CHOICES.items():
        if name in mark.kwargs and mark.kwargs[name] not in choices:
            return f"@pytest.mark.{NAME}: {name} is {mark.kwargs[name]!r}, not one of {', '.join(choices)}"
    timeout = mark.kwargs.get("timeout", 1)
    if isinstance(timeout, bool) or not 0 < timeout < float("inf"):
        return f"@pytest.mark.{NAME}: timeout is {timeout!r}, no number of seconds greater than 0"
    return ""
