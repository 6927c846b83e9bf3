"""What CONTRIBUTING.md tells a newcomer to do can be done: its commands, files and sentences are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = re.findall(r"```console\n(.*?)```|`([^`\n]+)`", GUIDE, flags=re.DOTALL)
COMMANDS = [line for block, inline in CODE for line in (block or inline).splitlines()]


def test_each_target_of_make_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {found[1] for line in COMMANDS if (found := re.match(r"make ([\w-]+)", line))}
    assert {"demo", "test", "check", "venv"} <= targets
    assert targets <= set(re.findall(r"^([\w-]+):", makefile, flags=re.MULTILINE))


def test_each_file_is_there() -> None:
    named = {path for line in COMMANDS for path in re.findall(r"(?:tests|docs|\w+_mongo)/[\w./-]*\w", line)}
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_sentence_of_the_first_change_is_in_the_code_and_in_the_test_that_are_named() -> None:
    first = GUIDE.partition("## Your first change")[2].partition("\n## ")[0]
    (sentence,) = set(re.findall(r'git grep -n "([^"]+)"', first))
    (code,) = re.findall(r"It is in `([\w/]+\.py)`", first)
    (test,) = re.findall(r"ARGS=\"?(tests/[\w/]+\.py)", first)
    for path in (ROOT / "pynenc_mongo" / code, ROOT / test):
        assert sentence in path.read_text(encoding="utf-8"), path
