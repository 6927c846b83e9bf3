"""Which test modules run where: a quick part in every run of pytest, the rest in `make conformance`."""

from pathlib import Path

# on the last one pynenc's own backends run, to compare
ENGINES = ("process", "served", "embedded", "sqlite")
OTHER_PROCESSES_REACH = ("served", "embedded")
DEFAULT_ENGINE = "served"

_HERE = Path(__file__).parent

# by folder or file; the nearest one counts
QUICK: dict[str, tuple[str, ...]] = {
    "unit": ("process", "served", "embedded"),
}


def engines_for(path: Path, chosen: str | None) -> tuple[str, ...]:
    """Return the engines that a test file runs on: the one that was chosen, or those of the quick part."""
    if chosen:
        return (chosen,)
    name = path.relative_to(_HERE).with_suffix("")
    near = [name.as_posix(), *(parent.as_posix() for parent in name.parents)]
    return next((QUICK[each] for each in near if each in QUICK), ())


def names() -> list[str]:
    """Return the suites: `unit/broker`, `integration/combinations` and so on."""
    return [
        suite.relative_to(_HERE).as_posix()
        for kind in ("unit", "integration")
        for suite in sorted((_HERE / kind).iterdir())
        if next(suite.rglob("test_*.py"), None)
    ]
