"""Who runs the tasks: a worker, or a runner, as the environment says; and what was seen of each test."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

# they end the process that runs them, which is pytest's own in a ThreadRunner
CRASHES = ("exit", "sigsegv", "sigkill")


@pytest.fixture
def pynenc_app_config(request: pytest.FixtureRequest) -> dict[str, object]:
    crashes = os.environ["WHO"] == "runner" and request.node.name.removeprefix("test_") in CRASHES
    return {"runner_cls": "PersistentProcessRunner", "num_processes": 1} if crashes else {}


@pytest.fixture
def who(request: pytest.FixtureRequest) -> object:
    return request.getfixturevalue(f"pynenc_{os.environ['WHO']}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and report.when == "call":
        from pytest_pynenc_mongo import snapshot, telling

        (seen,) = item.stash[telling.SNAPSHOTS]
        told = {"snapshot": snapshot.to_json(seen), "said": report.longreprtext}
        Path(f"{item.name}.json").write_text(json.dumps(told), encoding="utf-8")
    return report
