"""The index: a row a page, a pure function of their records."""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote

from pytest_pynenc_mongo.pages.document import document
from pytest_pynenc_mongo.pages.durations import in_words
from pytest_pynenc_mongo.pages.kinds import SIGNS, kind_of_test
from pytest_pynenc_mongo.pages.markup import Markup, element
from pytest_pynenc_mongo.pages.page import pills
from pytest_pynenc_mongo.pages.record import Record

_TITLE = "Tests with pynenc"
_NONE = "No test of this run has a page: none that used an app failed."
FIRST_LINE = "<!-- pytest-pynenc-mongo index -->"


def html_of(records: Mapping[str, Record]) -> str:
    """Return the index of pages, by the names of their files: those that failed first, then by their ids."""
    shown = sorted(records.items(), key=lambda item: (item[1].outcome != "failed", item[1].nodeid))
    numbers = Counter(record.outcome for _, record in shown)
    words = ", ".join(f"{number} {outcome}" for outcome, number in numbers.items()) or _NONE
    return document(
        f"{_TITLE}: {words}",
        element("header", element("h1", _TITLE), element("p", words)),
        element("main", element("ol", *(_row(*item) for item in shown), class_="tests")),
        first_line=FIRST_LINE,
    )


def _row(file: str, record: Record) -> Markup:
    kind = kind_of_test(record.outcome)
    return element(
        "li",
        element("span", f"{SIGNS[kind]} {record.ended} ", class_=f"status {kind}"),
        element("a", record.name, href=quote(file)),
        " ",
        element("small", f"{record.file}, {in_words(record.seconds)}"),
        *([element("div", record.cause.partition("\n")[0], class_="code")] if record.cause else []),
        *([pills(record.counts)] if record.counts else []),
        class_=kind,
    )
