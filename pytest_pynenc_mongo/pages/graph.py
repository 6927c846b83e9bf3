"""Who waits for whom, as SVG: a row an invocation, a rail from each that waits to those that it waits for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pytest_pynenc_mongo.pages.kinds import SIGNS
from pytest_pynenc_mongo.pages.markup import Markup, element

_ROW, _RAIL, _MARGIN, _PORT, _CORNER = 44, 14, 22, 7, 6  # pixels
_MOST_RAILS = 8  # beside each other; more share the last one


class Edge(NamedTuple):
    """An invocation that waits for another one, by their keys."""

    waiter: str
    waited: str


@dataclass(frozen=True)
class Node:
    """An invocation: `key` is the id of its row elsewhere on the page, `kind` that of its status."""

    key: str
    name: str
    about: str
    kind: str


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class _Rail(NamedTuple):
    waiter: int
    waited: tuple[int, ...]

    @property
    def top(self) -> int:
        return min(self.waiter, *self.waited)

    @property
    def bottom(self) -> int:
        return max(self.waiter, *self.waited)


def circle(edges: Sequence[Edge]) -> frozenset[Edge]:
    """Return the edges of circles of waits: none of those that wait in one can go on."""
    return frozenset(edge for edge in edges if edge.waiter in _reached(edge.waited, edges))


def ordered(graph: Graph) -> list[Node]:
    """Return the nodes, each waiter above those that it waits for where that can be."""
    nodes = {node.key: node for node in graph.nodes}
    waited = {edge.waited for edge in graph.edges}
    roots = [key for key in nodes if key not in waited]
    order: dict[str, Node] = {}
    for root in (*roots, *nodes):
        _visit(root, nodes, graph.edges, order)
    return list(order.values())


def _visit(root: str, nodes: Mapping[str, Node], edges: Sequence[Edge], order: dict[str, Node]) -> None:
    stack = [root]
    while stack:
        key = stack.pop()
        if key in nodes and key not in order:
            order[key] = nodes[key]
            stack += [edge.waited for edge in reversed(edges) if edge.waiter == key]


def _reached(start: str, edges: Sequence[Edge]) -> set[str]:
    reached, stack = set[str](), [start]
    while stack:
        key = stack.pop()
        if key not in reached:
            reached.add(key)
            stack += [edge.waited for edge in edges if edge.waiter == key]
    return reached


def drawn(graph: Graph) -> Markup:
    """Return the figure: rails on the left, and the names."""
    nodes = ordered(graph)
    rows = {node.key: row for row, node in enumerate(nodes)}
    edges = [edge for edge in graph.edges if edge.waiter in rows and edge.waited in rows]
    rails = _placed(_rails(edges, rows))
    width = _MARGIN + _RAIL * (1 + max((column for _, column in rails), default=0))
    hopeless = {(rows[edge.waiter], rows[edge.waited]) for edge in circle(edges)}
    paths = [path for rail, column in rails for path in _paths(rail, column, width, hopeless)]
    return element(
        "figure",
        element(
            "svg",
            _arrow("graph-arrow", "wait"),
            _arrow("graph-circle", "circle"),
            *paths,
            width=width,
            height=len(nodes) * _ROW,
            role="img",
            aria_label=f"Who waits for whom: {len(nodes)} invocations, {len(edges)} waits",
        ),
        element("ol", *map(_label, nodes)),
        class_="graph",
    )


def _label(node: Node) -> Markup:
    sign = element("span", SIGNS[node.kind], class_=f"sign {node.kind}", aria_hidden="true")
    text = (element("b", sign, " ", node.name), element("small", node.about))
    return element(
        "li",
        element("a", *text, href=f"#{node.key}", title=f"{node.name}\n{node.about}"),
        class_=node.kind,
    )


def _rails(edges: Sequence[Edge], rows: Mapping[str, int]) -> list[_Rail]:
    waiters = dict.fromkeys(edge.waiter for edge in edges)
    return [
        _Rail(rows[waiter], tuple(rows[edge.waited] for edge in edges if edge.waiter == waiter))
        for waiter in waiters
    ]


def _placed(rails: Sequence[_Rail]) -> list[tuple[_Rail, int]]:
    """Return each rail with its column, 0 nearest to the names: short ones first, none upon another."""
    columns: list[list[_Rail]] = []
    placed = []
    for rail in sorted(rails, key=lambda each: (each.bottom - each.top, each.top)):
        free = (at for at, taken in enumerate(columns) if not any(_meet(rail, other) for other in taken))
        column = min(next(free, len(columns)), _MOST_RAILS - 1)
        columns += [[] for _ in range(column + 1 - len(columns))]
        columns[column].append(rail)
        placed.append((rail, column))
    return placed


def _meet(one: _Rail, other: _Rail) -> bool:
    return one.top <= other.bottom and other.top <= one.bottom


def _paths(rail: _Rail, column: int, width: int, hopeless: set[tuple[int, int]]) -> Iterator[Markup]:
    x = width - _MARGIN - _RAIL * column
    start = rail.waiter * _ROW + _ROW // 2 + _PORT
    for row in rail.waited:
        end = row * _ROW + _ROW // 2 - _PORT
        turn = _CORNER if end > start else -_CORNER
        kind = "circle" if (rail.waiter, row) in hopeless else "wait"
        yield element(
            "path",
            d=(
                f"M{width},{start}H{x + _CORNER}Q{x},{start} {x},{start + turn}"
                f"V{end - turn}Q{x},{end} {x + _CORNER},{end}H{width - 2}"
            ),
            marker_end=f"url(#graph-{'circle' if kind == 'circle' else 'arrow'})",
            class_=kind,
        )


def _arrow(name: str, class_: str) -> Markup:
    return element(
        "marker",
        element("path", d="M0,0L8,4L0,8z", class_=class_),
        id=name,
        refX=7,
        refY=4,
        markerWidth=8,
        markerHeight=8,
        markerUnits="userSpaceOnUse",
        orient="auto",
    )
