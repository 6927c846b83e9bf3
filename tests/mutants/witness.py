"""A plugin of pytest's, and the `sitecustomize` of every Python of its run, in a copy of the sources.

The copy is what is imported in each process: the virtual environment knows the checkout by a `.pth` file, and
this takes that place from the search path again. It notes what came of each test and why it failed.
"""

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path

HOME, NOTES = "MUTANTS_HOME", "MUTANTS_NOTES"

if HOME in os.environ:
    sys.path[:] = [place for place in sys.path if os.path.realpath(place) != os.environ[HOME]]

if __name__ == "mutants_witness":
    import pytest

    _reports: list[dict[str, str]] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.when == "call" or not report.passed:
            error = (call.excinfo.typename, str(call.excinfo.value)) if call.excinfo else ("", "")
            _reports.append(
                {
                    "test": item.nodeid,
                    "when": report.when or "",
                    "outcome": report.outcome,
                    "error": error[0],
                    "message": error[1],
                }
            )
        return report

    def pytest_sessionfinish() -> None:
        notes = {"reports": _reports, "strangers": _modules_of(Path(os.environ[HOME]))}
        Path(os.environ[NOTES]).write_text(json.dumps(notes), encoding="utf-8")

    def _modules_of(home: Path) -> list[str]:
        """Return what was imported from the checkout, where a virtual environment may be, too."""
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        return [
            file
            for file in files
            if file and Path(file).is_relative_to(home) and "site-packages" not in Path(file).parts
        ]
