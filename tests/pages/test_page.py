"""The page of a test and the index, as their texts: complete, safe, the same for the same snapshot."""

from itertools import pairwise

import pytest

from pytest_pynenc_mongo.pages import index, page
from pytest_pynenc_mongo.pages.page import Story
from tests.pages import stories
from tests.pages.reading import Page

STORIES = stories.all_of_them()


def read(story: Story) -> Page:
    return Page(page.html_of(story))


@pytest.mark.parametrize("name", STORIES)
def test_a_page_is_whole_and_its_links_lead_somewhere(name: str) -> None:
    told = read(STORIES[name])
    assert len(told.ids) == len(set(told.ids))
    for link in told.links:
        assert link in ("index.html", "data:,") or link.removeprefix("#") in told.ids


@pytest.mark.parametrize("name", STORIES)
def test_a_page_is_a_function_of_its_snapshot(name: str) -> None:
    assert page.html_of(STORIES[name]) == page.html_of(stories.all_of_them()[name])


@pytest.mark.parametrize("name", STORIES)
def test_nothing_in_a_page_runs_or_is_loaded(name: str) -> None:
    html = page.html_of(STORIES[name])
    told = Page(html)
    allowed = {"html", "head", "meta", "link", "title", "style", "body", "header", "main", "footer", "nav"}
    allowed |= {
        "section",
        "figure",
        "figcaption",
        "div",
        "span",
        "p",
        "h1",
        "h2",
        "h3",
        "ol",
        "ul",
        "li",
        "a",
    }
    allowed |= {"b", "i", "small", "code", "pre", "details", "summary", "table", "thead", "tbody", "tr", "th"}
    allowed |= {"td", "svg", "defs", "marker", "path", "g", "line", "rect", "text"}
    assert {each.tag for each in told.elements} <= allowed
    assert not [name for each in told.elements for name in each.attributes if name.startswith("on")]
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(each for each in told.all("meta") if "http-equiv" in each.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_hostile_texts_are_shown_as_they_are() -> None:
    told = read(stories.hostile())
    assert told.text.count("</script><script>alert(1)</script>") > 20
    assert r"\x1b[31m\u202e\ud800-->" in told.text


def test_everything_of_a_story_is_on_its_page() -> None:
    told = read(stories.full())
    for text in (
        "test_tea_is_served",
        stories.CAUSE,
        "the test failed at 1.24 s",
        "order(table=7, cups=3)",
        "raise OSError",
        "nobody consumes queue 'ships' of ship",
        "The waits in red are a circle",
        "ended: SIGSEGV",
        "2 of 2",
        "cron '0 3 * * *'",
        "event 'served' and event 'paid'",
        "WARNING  pynenc.shop:app.py:12 no water, again",
        "(it wrote nothing)",
        "the shop is open",
        "2027-01-15 08:00:01 UTC",
    ):
        assert text in told.text
    assert "of pynenc's own" not in told.text
    assert [each.attributes["class"] for each in told.all("span", "pill")] == [
        f"pill {kind}" for kind in ("failed", "queued", "success", "failed", "running", "died", "refused")
    ]


def test_suspicious_invocations_come_first_in_the_table() -> None:
    rows = [each.attributes["id"] for each in read(stories.full()).all("tr") if "id" in each.attributes]
    assert len(rows) == 9
    assert rows[-1] == "i-c0ffee00-3"


def test_of_many_invocations_the_failed_ones_are_drawn() -> None:
    told = read(stories.many(500))
    lanes = [each for each in told.all("svg") if each.attributes.get("role") == "img"]
    assert len(lanes) == 60
    assert sum("failed" in each.attributes["class"].split() for each in told.all("rect")) == 50
    assert "And 440 more, in the table below." in told.text
    assert "And 30 more, which the snapshot leaves out." in told.text
    assert len([each for each in told.all("tr") if "id" in each.attributes]) == 500


def test_what_a_dead_process_had_is_drawn_as_such() -> None:
    [died] = [each for each in read(stories.full()).all("rect") if "died" in each.attributes["class"]]
    assert died.attributes["class"] == "bar died open"
    assert "† running" in read(stories.full()).text


@pytest.mark.parametrize("frozen_at", [0.0, -1e8], ids=["all", "the test alone"])
def test_a_clock_that_a_test_has_frozen_does_not_stretch_the_axis(frozen_at: float) -> None:
    # registered by the test, which has stopped its clock; run by a worker, which has not
    steps = (("registered", frozen_at), ("pending", 0.0), ("running", 0.5), ("success", 2.0))
    told = stories.snapshot(
        stories.invocation("a1", "shop.app.brew", *steps), until=1e8 if not frozen_at else 2.0
    )
    [ran] = [each for each in read(stories.story(told)).all("rect") if "success" in each.attributes["class"]]
    assert (ran.attributes["x"], ran.attributes["width"]) == ("25%", "75%")


def test_of_a_long_chain_of_waits_the_first_are_drawn() -> None:
    names = [f"{number:08x}" for number in range(50)]
    chain = [stories.running(name, "call", 0.0, waited) for name, waited in pairwise(names)]
    told = read(stories.story(stories.snapshot(*chain, stories.running(names[-1], "call", 0.0))))
    assert len([each for each in told.all("path") if "marker-end" in each.attributes]) == 39
    assert "And 10 more, in the table below." in told.text
    assert "are a circle" not in told.text


def test_a_test_without_a_task_says_so() -> None:
    told = read(STORIES["no invocation"])
    assert "no task of app 'shop' was called" in told.text
    assert told.all("figure") == []


def test_the_index_names_each_page_and_failed_tests_first() -> None:
    records = {
        "a.html": STORIES["passed"].record,
        "h.html": stories.hostile().record,  # its id is before the other's
        "z.html": stories.full().record,
    }
    told = Page(index.html_of(records))
    assert [link for link in told.links if link.endswith(".html")] == ["h.html", "z.html", "a.html"]
    assert "2 failed, 1 passed" in told.text
    assert index.html_of(records) == index.html_of(dict(reversed(records.items())))


def test_an_index_of_nothing_says_so() -> None:
    assert "none that used an app failed" in Page(index.html_of({})).text
