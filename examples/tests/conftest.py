"""Five ways to run the shop's tasks; every test that asks for `shop` runs in each of them."""

from collections.abc import Mapping

import pytest
from ways import RUNNERS, Shop


@pytest.fixture(params=RUNNERS)
def way(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def pynenc_app_config(way: str) -> Mapping[str, object]:
    return {"runner_cls": RUNNERS[way], "num_processes": 2}


@pytest.fixture
def shop(request: pytest.FixtureRequest, way: str) -> Shop:
    request.getfixturevalue("pynenc_worker" if way == "worker" else "pynenc_runner")
    return Shop(here=way == "thread")
