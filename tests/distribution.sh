#!/usr/bin/env bash
# The wheel and the source distribution, as users get them: `tests/distribution.sh [pytest's arguments]`.
#
# Both are built into dist/. The wheel goes into a new virtual environment outside the tree, and the tests of the source
# distribution run on it, without the packages that lie beside them there.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$PWD
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT

rm -rf dist
.venv/bin/python -m hatchling build --directory dist
tar -xzf dist/*.tar.gz -C "$outside" --strip-components 1
rm -r "$outside/pynenc_mongo" "$outside/pytest_pynenc_mongo"
python3 -m venv "$outside/.venv"
wheel=$(echo "$tree"/dist/*.whl)
"$outside/.venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel[dev]"

cd "$outside"
.venv/bin/python - "$tree" <<'PYTHON'
import sys
from pathlib import Path

import pynenc_mongo
import pytest_pynenc_mongo

for package in (pynenc_mongo, pytest_pynenc_mongo):
    place = Path(package.__file__)
    assert "site-packages" in place.parts and not place.is_relative_to(sys.argv[1]), place
    assert (place.parent / "py.typed").is_file(), f"{place.parent} has no py.typed"
PYTHON
# those that read the sources, or build them, have nothing to read here
for reader in mutants test_architecture.py test_contributing.py test_habits.py; do
    set -- --ignore "tests/$reader" "$@"
done
.venv/bin/python -m pytest -n 3 --dist worksteal --deselect \
    tests/plugin/test_types.py::test_a_wheel_says_that_both_packages_are_typed "$@"
