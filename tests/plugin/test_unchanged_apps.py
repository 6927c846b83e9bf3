"""An app as the README of pynenc-mongo 0.3.0 shows it, and its command line, run as they stand there.

Only the server's host and port are those of a server that is here.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

from tests.plugin.helpers import wait_until
from tests.reproducible import in_thorough_runs

SECONDS = 60.0
APP = """
from pynenc import PynencBuilder

app = (
    PynencBuilder()
    .app_id("my_app")
    .mongo({mongo})
    {more}
    .{runner}
    .build()
)

@app.task
def add(x: int, y: int) -> int:
    return x + y
"""
ASK = "from tasks import add; assert add(1, 2).result == 3"
BY_URL = 'url="mongodb://{host}:{port}/pynenc"'
BY_PARTS = 'host="{host}", port={port}, db="pynenc"'
STORES = ".mongo_client_data_store(min_size_to_cache=1).mongo_trigger(scheduler_interval_seconds=60)"


@pytest.fixture
def server(embedded_url: str) -> Iterator[tuple[str, int]]:
    """Host and port of a server whose database `pynenc` is empty before and gone after."""
    yield parse_uri(embedded_url)["nodelist"][0]
    with MongoClient[dict[str, Any]](embedded_url) as client:
        client.drop_database("pynenc")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mongo", "more", "runner"),
    [
        in_thorough_runs((BY_URL, "", "process_runner()"), "url"),
        pytest.param(BY_URL, STORES, "multi_thread_runner(min_threads=2, max_threads=8)", id="components"),
        in_thorough_runs((BY_PARTS, "", "persistent_process_runner()"), "host and port"),
    ],
)
def test_an_app_of_pynenc_mongo_runs_unchanged(
    tmp_path: Path, server: tuple[str, int], mongo: str, more: str, runner: str
) -> None:
    where = mongo.format(host=server[0], port=server[1])
    (tmp_path / "tasks.py").write_text(APP.format(mongo=where, more=more, runner=runner))
    command = [sys.executable, "-m", "pynenc", "--app=tasks.app", "runner", "start"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with (tmp_path / "log").open("w") as log:
        started = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        subprocess.run(
            [sys.executable, "-c", ASK], cwd=tmp_path, env=environment, timeout=SECONDS, check=True
        )
    finally:
        started.terminate()
        wait_until(lambda: started.poll() is not None, SECONDS, (tmp_path / "log").read_text())
