"""`python -m benchmarks.peer`: PyPI's pynenc-mongo 0.3.0 beside this project, on one embedded server."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.progress import shown
from pytest_pynenc_mongo import engines
from pytest_pynenc_mongo.options import EMBEDDED_URL, Options

_PEER = ("pynenc==0.4.0", "pymongo<3.13", "pynenc-mongo==0.3.0")
_TASKS = 200
_REPETITIONS = 3
_SECONDS = 300
_HERE = Path(__file__).parent


def main() -> None:
    samples: dict[str, list[dict[str, float]]] = {"pynenc-mongo 0.3.0": [], "this project": []}
    with (
        tempfile.TemporaryDirectory(prefix="bench-peer-") as directory,
        engines.running(Options(EMBEDDED_URL, "benchmark", "")) as engine,
    ):
        interpreters = {"pynenc-mongo 0.3.0": _peer_in(directory), "this project": sys.executable}
        rounds = [name for _ in range(_REPETITIONS) for name in samples]
        for name in shown(rounds, "the peer"):
            samples[name].append(_run(interpreters[name], engine.url + name[:4]))
    for measured in ("enqueue", "in all", "one"):
        peer, ours = (median(run[measured] for run in runs) for runs in samples.values())
        sys.stdout.write(
            f"{measured}: peer {peer:.3g} s, ours {ours:.3g} s, {peer / ours:.2g} times as fast\n"
        )


def _peer_in(directory: str) -> str:
    """Make a virtual environment with the peer; it belongs to pymongo 3 and cannot share ours."""
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    python = f"{directory}/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *_PEER], check=True)
    return python


def _run(python: str, url: str) -> dict[str, float]:
    source = f"import sys; sys.path.insert(0, {str(_HERE)!r}); import peer_tasks; peer_tasks.main({_TASKS})"
    done = subprocess.run(
        [python, "-c", source, url], check=True, capture_output=True, text=True, timeout=_SECONDS, cwd="/"
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
