#!/usr/bin/env bash
# The oldest releases that pyproject.toml allows of what we depend on: `tests/lowest.sh [pytest's arguments]`.
set -euo pipefail
cd "$(dirname "$0")/.."
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT

python3 -m venv "$outside"
"$outside/bin/python" -m pip install --quiet --disable-pip-version-check uv
# of our own dependencies the lowest, of the tools of the tests what is usual
.venv/bin/python - > "$outside/lowest.txt" <<'PYTHON'
import re
import tomllib
from pathlib import Path

for wanted in tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]:
    name, lowest = re.match(r"([\w-]+)>=([\d.]+)", wanted).groups()
    print(f"{name}=={lowest}{'.0' * (2 - len(lowest.split('.')) + 1)}")
PYTHON
cat "$outside/lowest.txt"
"$outside/bin/uv" pip install --quiet --python "$outside/bin/python" --constraint "$outside/lowest.txt" --editable '.[dev]'
"$outside/bin/python" -m pytest -n 3 --dist worksteal "$@"
