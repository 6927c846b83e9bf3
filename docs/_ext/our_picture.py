"""A picture of the imports, drawn anew at each build: `pynenc-mongo-imports`."""

import logging
import tomllib
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import grimp
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
PACKAGE = "pynenc_mongo"
WIDTH, ROW, WIDEST, HEIGHT, GAP = 720, 74, 170.0, 34, 10

logging.getLogger("grimp").setLevel(logging.WARNING)


class Box(NamedTuple):
    """Where a part of the package stands."""

    left: float
    top: float
    width: float

    @property
    def middle(self) -> float:
        """The place of its middle, from the left."""
        return self.left + self.width / 2


class Imports(SphinxDirective):
    """The layers of `pynenc_mongo` as import-linter has them, and which imports which."""

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        return [nodes.raw("", "\n".join(_svg(_layers())), format="html")]


def _layers() -> list[list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each.get("containers") == [PACKAGE]]
    return [[name.strip(" ()") for name in layer.split("|")] for layer in layers]


def _svg(layers: Sequence[Sequence[str]]) -> Iterator[str]:
    boxes = dict(_boxes(layers))
    yield (
        f'<svg viewBox="0 0 {WIDTH} {ROW * len(layers)}" role="img" '
        f'aria-label="Which part of {PACKAGE} imports which" '
        'style="width: 100%; height: auto; font: 13px sans-serif">'
    )
    for importer, imported in _imports(list(boxes)):
        one, other = boxes[importer], boxes[imported]
        yield (
            f'<line x1="{one.middle}" y1="{one.top + HEIGHT}" x2="{other.middle}" y2="{other.top}" '
            'stroke="currentColor" stroke-opacity="0.35"/>'
        )
    for name, box in boxes.items():
        yield (
            f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{HEIGHT}" rx="5" '
            'stroke="currentColor" fill="var(--color-background-secondary, #eee)"/>'
            f'<text x="{box.middle}" y="{box.top + HEIGHT / 2 + 4}" text-anchor="middle" '
            f'fill="currentColor">{escape(name)}</text>'
        )
    yield "</svg>"


def _boxes(layers: Sequence[Sequence[str]]) -> Iterator[tuple[str, Box]]:
    for row, names in enumerate(layers):
        width = min((WIDTH - GAP * (len(names) + 1)) / len(names), WIDEST)
        left = (WIDTH - len(names) * (width + GAP) + GAP) / 2
        for place, name in enumerate(names):
            yield name, Box(left + place * (width + GAP), row * ROW + GAP, width)


def _imports(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Return which part imports which by itself, and not by way of another."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    parts = {name: {each for each in graph.modules if _is_in(each, name)} for name in names}
    for importer in names:
        imported = {
            found for each in parts[importer] for found in graph.find_modules_directly_imported_by(each)
        }
        yield from ((importer, name) for name in names if name != importer and imported & parts[name])


def _is_in(module: str, part: str) -> bool:
    return f"{module}.".startswith(f"{PACKAGE}.{part}.")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("pynenc-mongo-imports", Imports)
    return {"parallel_read_safe": True}
