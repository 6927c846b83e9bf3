"""A page as a browser's parser sees it: elements, attributes, texts."""

from html.parser import HTMLParser
from typing import NamedTuple

_VOID = ("meta", "link", "br")


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str]


class Page(HTMLParser):
    """The elements and the text of a page; it fails where one is not closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, class_: str = "") -> list[Element]:
        return [
            each
            for each in self.elements
            if each.tag == tag and (not class_ or class_ in each.attributes.get("class", "").split())
        ]

    @property
    def links(self) -> list[str]:
        """What its elements refer to, by whatever attribute."""
        names = ("href", "src", "srcset", "action", "data", "poster", "xlink:href")
        return [each.attributes[name] for each in self.elements for name in names if name in each.attributes]

    @property
    def ids(self) -> list[str]:
        return [each.attributes["id"] for each in self.elements if "id" in each.attributes]
