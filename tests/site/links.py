"""Links of a built site, or of a page: those that lead nowhere."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

_WITHOUT_HOST = ("mailto", "data")


class Page(HTMLParser):
    """The links of a page, and the anchors that links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element leads to and what leads to it."""
        said = {name: value for name, value in attrs if value}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        self.links += [said[name] for name in ("href", "src") if name in said]


def broken(site: Path) -> Iterator[str]:
    """Return each link of a site that leads to no file, no anchor or no address, with its page."""
    pages = {file.resolve(): Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        for link in dict.fromkeys(page.links):
            if why := _wrong(link, file, pages, site.resolve()):
                yield f"{file.relative_to(site.resolve())}: {link}: {why}"


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
