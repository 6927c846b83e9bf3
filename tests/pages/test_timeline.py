"""Bars, axis and arrows of the timeline."""

import pytest

from pytest_pynenc_mongo.pages.durations import in_words, ticks
from pytest_pynenc_mongo.pages.timeline import Lane, Step, Timeline, Wait, bars, drawn
from tests.pages.reading import Page


def lane(*steps: tuple[str, float], key: str = "i-1", name: str = "brew()") -> Lane:
    return Lane(key, name, "about it", tuple(Step(*step) for step in steps))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 ms"),
        (0.00004, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.00099, "1 ms"),
        (0.0124, "12 ms"),
        (0.9996, "1 s"),
        (1.236, "1.24 s"),
        (59.6, "1 min"),
        (125.0, "2 min 5 s"),
        (3600.0, "60 min"),
    ],
)
def test_durations_are_short(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize("until", [0.001, 0.037, 0.5, 1.0, 1.24, 7.0, 59.9, 600.0])
def test_an_axis_has_three_to_six_round_ticks(until: float) -> None:
    found = ticks(until)
    assert 3 <= len(found) <= 6
    assert found[0] == 0
    assert found[-1] <= until * 1.000001
    assert len({in_words(at) for at in found}) == len(found)


def test_an_axis_without_a_length_begins() -> None:
    assert ticks(0.0) == [0.0]


def test_a_run_has_the_colour_of_how_it_ended() -> None:
    steps = (("registered", 0.0), ("pending", 0.1), ("running", 0.2), ("retry", 0.4), ("pending", 0.5))
    found = bars(lane(*steps, ("running", 0.6), ("success", 0.9)), until=2.0)
    assert [(bar.kind, bar.begin, bar.end) for bar in found] == [
        ("queued", 0.0, 0.1),
        ("taken", 0.1, 0.2),
        ("retried", 0.2, 0.4),
        ("queued", 0.4, 0.5),
        ("taken", 0.5, 0.6),
        ("success", 0.6, 0.9),
    ]
    assert not any(bar.is_open for bar in found)


def test_what_has_no_end_goes_on_to_the_end_of_the_axis() -> None:
    last = bars(lane(("registered", 0.0), ("running", 0.2)), until=2.0)[-1]
    assert last == ("running", "running", 0.2, 2.0, True)


def test_a_run_that_was_taken_back_is_lost() -> None:
    steps = (("running", 0.0), ("running_recovery", 0.2), ("rerouted", 0.3))
    assert [bar.kind for bar in bars(lane(*steps), until=1.0)] == ["lost", "queued", "queued"]


def test_each_lane_says_in_words_what_it_shows() -> None:
    steps = (("registered", 0.0), ("running", 0.25), ("failed", 0.5))
    page = Page(drawn(Timeline((lane(*steps),), (), 1.0)))
    words = "brew(): registered 250 ms, then running 250 ms; about it"
    assert [
        each.attributes["aria-label"] for each in page.all("svg") if each.attributes.get("role") == "img"
    ] == [words]
    assert page.all("a")[0].attributes == {"href": "#i-1", "title": "brew()\nabout it"}


def test_only_colours_that_are_there_have_a_legend() -> None:
    page = Page(drawn(Timeline((lane(("registered", 0.0), ("running", 0.2)),), (), 1.0)))
    assert [each.attributes["class"] for each in page.all("i")] == ["key queued", "key running"]


def test_an_arrow_leads_from_who_waits_to_whom_it_waits_for() -> None:
    lanes = (
        lane(("registered", 0.0), ("running", 0.1), key="i-1"),
        lane(("registered", 0.5), key="i-2"),
    )
    waits = (Wait("i-1", "i-2"), Wait("i-1", "i-of-another-app"))
    arrow = Page(drawn(Timeline(lanes, waits, 1.0))).all("line", "wait")
    assert [each.attributes["x1"] for each in arrow] == ["50%"]
    assert [(each.attributes["y1"], each.attributes["y2"]) for each in arrow] == [("25%", "75%")]


def test_a_lane_without_a_history_is_there() -> None:
    page = Page(drawn(Timeline((lane(),), (), 1.0)))
    assert "brew()" in page.text
    assert page.all("rect") == []


def test_nothing_is_drawn_beyond_the_axis() -> None:
    # the clocks of two machines
    page = Page(drawn(Timeline((lane(("registered", -0.5), ("pending", 0.5), ("running", 3.0)),), (), 1.0)))
    for bar in page.all("rect"):
        begin, width = (float(bar.attributes[name].rstrip("%")) for name in ("x", "width"))
        assert 0 <= begin <= begin + width <= 100
    assert "-" not in page.all("svg", "")[-1].attributes["aria-label"]
