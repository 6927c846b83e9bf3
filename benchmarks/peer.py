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
from benchmarks.timing import Samples
from pytest_pynenc_mongo import engines
from pytest_pynenc_mongo.options import EMBEDDED_URL, Options

OURS = "pytest-pynenc-mongo"
PEER = "pynenc-mongo 0.3.0"
ROOT = Path(__file__).parents[1]
PEER_PYTHON = ROOT / ".venv-peer" / "bin" / "python"

_SCRIPT = Path(__file__).parent / "plain" / "run.py"
_SECONDS = 600.0


def measure(
    kinds: Sequence[tuple[str, int]], repetitions: int, url: str = EMBEDDED_URL
) -> dict[str, Samples]:
    """Return seconds by runner and distribution; `kinds` are runners and how many tasks each gets."""
    if not PEER_PYTHON.exists():
        raise SystemExit("the peer is not installed: make bench-peer")
    pythons = {PEER: str(PEER_PYTHON), OURS: sys.executable}
    rounds = [(kind, tasks, who) for kind, tasks in kinds for _ in range(repetitions) for who in pythons]
    samples: dict[str, Samples] = {}
    with engines.running(Options(url, "benchmark", "")) as engine:
        for kind, tasks, who in shown(rounds, "beside the peer"):
            taken = _timed(pythons[who], engine.url, kind, tasks)
            samples.setdefault(f"{kind}: {tasks} tasks in all", {}).setdefault(who, []).append(taken)
    return samples


def section(quick: bool, urls: Sequence[str]) -> dict[str, Samples]:
    """Measure on a server of the user's if one is named, else on `embedded://`."""
    kinds = (("ThreadRunner", 10),) if quick else (("ThreadRunner", 200), ("PersistentProcessRunner", 200))
    return measure(kinds, 1 if quick else 3, next(iter(urls), EMBEDDED_URL))


def _timed(python: str, url: str, kind: str, tasks: int) -> float:
    base, _, options = url.partition("?")
    database = f"pynenc_bench_{uuid.uuid4().hex[:8]}"
    environment = {
        **os.environ,
        "PLAIN_SHOP_URL": f"{base.rstrip('/')}/{database}?{options}".rstrip("?"),
        "PLAIN_SHOP_RUNNER": kind,
    }
    with tempfile.TemporaryDirectory(prefix="bench-peer-") as elsewhere:
        command = [python, str(_SCRIPT), str(tasks)]
        done = subprocess.run(
            command,
            cwd=elsewhere,
            env=environment,
            timeout=_SECONDS,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{python} {_SCRIPT.name} failed: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])
