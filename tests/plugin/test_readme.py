"""What the README shows works as pasted."""

import re
from pathlib import Path

import pytest

from tests.plugin.helpers import ENGINES, run

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme_begins_with_a_short_test() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line]
    assert len(lines) <= 10
    assert "def test_" in BLOCKS[0]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ENGINES)
def test_the_readme_s_tests_pass_as_pasted(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    for place, block in enumerate(BLOCKS):
        (pytester.path / f"test_block_{place}.py").write_text(block, encoding="utf-8")
    run(pytester, *arguments).assert_outcomes(passed=6)
