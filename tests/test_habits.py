"""What a reviewer would say of each change is said by these tests instead."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("pynenc_mongo", "pytest_pynenc_mongo", "tests", "benchmarks", "examples", "docs")

MOST_EXCEPTIONS = 9
_EXCEPTION = re.compile(r"#\s*noqa\b|#\s*ruff:\s*noqa\b")


def files(root: Path) -> Iterator[Path]:
    for folder in CODE:
        yield from sorted((root / folder).rglob("*.py"))


def exceptions_from_rules(root: Path) -> list[str]:
    """Return the places where a line is excepted from a rule of ruff's."""
    return [
        f"{path.relative_to(root)}:{number}"
        for path in files(root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _EXCEPTION.search(line) and '"' not in line.partition("noqa")[2]
    ]


def imports_of_fixtures(root: Path) -> list[str]:
    """Return the places that import from a conftest.py of ours, or a fixture from a test module."""
    return [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in files(root)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and _is_home_of_fixtures(node.module)
    ]


def _is_home_of_fixtures(module: str) -> bool:
    last = module.rpartition(".")[2]
    return module.startswith("tests.") and (last == "conftest" or last.startswith("test_"))


def untested_packages(root: Path) -> list[str]:
    """Return the packages within ours that have no folder of tests of their name."""
    packages = [
        each.parent
        for package in ("pynenc_mongo", "pytest_pynenc_mongo")
        for each in (root / package).glob("*/__init__.py")
    ]
    return sorted(each.name for each in packages if not any((root / "tests" / each.name).glob("test_*.py")))


def test_a_line_is_rarely_excepted_from_a_rule() -> None:
    found = exceptions_from_rules(ROOT)
    remedy = "write it as the rule has it, or say in pyproject.toml for which files the rule is not, and why"
    assert len(found) <= MOST_EXCEPTIONS, f"{len(found)} noqa: {remedy}\n" + "\n".join(found)


def test_fixtures_are_found_and_not_imported() -> None:
    remedy = "put a fixture into the conftest.py above its users, and a helper into a module of its own"
    assert imports_of_fixtures(ROOT) == [], remedy


def test_each_package_has_tests_under_its_name() -> None:
    # each of its fixtures is tested by runs, among those of the plugin
    assert untested_packages(ROOT) == ["fixtures"]


def test_such_lines_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_tea.py").write_text(
        "import os  # noqa\n"
        "import re  # noqa: F401 - a reason\n"
        "from tests.shop.conftest import app\n"
        "from tests.shop.test_shop import shop\n"
        "from tests.shop import helpers\n"
        "from pynenc_tests.conftest import runner\n"
    )
    assert exceptions_from_rules(tmp_path) == ["tests/test_tea.py:1", "tests/test_tea.py:2"]
    assert imports_of_fixtures(tmp_path) == ["tests/test_tea.py:3", "tests/test_tea.py:4"]


def test_a_package_without_tests_would_be_seen(tmp_path: Path) -> None:
    for package in ("teapot", "kettle"):
        (tmp_path / "pynenc_mongo" / package).mkdir(parents=True)
        (tmp_path / "pynenc_mongo" / package / "__init__.py").touch()
        (tmp_path / "tests" / package).mkdir(parents=True)
    (tmp_path / "tests" / "kettle" / "test_kettle.py").touch()
    assert untested_packages(tmp_path) == ["teapot"]
