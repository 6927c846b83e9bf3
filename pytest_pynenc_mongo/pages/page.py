"""The page of one test: a pure function of what its report says and of its apps' snapshots."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pytest_pynenc_mongo.pages import graph, pictures, tables, timeline
from pytest_pynenc_mongo.pages.document import document
from pytest_pynenc_mongo.pages.durations import in_words
from pytest_pynenc_mongo.pages.kinds import NAMES, SIGNS, kind_of_test
from pytest_pynenc_mongo.pages.markup import Markup, element, together
from pytest_pynenc_mongo.pages.record import Record, line_of
from pytest_pynenc_mongo.snapshot import Snapshot
from pytest_pynenc_mongo.story import sentences
from pytest_pynenc_mongo.wording import Wording

INDEX = "index.html"

_LOG = "; its log ends with:"  # which has a section of its own
_CIRCLE = "The waits in red are a circle: none of those that wait in it can go on."


@dataclass(frozen=True)
class Story:
    """A test: its record, what pytest printed of its failure, other sections of its report, its apps."""

    record: Record
    failure: str
    sections: tuple[tuple[str, str], ...]
    snapshots: tuple[Snapshot, ...]


class _Section(NamedTuple):
    key: str
    title: str
    content: Markup


def counts_of(snapshots: Iterable[Snapshot]) -> dict[str, int]:
    """Return how many invocations of the user's tasks there are of each kind."""
    counts = Counter(
        pictures.kind_in(each, words) for words in map(Wording, snapshots) for each in words.snapshot.own
    )
    return {kind: counts[kind] for kind in SIGNS if counts[kind]}


def html_of(story: Story) -> str:
    """Return the page of a test."""
    sections = list(_sections(story))
    return document(
        f"{story.record.name}: {story.record.ended}",
        _header(story.record, sections),
        element("main", *(_shown(section) for section in sections)),
        _footer(story.snapshots),
        first_line=line_of(story.record),
    )


def pills(counts: dict[str, int]) -> Markup:
    """Return how many invocations there are of each kind, as a row of small words."""
    return element(
        "div",
        *(
            element("span", f"{SIGNS[kind]} {number} {NAMES[kind]}", class_=f"pill {kind}")
            for kind, number in counts.items()
        ),
        class_="pills",
    )


def _header(record: Record, sections: Iterable[_Section]) -> Markup:
    links = (element("a", section.title, href=f"#{section.key}") for section in sections)
    kind = kind_of_test(record.outcome)
    ended = element("span", f"{SIGNS[kind]} {record.ended}", class_=f"pill {kind}")
    return element(
        "header",
        element("nav", element("a", "← all tests", href=INDEX), *links),
        element("h1", record.name),
        element("p", ended, " ", element("small", f"after {in_words(record.seconds)} · {record.nodeid}")),
        *([element("p", record.cause, class_="cause code")] if record.cause else []),
        pills(record.counts),
        class_=kind,
    )


def _footer(snapshots: Iterable[Snapshot]) -> Markup:
    lines = (
        f"App {each.app_id} as its stores were at {datetime.fromtimestamp(each.at, UTC):%Y-%m-%d %H:%M:%S} "
        "UTC, without pynenc's own tasks."
        for each in snapshots
    )
    return element("footer", *(element("p", line) for line in lines))


def _shown(section: _Section) -> Markup:
    return element("section", element("h2", section.title), section.content, id=section.key)


def _sections(story: Story) -> Iterator[_Section]:
    several = len(story.snapshots) > 1
    for number, snapshot in enumerate(story.snapshots):
        for section in _of_app(Wording(snapshot), f"the test {story.record.outcome}"):
            yield _Section(
                f"{section.key}-{number}" if number else section.key,
                f"{section.title} ({snapshot.app_id})" if several else section.title,
                section.content,
            )
    if story.failure:
        yield _Section("report", "pytest's report", element("pre", story.failure))
    if story.sections:
        folded = (
            element("details", element("summary", title), element("pre", text))
            for title, text in story.sections
        )
        yield _Section("captured", "Captured", together(*folded))


def _of_app(words: Wording, end: str) -> Iterator[_Section]:
    """Return what there is to tell of an app, the picture first."""
    snapshot = words.snapshot
    yield _Section("happened", "What happened", _listed(words))
    if snapshot.own:
        yield _Section("timeline", "Timeline", _timeline(words, end))
    if pictures.edges_of(snapshot):
        yield _Section("waits", "Who waits for whom", _waits(words))
    if snapshot.own:
        yield _Section("invocations", "Invocations", _invocations(words))
    if histories := list(tables.histories(words)):
        yield _Section("histories", "How they went", together(*histories))
    for key, title, content in (
        ("queues", "Queues", tables.queues(words)),
        ("slots", "Slots", tables.slots(words)),
        ("triggers", "Triggers", tables.triggers(words)),
        ("events", "Events", tables.events(words)),
        ("runners", "Runners", tables.runners(words)),
    ):
        if content:
            yield _Section(key, title, content)
    if snapshot.logs:
        yield _Section("logs", "Logs", together(*map(tables.log, snapshot.logs)))


def _timeline(words: Wording, end: str) -> Markup:
    shown = pictures.timeline_of(words, end)
    return together(
        timeline.drawn(shown), *_more(len(words.snapshot.own) - len(shown.lanes), "in the table below")
    )


def _waits(words: Wording) -> Markup:
    shown = pictures.graph_of(words)
    circle = [element("p", _CIRCLE, class_="status failed")] if graph.circle(shown.edges) else []
    involved = {key for edge in shown.edges for key in edge}
    more = _more(len(involved) - len(shown.nodes), "in the table below")
    return together(*circle, graph.drawn(shown), *more)


def _invocations(words: Wording) -> Markup:
    return together(
        tables.invocations(words), *_more(words.snapshot.left_out, "which the snapshot leaves out")
    )


def _more(number: int, where: str) -> list[Markup]:
    return [element("p", f"And {number} more, {where}.", class_="quiet")] if number > 0 else []


def _listed(words: Wording) -> Markup:
    """Return what a reader has to know first, as the story in pytest's report begins."""
    told = (sentence.partition(_LOG)[0] for sentence in sentences(words.snapshot))
    return element("ul", *(element("li", tables.linked(each, words)) for each in told), class_="sentences")
