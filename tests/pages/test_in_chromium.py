"""The pages in a real browser: readable at any width, dark and light; they ask nobody for anything."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.pages import stories
from tests.pages.chromium import Chromium, Scheme
from tests.reproducible import in_thorough_runs

NARROW, WIDE = 400, 1400
# on `full` is each thing that a page may show; the others are for thorough runs
OFTEN = ("full", "hostile", "index")
NAMES = [
    name if name in OFTEN else in_thorough_runs([name], name) for name in (*stories.all_of_them(), "index")
]
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"

pytestmark = pytest.mark.slow


def box(browser: Chromium, selector: str) -> list[dict[str, float]]:
    """Return the rectangles of all elements that a selector finds, in pixels of the page."""
    boxes: list[dict[str, float]] = browser.evaluate(
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".map(each => each.getBoundingClientRect().toJSON())"
    )
    return boxes


def hardly_readable(browser: Chromium) -> list[str]:
    """Return the texts without contrast; all of the page has to be in the window for that."""
    browser.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    browser.resize(browser.evaluate("innerWidth"), browser.evaluate("document.documentElement.scrollHeight"))
    answer: dict[str, Any] = browser.evaluate(CONTRAST)
    assert answer["seen"] > 3
    found: list[str] = answer["found"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_its_window_is_readable_and_asks_for_nothing(
    browser: Chromium, pages: dict[str, Path], name: str
) -> None:
    for width, scheme in product((NARROW, WIDE), get_args(Scheme.__value__)):
        browser.show(pages[name], width=width, scheme=scheme)
        assert browser.complaints == []
        assert browser.requests == [pages[name].as_uri()]
        wide, window = browser.evaluate(WIDTHS)
        assert (wide, window) == (width, width)
        if name != "many":
            assert hardly_readable(browser) == []


def test_a_page_that_does_none_of_it_is_found_out(browser: Chromium, tmp_path: Path) -> None:
    control = tmp_path / "control.html"
    control.write_text(
        "<!doctype html><body style='background: #fff; color: #777'><p>grey<p>grey<p>grey"
        "<p style='width: 2000px; color: #000'>wide<svg><rect width=99 height=99 fill=green />"
        "<text x=9 y=50 fill=red>red</text></svg><img src=other.png><script>console.error('no')</script>"
    )
    browser.show(control, width=NARROW)
    assert len(browser.complaints) == 2  # the script's, and that there is no such picture
    assert browser.requests == [control.as_uri(), (tmp_path / "other.png").as_uri()]
    assert browser.evaluate(WIDTHS)[0] > NARROW
    assert [line.partition(":")[0] for line in hardly_readable(browser)] == ["grey", "grey", "grey", "red"]


def test_links_lead_from_the_index_to_a_page_to_a_row_and_back(
    browser: Chromium, pages: dict[str, Path]
) -> None:
    browser.show(pages["index"], width=NARROW)
    browser.click(f"a[href*='{pages['full'].stem}']")
    assert browser.evaluate("document.querySelector('h1').textContent") == "test_tea_is_served[full]"
    for selector, goal in ((".lanes a[href*=b7c8]", "i-b7c8d9e0-2"), ("nav a[href='#logs']", "logs")):
        browser.click(selector)
        assert browser.evaluate("location.hash") == f"#{goal}"
        top = box(browser, f"[id='{goal}']")[0]["top"]
        assert 0 <= top < browser.evaluate("innerHeight")
    browser.click("nav a")
    assert browser.evaluate("location.href") == pages["index"].as_uri()


def test_every_link_of_the_index_is_a_page(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["index"])
    links = set(browser.evaluate("[...document.querySelectorAll('.tests a')].map(each => each.href)"))
    assert links == {page.as_uri() for name, page in pages.items() if name != "index"}


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_bars_are_where_the_snapshot_says(browser: Chromium, pages: dict[str, Path], width: int) -> None:
    browser.show(pages["full"], width=width)
    [plot] = box(browser, ".plot")
    [failed] = box(browser, ".plot .bar.failed")
    assert (failed["left"] - plot["left"]) / plot["width"] == pytest.approx(0.75 / 1.24, abs=0.005)
    assert failed["width"] / plot["width"] == pytest.approx(0.18 / 1.24, abs=0.005)
    for lane, bar in lanes_and_bars(browser):
        assert lane["top"] < bar["top"] < bar["bottom"] < lane["bottom"] + 1
        assert bar["width"] >= 2
        assert plot["left"] - 1 <= bar["left"] < bar["right"] <= plot["right"] + 2


def test_in_a_narrow_window_a_bar_is_under_its_name(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["full"], width=NARROW)
    names = box(browser, ".lanes a")
    for lane, bar in lanes_and_bars(browser):
        name = next(each for each in names if lane["top"] <= each["top"] <= lane["bottom"])
        assert name["bottom"] <= bar["top"] + 1
        assert name["right"] <= NARROW


def lanes_and_bars(browser: Chromium) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Return each bar with the row of its name."""
    rows = box(browser, ".lanes li")
    for number, row in enumerate(rows):
        for bar in box(browser, f".plot .rows > svg:nth-of-type({number + 1}) .bar"):
            yield row, bar


def test_a_long_name_is_cut_and_whole_in_its_title(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["full"], width=NARROW)
    shown, whole, title = browser.evaluate(
        "(([name]) => [name.clientWidth, name.scrollWidth, name.parentElement.title])"
        "([...document.querySelectorAll('.lanes b')].filter(each => each.textContent.includes('brew')))"
    )
    assert shown < whole
    assert stories.LEAVES in title


def test_arrows_end_at_the_lane_that_is_waited_for(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.show(pages["full"], width=WIDE)
    rows = box(browser, ".lanes li")
    middles = [(row["top"] + row["bottom"]) / 2 for row in rows]
    ends = browser.evaluate(
        "[...document.querySelectorAll('line.wait')].map(line => {"
        "  const box = line.getBoundingClientRect();"
        "  const down = parseFloat(line.getAttribute('y2')) > parseFloat(line.getAttribute('y1'));"
        "  return [down ? box.top : box.bottom, down ? box.bottom : box.top] })"
    )
    expected = [(0, 1), (0, 3), (4, 5), (5, 4)]
    assert [tuple(closest(middles, each) for each in end) for end in ends] == expected


def closest(middles: list[float], at: float) -> int:
    return min(range(len(middles)), key=lambda row: abs(middles[row] - at))
