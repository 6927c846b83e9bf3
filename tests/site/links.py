"""What is wrong in a built site: links that lead nowhere, and broken Markdown, which is left as it was."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

_WITHOUT_HOST = ("mailto", "data")
_AS_WRITTEN = ("code", "pre", "script", "style")


class Page(HTMLParser):
    """The links of a page, and the anchors that links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.unrendered: list[str] = []
        self._as_written = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element leads to and what leads to it."""
        self._as_written += tag in _AS_WRITTEN
        said = {name: value for name, value in attrs if value}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        self.links += [said[name] for name in ("href", "src") if name in said]

    def handle_endtag(self, tag: str) -> None:
        """Note that an element is over."""
        self._as_written -= tag in _AS_WRITTEN

    def handle_data(self, data: str) -> None:
        """Note a text that has a mark of Markdown's."""
        if not self._as_written and ("`" in data or "](" in data):
            self.unrendered.append(" ".join(data.split()))


def broken(site: Path) -> Iterator[str]:
    """Return each link that leads to no file, no anchor or no address, and what is left of Markdown."""
    pages = {file.resolve(): Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        for link in dict.fromkeys(page.links):
            if why := _wrong(link, file, pages, site.resolve()):
                yield f"{file.relative_to(site.resolve())}: {link}: {why}"
        for text in page.unrendered:
            yield f"{file.relative_to(site.resolve())}: Markdown is left: {text}"


def _wrong(link: str, file: Path, pages: dict[Path, Page], site: Path) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        known = parts.scheme in _WITHOUT_HOST or (parts.scheme in ("http", "https") and parts.netloc)
        return "" if known else "no address"
    path, anchor = urldefrag(unquote(link))
    target = (file.parent / path.partition("?")[0]).resolve() if path else file
    if not target.is_relative_to(site):
        return "outside of the site"
    if not target.is_file():
        return "no such file"
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "no such anchor"
    return ""
