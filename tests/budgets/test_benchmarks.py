"""The benchmarks run, and say what they measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import SECTIONS, main

ROOT = Path(__file__).parents[2]


@pytest.mark.thorough
@pytest.mark.timeout(240)
def test_the_quick_benchmarks_write_their_figures(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", f"--json={figures}", f"--plots={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=220, check=False)
    assert done.returncode == 0, done.stderr

    measured = json.loads(figures.read_text())
    assert set(measured) == {"machine", *SECTIONS}
    assert measured["commands"]["whole life"] == {"mongomock": 21, "embedded": 21}
    for section in ("components", "end_to_end", "growth"):
        for name, entry in measured[section].items():
            assert set(entry["seconds"]) == {"sqlite", "mongomock", "embedded"}, name
            assert set(entry["ratios"]) == {"mongomock", "embedded"}, name
    assert {"times.png", "growth.png"} <= {file.name for file in tmp_path.iterdir()}
    assert "| whole life" in done.stdout


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    assert "there is no section speed" in capsys.readouterr().err
