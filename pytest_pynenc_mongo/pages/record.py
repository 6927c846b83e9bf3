"""What the index knows of a page: a line at the page's beginning, so that no page is read whole."""

import json
from dataclasses import asdict, dataclass

_BEGIN, _END = "<!-- pytest-pynenc-mongo ", " -->"


@dataclass(frozen=True)
class Record:
    """A test and how it ended, in the words of its report; `counts` are its invocations by their kind."""

    nodeid: str
    outcome: str  # failed or passed
    phase: str  # setup, call or teardown
    seconds: float
    cause: str  # what it failed of, on a few lines
    counts: dict[str, int]

    @property
    def name(self) -> str:
        """The test without its file."""
        return self.nodeid.partition("::")[2] or self.nodeid

    @property
    def file(self) -> str:
        """The file of the test."""
        return self.nodeid.partition("::")[0]

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        return self.outcome if self.phase == "call" else f"{self.outcome} in {self.phase}"


def line_of(record: Record) -> str:
    """Return the comment that a page has as its second line."""
    # a comment ends at two dashes, and begins at none
    text = json.dumps(asdict(record)).replace("-", "\\u002d").replace(">", "\\u003e")
    return f"{_BEGIN}{text}{_END}"


def is_ours(line: str) -> bool:
    """Return whether a second line is that of a file of ours, in whatever version."""
    return line.startswith(_BEGIN)


def record_in(line: str) -> Record | None:
    """Return the record that a line is; None if it is none."""
    if not is_ours(line):
        return None
    try:
        return Record(**json.loads(line.removeprefix(_BEGIN).rstrip().removesuffix(_END.rstrip())))
    except (ValueError, TypeError):
        return None
