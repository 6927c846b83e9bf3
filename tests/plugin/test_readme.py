"""What the README promises a newcomer."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme_begins_with_a_short_test() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line]
    assert len(lines) <= 10
    assert "def test_" in BLOCKS[0]
