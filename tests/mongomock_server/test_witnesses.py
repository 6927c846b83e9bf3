"""One store, used at once by five drivers in three processes: all see the same, and no write is lost."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.mongomock_server.witnesses import DRIVERS, EVERYBODY, PROCESSES, TURNS, heard_in

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_five_drivers_in_three_processes_see_one_store(server_url: str) -> None:
    name = f"witnesses_{uuid.uuid4().hex[:8]}"
    with MongoClient[dict[str, Any]](server_url) as client:
        client[name].counters.insert_one({"_id": "turns", "value": 0})

        here, *others = PROCESSES
        command = [sys.executable, "-m", "tests.mongomock_server.witnesses", server_url, name]
        subprocesses = [
            subprocess.Popen([*command, other], cwd=ROOT, stdout=subprocess.PIPE) for other in others
        ]
        seen = {here: heard_in(server_url, name, here)}
        for other, process in zip(others, subprocesses, strict=True):
            said, _ = process.communicate(timeout=60)
            seen[other] = json.loads(said)

        assert seen == {process: dict.fromkeys(DRIVERS, EVERYBODY) for process in PROCESSES}
        turns = client[name].counters.find_one({"_id": "turns"})
        assert turns == {"_id": "turns", "value": TURNS * len(EVERYBODY)}
        client.drop_database(name)
