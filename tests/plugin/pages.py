"""All pages of a pynmon: those that need nothing, and those to which the others link."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import parse_qsl, quote, urlencode
from urllib.request import urlopen

_PAGE_SECONDS = 30.0
# the same route with other data shows nothing new after a few
_PAGES_A_ROUTE = 2
_LINK = re.compile(r"""(?:href|src|hx-get)=["'](/[^"'#$\s{]*)["'#]""")
_PARAMETER = re.compile(r"{(\w+)(?::path)?}")
_ERROR_TITLES = ("<title>Error", "Critical Error")


class Page(NamedTuple):
    """What the answer to a GET was."""

    status: int
    text: str

    @property
    def has_failed(self) -> bool:
        return self.status >= 400 or any(title in self.text for title in _ERROR_TITLES)


class Route(NamedTuple):
    """A GET route of pynmon: its path as FastAPI has it, and the parameters that it cannot do without."""

    path: str
    required: tuple[str, ...]

    def values_in(self, path: str) -> dict[str, str] | None:
        """Return the values of its parameters in a path, None where the path is another route's."""
        found = re.fullmatch(_PARAMETER.sub(r"(?P<\1>[^/]+)", self.path), path)
        return found.groupdict() if found else None

    def filled(self, values: Mapping[str, str]) -> str | None:
        """Return its path with values for what it needs, None where one is not known."""
        if any(name not in values for name in self.required):
            return None
        path = _PARAMETER.sub(lambda found: quote(values[found[1]], safe=":"), self.path)
        query = {name: values[name] for name in self.required if f"{{{name}" not in self.path}
        return f"{path}?{urlencode(query)}" if query else path


type Pages = dict[str, dict[str, Page]]  # by the path of their route, and their own


def get(url: str) -> Page:
    try:
        with urlopen(url, timeout=_PAGE_SECONDS) as answer:  # the monitor's
            return Page(answer.status, answer.read().decode(errors="replace"))
    except HTTPError as error:
        return Page(error.code, error.read().decode(errors="replace"))


def all_of(url: str, values: Mapping[str, str]) -> Pages:
    """Return pages of the pynmon at `url`, some of each route; none of a route that was not reached.

    :param values: of parameters that stand in no link
    """
    routes = _routes_of(url)
    pages: Pages = {route.path: {} for route in routes}
    known = dict(values)
    todo = [route.path for route in routes if not route.required]
    while todo:
        for target in todo:
            path, _, query = target.partition("?")
            route = next((each for each in routes if each.values_in(path) is not None), None)
            if route is None or target in pages[route.path] or len(pages[route.path]) == _PAGES_A_ROUTE:
                continue
            page = pages[route.path][target] = get(f"{url}{target}")
            todo += _links_in(page)
            if not page.has_failed:
                known = {**dict(parse_qsl(query)), **(route.values_in(path) or {}), **known}
        missed = (route.filled(known) for route in routes if not pages[route.path])
        todo = [path for path in missed if path]
    return pages


def failing(pages: Pages) -> set[tuple[str, int]]:
    """Return the routes of pages that have failed, with their status."""
    return {
        (route, page.status) for route, found in pages.items() for page in found.values() if page.has_failed
    }


def _routes_of(url: str) -> list[Route]:
    said = json.loads(get(f"{url}/openapi.json").text)
    found = [
        Route(path, tuple(each["name"] for each in methods["get"].get("parameters", ()) if each["required"]))
        for path, methods in said["paths"].items()
        if "get" in methods
    ]
    # what is fixed before what may be anything
    return sorted(found, key=lambda route: route.path.count("{"))


def _links_in(page: Page) -> Iterator[str]:
    yield from map(html.unescape, _LINK.findall(page.text))
