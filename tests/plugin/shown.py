"""The blocks of Python that a page shows, and the projects that they make up."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CONFTEST = "conftest.py"
ROOT = Path(__file__).parents[2]

BLOCK = re.compile(
    r"^(?:<!-- (?P<reason>[^\n]*) -->\n)?```python(?P<notest> notest)?\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    """One block of a page, and the file that it is written to."""

    file: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> Iterator[Block]:
    for place, found in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8"))):
        text = found["text"]
        if not found["notest"]:
            named = re.match(r"# (\w+\.py)\n", text)
            yield Block(named[1] if named else f"test_block_{place}.py", text)


def projects_of(page: Path) -> list[dict[str, str]]:
    """Return the projects that a page shows, each as its files.

    Every conftest.py begins a project; what stands above the first of several belongs to all of them.
    """
    blocks = list(blocks_of(page))
    begins = [place for place, block in enumerate(blocks) if block.file == CONFTEST]
    if len(begins) < 2:
        return [dict(blocks)] if blocks else []
    ends = [*begins[1:], len(blocks)]
    shared = dict(blocks[: begins[0]])
    return [shared | dict(blocks[begin:end]) for begin, end in zip(begins, ends, strict=True)]
