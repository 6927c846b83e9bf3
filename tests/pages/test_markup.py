"""Whatever a text is, it is shown and does nothing."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_pynenc_mongo.pages.markup import Markup, element, escaped, together
from tests.pages.reading import Page


@given(st.text(st.characters()))
def test_any_text_is_text_and_can_be_written(text: str) -> None:
    html = element("p", text, title=text)
    html.encode()
    page = Page(html)
    assert [each.tag for each in page.elements] == ["p"]
    assert page.text == page.elements[0].attributes.get("title")


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_what_can_be_seen_is_as_it_was(text: str) -> None:
    assert Page(element("p", text)).text == text


def test_what_cannot_be_seen_is_written_out() -> None:
    assert escaped("\x00\x1b[31m\u202e\ud800") == r"\x00\x1b[31m\u202e\ud800"


def test_lines_and_tabs_stay() -> None:
    assert escaped("a\n\tb") == "a\n\tb"


def test_markup_is_not_escaped_again() -> None:
    assert element("p", element("b", "<")) == "<p><b>&lt;</b></p>"
    assert together("<", Markup("<br>"), between=" ") == "&lt; <br>"


def test_attributes_without_a_value_are_left_out() -> None:
    assert element("a", "x", class_="y", id=None, aria_label=1.5) == '<a class="y" aria-label="1.5">x</a>'
