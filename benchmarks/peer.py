"""(e) The same app with pynenc-mongo 0.3.0, on the same server, taking turns.

Both bring the package `pynenc_mongo`, so the peer has a virtual environment of its own, which
`make bench-peer` makes, and each measurement a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from benchmarks.progress import shown
from benchmarks.stores import Store
from benchmarks.timing import Samples
from pynenc_mongo.conf.address import MongoAddress
from pynenc_mongo.storage import client

OURS = "pytest-pynenc-mongo"
PEER = "pynenc-mongo 0.3.0"

_PEER_PYTHON = Path(__file__).parents[1] / ".venv-peer" / "bin" / "python"
_SCRIPT = Path(__file__).parent / "plain" / "run.py"
_SECONDS = 600.0

# it forks a process for each task beside the thread that waits for results
_LEFT_OUT = "ProcessRunner"


def measure(store: Store, kinds: Sequence[tuple[str, int]], repetitions: int) -> dict[str, Samples]:
    """Return seconds by runner and distribution; `kinds` are runners and how many tasks each gets."""
    if not _PEER_PYTHON.exists():
        raise SystemExit("the peer is not installed: make bench-peer")
    pythons = {PEER: str(_PEER_PYTHON), OURS: sys.executable}
    rounds = [(kind, tasks, who) for kind, tasks in kinds for _ in range(repetitions) for who in pythons]
    samples: dict[str, Samples] = {}
    for kind, tasks, who in shown([each for each in rounds if each[0] != _LEFT_OUT], "beside the peer"):
        taken = _timed(pythons[who], store.url, kind, tasks)
        samples.setdefault(f"{kind}: {tasks} tasks in all", {}).setdefault(who, []).append(taken)
    return samples


def _timed(python: str, url: str, kind: str, tasks: int) -> float:
    name = f"pynenc_bench_{uuid.uuid4().hex[:8]}"
    environment = {
        **os.environ,
        "PLAIN_SHOP_URL": url,
        "PYNENC__MONGO_DB": name,
        "PYNENC__RUNNER_CLS": kind,
    }
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as elsewhere:
        done = subprocess.run(
            [python, str(_SCRIPT), str(tasks)],
            cwd=elsewhere,
            env=environment,
            timeout=_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
    client.client_at(MongoAddress(url, name, "benchmark")).drop_database(name)
    if done.returncode:
        raise RuntimeError(f"{python} {_SCRIPT.name} failed: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])
