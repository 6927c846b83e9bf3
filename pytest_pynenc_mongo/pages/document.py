"""A whole HTML document: one file that loads nothing, whatever is in it."""

from functools import cache
from importlib.resources import files

from pytest_pynenc_mongo.pages.markup import Markup, element, together

# no script runs and nothing is loaded, whatever a task's arguments say
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def document(title: str, *body: str, first_line: str = "") -> str:
    """Return a document.

    :param first_line: a comment that stands behind the doctype, for whoever reads no more than that
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),  # else a browser asks a server for one
        element("title", title),
        element("style", _style()),
    )
    whole = element("html", head, element("body", together(*body)), lang="en")
    return f"<!doctype html>\n{first_line}\n{whole}\n"


@cache
def _style() -> Markup:
    return Markup(files(__package__).joinpath("style.css").read_text(encoding="utf-8"))
