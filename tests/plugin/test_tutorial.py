"""The tutorial, from an empty directory: its files are written, its commands run, their output compared."""

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
# a virtual environment that takes half a minute: `make dist-test` does it
NOT_RUN = ("python3 -m venv", ". .venv", "pip install")

_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
# what differs from run to run
_OTHER_EACH_TIME = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])|(?<=worker )\d+|\d+\.\d+ ?s\b|={3,}|-{3,}"
    r"|(?<=\[) *\d+%(?=\])| {5,}"
)


class Command(NamedTuple):
    """A command of the page, and the lines that it shows of what is printed."""

    text: str
    shown: list[str]


def commands_in(text: str) -> Iterator[Command]:
    for part in text.removeprefix("$ ").split("\n$ "):
        command, *shown = part.rstrip("\n").split("\n")
        yield Command(command, shown)


def pattern_of(line: str) -> str:
    """Return the pattern that a line of output meets which says the same."""
    pieces = _OTHER_EACH_TIME.split(line)
    return "*".join(re.sub(r"([\[\]*?])", r"[\1]", piece) for piece in pieces)


def missing(shown: list[str], printed: list[str]) -> list[str]:
    """Return the shown lines that were not printed, in their order; `...` stands for any lines."""
    rest = iter(printed)
    wanted = [line for line in shown if line != "..."]
    return [line for line in wanted if not any(fnmatch.fnmatchcase(each, pattern_of(line)) for each in rest)]


@pytest.mark.slow
def test_the_tutorial_prints_what_it_shows(pytester: pytest.Pytester) -> None:
    ran = []
    for block in _BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if block["kind"] == "python":
            first, _, text = block["text"].partition("\n")
            file = pytester.path / first.removeprefix("# ").partition(",")[0]
            file.write_text(file.read_text() + text if "at its end" in first else text)
        for command in commands_in(block["text"]) if block["kind"] == "console" else ():
            if not command.text.startswith(NOT_RUN):
                name, *arguments = command.text.split()
                assert name == "pytest"
                done = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=50)
                assert missing(command.shown, done.outlines) == [], done.stdout.str()
                ran.append(command.text)
    assert ran == ["pytest", "pytest -n 2", "pytest test_cake.py", "pytest test_nobody.py"]


def test_what_is_shown_and_was_not_printed_is_seen() -> None:
    printed = ["bake 1a2b3c4d has been registered for 0.2 s", "==== 1 passed in 3.10s ===="]
    assert missing(["bake 707bceb1 has been registered for 1.7 s", "=== 1 passed in 0.1s ==="], printed) == []
    assert missing(["bake 707bceb1 has been running for 0.2 s"], printed) != []
    assert missing(["=== 2 passed in 0.1s ==="], printed) != []
    assert missing(list(reversed(printed)), printed) != []


def test_the_recipes_for_ci_are_yaml_that_runs_pytest() -> None:
    recipes = [found["text"] for found in _BLOCK.finditer(PAGE.read_text()) if found["kind"] == "yaml"]
    assert len(recipes) == 2
    for recipe in recipes:
        assert "pytest -n auto" in str(yaml.safe_load(recipe))
