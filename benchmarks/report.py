"""What was measured: as tables for people, and as one JSON for programs."""

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from typing import Any

from benchmarks.stores import BASELINE
from benchmarks.timing import Samples, medians, ratios

_PACKAGES = ("pynenc", "pymongo", "mongomock", "SecantusDB", "pytest")


def machine() -> dict[str, Any]:
    """Return what the figures depend on, and nothing that names the machine."""
    return {
        "cores": os.cpu_count(),
        "system": platform.system(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "load_1_minute": round(os.getloadavg()[0], 1),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def summary(samples: Mapping[str, Samples], baseline: str = BASELINE) -> dict[str, Any]:
    """Return the medians in seconds, their ratios to the baseline, and how often each was measured."""
    found: dict[str, Any] = {}
    for name, by_store in samples.items():
        times = medians(by_store)
        found[name] = {
            "seconds": {store: round(taken, 6) for store, taken in times.items()},
            "repetitions": max(map(len, by_store.values())),
        }
        if baseline in times:
            found[name]["ratios"] = {
                store: round(ratio, 2)
                for store, ratio in ratios(times, baseline).items()
                if store != baseline
            }
    return found


def count_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    stores = list(next(iter(counts.values())))
    rows = [[phase, *(str(by_store[store]) for store in stores)] for phase, by_store in counts.items()]
    return _table(["commands", *stores], rows)


def time_table(title: str, summed: Mapping[str, Any]) -> str:
    """Return milliseconds, and beside each one its ratio to the baseline."""
    stores = list(next(iter(summed.values()))["seconds"])
    rows = [[name, *(_cell(entry, store) for store in stores)] for name, entry in summed.items()]
    return _table([f"{title} (ms)", *stores], rows)


def _cell(entry: Mapping[str, Any], store: str) -> str:
    taken = f"{entry['seconds'][store] * 1000:.4g}"
    ratio = entry.get("ratios", {}).get(store)
    return taken if ratio is None else f"{taken} ({ratio:.2g}x)"


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table that is Markdown too."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )
