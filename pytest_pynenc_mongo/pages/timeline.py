"""When each invocation had which status, as SVG: a lane an invocation, a bar a status, an arrow a wait.

Horizontal places are percentages, and the height of a lane is the style's matter: one drawing is right at any
width, and no text in it is scaled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from pytest_pynenc_mongo.pages.durations import in_words, ticks
from pytest_pynenc_mongo.pages.kinds import FINAL, LEGEND, SIGNS, kind_of, kind_of_span
from pytest_pynenc_mongo.pages.markup import Markup, element

_BAR_PIXELS, _THIN_PIXELS = 18, 6
_THIN = ("queued", "taken")
# percents: what a duration in a bar needs, in any window and in a wide one; from where on it is left of a bar
_ROOM_FOR_TEXT, _ROOM_IF_WIDE, _LATE, _EDGE = 22.0, 12.0, 75.0, 5.0


class Step(NamedTuple):
    """A status and when it began, in seconds on the axis."""

    status: str
    at: float


@dataclass(frozen=True)
class Lane:
    """An invocation: `key` is the id of its row elsewhere on the page, `steps` are in the order of time."""

    key: str
    name: str
    about: str
    steps: tuple[Step, ...]
    has_died: bool = False  # who has it has

    @property
    def kind(self) -> str:
        """The kind of its last status."""
        return "died" if self.has_died else kind_of(self.steps[-1].status if self.steps else "")


class Wait(NamedTuple):
    """A lane whose invocation waits for another lane's, by their keys."""

    waiter: str
    waited: str


@dataclass(frozen=True)
class Timeline:
    """Lanes from 0 to `until` seconds; `end` says what happened then."""

    lanes: tuple[Lane, ...]
    waits: tuple[Wait, ...]
    until: float
    end: str = "the test failed"


class Bar(NamedTuple):
    """A span of time with one status; an open one went on at the end."""

    kind: str
    status: str
    begin: float
    end: float
    is_open: bool

    @property
    def in_words(self) -> str:
        return f"{self.status} {in_words(max(self.end - self.begin, 0))}{', still' if self.is_open else ''}"


def bars(lane: Lane, until: float) -> list[Bar]:
    """Return the bars of a lane: a run has the kind of how it ended, a final status none."""
    following = (*lane.steps, Step("", until))
    return [
        Bar(_kind(lane, step, after), step.status, step.at, after.at, not after.status)
        for step, after in pairwise(following)
        if step.status not in FINAL
    ]


def _kind(lane: Lane, step: Step, after: Step) -> str:
    is_open = not after.status
    return "died" if is_open and lane.has_died else kind_of_span(step.status, after.status)


def drawn(timeline: Timeline) -> Markup:
    """Return the figure: the names of the lanes, the axis, the plot, and what the colours mean."""
    return element(
        "figure",
        element("ol", *map(_label, timeline.lanes), class_="lanes"),
        element("div", _axis(timeline), _plot(timeline), class_="chart"),
        element("figcaption", *_legend(timeline), class_="legend"),
        class_="timeline",
        style=f"--rows:{len(timeline.lanes)}",
    )


def _label(lane: Lane) -> Markup:
    sign = element("span", SIGNS[lane.kind], class_=f"sign {lane.kind}", aria_hidden="true")
    name = element("b", sign, " ", lane.name)
    link = element(
        "a", name, element("small", lane.about), href=f"#{lane.key}", title=f"{lane.name}\n{lane.about}"
    )
    return element("li", link)


def _legend(timeline: Timeline) -> Iterator[Markup]:
    kinds = {bar.kind for lane in timeline.lanes for bar in bars(lane, timeline.until)}
    for kind, words in LEGEND.items():
        if kind in kinds:
            sign = "" if kind in _THIN else f"{SIGNS[kind]} "
            yield element("span", element("i", class_=f"key {kind}"), f"{sign}{words}")
    if timeline.waits:
        yield element("span", element("i", class_="key wait"), "waits for")


def _axis(timeline: Timeline) -> Markup:
    marks = (_tick(at, _percent(at, timeline.until)) for at in ticks(timeline.until))
    words = f"{timeline.end} at {in_words(timeline.until)} ▾"
    end = element("text", words, x="100%", y=14, text_anchor="end", class_="end")
    return element("svg", end, *marks, class_="axis", aria_hidden="true")


def _tick(at: float, percent: float) -> Markup:
    anchor = "start" if percent < _EDGE else "end" if percent > 100 - _EDGE else "middle"
    return element("text", in_words(at), x=_share(percent), y=34, text_anchor=anchor)


def _plot(timeline: Timeline) -> Markup:
    lanes = [_lane(row, timeline) for row in range(len(timeline.lanes))]
    return element(
        "svg",
        *([_ARROW] if timeline.waits else []),
        *(_upright(_percent(at, timeline.until), "grid") for at in ticks(timeline.until)),
        _upright(100.0, "end"),
        element("g", *_waits(timeline), *lanes, class_="rows"),
        class_="plot",
        role="group",
        aria_label=f"Timeline of {len(lanes)} invocations in {in_words(timeline.until)}",
    )


_ARROW = element(
    "defs",
    element(
        "marker",
        element("path", d="M0,0L8,4L0,8z"),
        id="timeline-arrow",
        refX=8,
        refY=4,
        markerWidth=8,
        markerHeight=8,
        markerUnits="userSpaceOnUse",
        orient="auto",
    ),
)


def _upright(percent: float, class_: str) -> Markup:
    x = _share(percent)
    return element("line", x1=x, x2=x, y1="0", y2="100%", class_=class_)


def _lane(row: int, timeline: Timeline) -> Markup:
    lane, until = timeline.lanes[row], timeline.until
    spans = bars(lane, until)
    words = f"{lane.name}: {', then '.join(bar.in_words for bar in spans) or 'no history'}; {lane.about}"
    return element(
        "svg",
        element("title", words),
        *(_bar(bar, until) for bar in spans),
        *_durations(spans, until),
        *_never_run(lane, spans, until),
        y=_share(100 * row / len(timeline.lanes)),
        height=_share(100 / len(timeline.lanes)),
        width="100%",
        role="img",
        aria_label=words,
    )


def _bar(bar: Bar, until: float) -> Markup:
    height = _THIN_PIXELS if bar.kind in _THIN else _BAR_PIXELS
    begin, end = _percent(bar.begin, until), _percent(bar.end, until)
    width = _share(max(end - begin, 0))
    return element(
        "rect",
        element("title", bar.in_words),
        x=_share(begin),
        y="50%",
        width=width,
        height=height,
        style=f"width:max(2px,{width})",  # whatever was there is seen
        transform=f"translate(0,{-height // 2})",
        class_=f"bar {bar.kind}{' open' if bar.is_open else ''}",
    )


def _durations(spans: list[Bar], until: float) -> Iterator[Markup]:
    """Return how long each run took where there is room: in its bar, or beside the last one."""
    free_from = 0.0  # percents: where the last run ended
    for bar in spans:
        begin, end = _percent(bar.begin, until), _percent(bar.end, until)
        words = f"{SIGNS[bar.kind]} {in_words(max(bar.end - bar.begin, 0))}"
        if bar.kind in _THIN:
            if bar.is_open and end - begin >= _ROOM_FOR_TEXT:
                yield _text(words, begin, 10, "beside")
            continue
        if end - begin >= _ROOM_FOR_TEXT:
            yield _text(words, begin, 6, "in-bar")
        elif bar is spans[-1] and end < _LATE:
            yield _text(words, end, 6, "beside")
        elif bar is spans[-1] and begin - free_from >= _ROOM_FOR_TEXT:
            yield _text(words, begin, -6, "beside")
        elif end - begin >= _ROOM_IF_WIDE:
            yield _text(words, begin, 6, "in-bar if-wide")
        free_from = end


def _never_run(lane: Lane, spans: list[Bar], until: float) -> Iterator[Markup]:
    """Return a sign where an invocation ended that was not run."""
    if spans and lane.kind == "refused":
        yield _text(SIGNS["refused"], _percent(spans[-1].end, until), 4, "beside")


def _text(words: str, percent: float, shift: int, class_: str) -> Markup:
    return element(
        "text",
        words,
        x=_share(percent),
        y="50%",
        dx=shift,
        dy="0.35em",
        text_anchor="start" if shift > 0 else "end",
        class_=class_,
    )


def _waits(timeline: Timeline) -> Iterator[Markup]:
    """Return an arrow for each wait, from the waiter's lane to the other's, when both were there."""
    rows = {lane.key: row for row, lane in enumerate(timeline.lanes)}
    for wait in timeline.waits:
        if wait.waiter in rows and wait.waited in rows:
            yield _arrow(rows[wait.waiter], rows[wait.waited], timeline)


def _arrow(waiter: int, waited: int, timeline: Timeline) -> Markup:
    lanes = timeline.lanes
    begins = [step.at for row in (waiter, waited) for step in lanes[row].steps[:1]]
    x = _share(max(_percent(max(begins, default=0.0), timeline.until), 0.5))
    return element(
        "line",
        element("title", f"{lanes[waiter].name} waits for {lanes[waited].name}"),
        x1=x,
        x2=x,
        y1=_middle(waiter, lanes),
        y2=_middle(waited, lanes),
        marker_end="url(#timeline-arrow)",
        class_="wait",
    )


def _middle(row: int, lanes: tuple[Lane, ...]) -> str:
    return _share(100 * (row + 0.5) / len(lanes))


def _percent(seconds: float, until: float) -> float:
    return min(max(100 * seconds / until, 0.0), 100.0) if until > 0 else 0.0


def _share(percent: float) -> str:
    return f"{round(percent, 3):g}%"
