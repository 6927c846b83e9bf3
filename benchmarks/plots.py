"""The ratios and the curves as pictures; matplotlib is imported by nobody else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.stores import BASELINE

_DPI = 80


def draw(figures: Mapping[str, Any], directory: Path) -> None:
    """Write `times.png` and `growth.png`."""
    import matplotlib as mpl

    mpl.use("Agg")
    directory.mkdir(parents=True, exist_ok=True)
    _draw_ratios({**figures["end_to_end"], **figures["components"]}, directory / "times.png")
    _draw_growth(figures["growth"], directory / "growth.png")


def _draw_ratios(times: Mapping[str, Any], file: Path) -> None:
    from matplotlib import pyplot as plt

    names = list(times)[::-1]
    stores = list(times[names[0]]["ratios"])
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(names) + 1.2))
    height = 0.8 / len(stores)
    for place, store in enumerate(stores):
        lengths = [times[name]["ratios"][store] for name in names]
        at = [row + (len(stores) / 2 - place - 0.5) * height for row in range(len(names))]
        axes.barh(at, lengths, height, label=store)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel(f"time as a multiple of pynenc's {BASELINE} backends (less is faster)")
    axes.legend()
    _save(figure, file)


def _draw_growth(growth: Mapping[str, Any], file: Path) -> None:
    from matplotlib import pyplot as plt

    curves = _curves(growth)
    figure, panels = plt.subplots(1, len(curves), figsize=(4 * len(curves), 3.2), squeeze=False)
    for axes, (operation, by_store) in zip(panels[0], curves.items(), strict=True):
        for store, points in by_store.items():
            axes.plot(*zip(*points, strict=True), marker="o", label=store)
        axes.set(title=operation, xscale="log", yscale="log", xlabel="stored invocations", ylabel="ms")
        axes.legend(fontsize=8)
    _save(figure, file)


def _curves(growth: Mapping[str, Any]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for name, entry in growth.items():
        operation, size = re.fullmatch(r"(.*), (\d+) stored", name).groups()  # type: ignore[union-attr]
        for store, taken in entry["seconds"].items():
            points = curves.setdefault(operation, {}).setdefault(store, [])
            points.append((int(size), taken * 1000))
    return curves


def _save(figure: Any, file: Path) -> None:
    from matplotlib import pyplot as plt

    figure.tight_layout()
    # without the version of matplotlib in it, the same figures make the same file
    figure.savefig(file, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)
