"""Pynmon's suites, where pynmon runs."""

import asyncio
import sys
import time
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

_REFUSED = sys.version_info >= (3, 13)
_PATIENCE_SECONDS = 5.0

if not _REFUSED:
    with warnings.catch_warnings():
        # starlette would rather have another HTTP client than the one it asks for
        warnings.simplefilter("ignore")
        import_module("fastapi.testclient")

    from pynenc_tests.integration.pynmon.conftest import *


def pytest_collect_file(file_path: Path) -> None:
    if _REFUSED and file_path.name.startswith("test_"):
        pytest.skip("pynmon refuses Python 3.13 and newer", allow_module_level=True)


@pytest.fixture(autouse=True)
def closed_loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the event loops of pynmon's servers, which nobody does: another test would be blamed for them."""
    loops: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def noted() -> asyncio.AbstractEventLoop:
        loops.append(new_event_loop())
        return loops[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", noted)
    yield
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for loop in loops:
        while loop.is_running() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not loop.is_running():
            loop.close()


@pytest.fixture(autouse=True)
def first_routes() -> Iterator[None]:
    """Take off the routes that each server adds to those of the last: fifty layers are too many to start."""
    from pynmon.app import app as pynmon_app

    router = pynmon_app.router
    routes, lifespan = router.routes[:], router.lifespan_context
    yield
    router.routes[:], router.lifespan_context = routes, lifespan
