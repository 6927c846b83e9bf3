"""Which test modules run where: a quick part in every run of pytest, the rest in `make conformance`."""

from pathlib import Path

_HERE = Path(__file__).parent

# by folder or file
QUICK = ("unit",)


def engines_for(path: Path, chosen: str | None, of_run: tuple[str, ...]) -> tuple[str, ...]:
    """Return the engines that a test file runs on.

    :param chosen: the one engine of this run, if one was chosen
    :param of_run: those of a run in which none was; only the quick part of the suites belongs to it
    """
    if chosen:
        return (chosen,)
    name = path.relative_to(_HERE).with_suffix("")
    near = {name.as_posix(), *(parent.as_posix() for parent in name.parents)}
    return of_run if near.intersection(QUICK) else ()


def names() -> list[str]:
    """Return the suites: `unit/broker`, `integration/combinations` and so on."""
    return [
        suite.relative_to(_HERE).as_posix()
        for kind in ("unit", "integration")
        for suite in sorted((_HERE / kind).iterdir())
        if next(suite.rglob("test_*.py"), None)
    ]
