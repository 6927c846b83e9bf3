"""docs/architecture.md names every module of both packages, and no other; so with pages on collections."""

import re
import tomllib
from pathlib import Path

import pytest

from pynenc_mongo.broker import documents as broker
from pynenc_mongo.client_data_store import documents as client_data_store
from pynenc_mongo.orchestrator import documents as orchestrator
from pynenc_mongo.state_backend import documents as state_backend
from pynenc_mongo.trigger import documents as trigger

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")

# deeper than this a line goes on with what the one above it says
_DEEPEST_ENTRY = 12

SPECS = {
    "broker": broker.SPECS,
    "client_data_store": client_data_store.SPECS,
    "orchestrator": orchestrator.SPECS,
    "state_backend": state_backend.SPECS,
    "trigger": trigger.SPECS,
}


def modules_named(package: str) -> set[str]:
    """Return the paths of the modules that the section of a package names, each in its folder."""
    section = PAGE.partition(f"\n## {package}")[2].partition("\n## ")[0]
    named: set[str] = set()
    folders: dict[int, str] = {}
    folder = ""
    for line in re.findall(r"^ {4,}\S.*", section, flags=re.MULTILINE):
        depth = len(line) - len(line.lstrip())
        if depth <= _DEEPEST_ENTRY:
            folders = {at: above for at, above in folders.items() if at < depth}
            folder = "".join(folders.values())
            if (first := line.split()[0]).endswith("/"):
                folders[depth] = first
                folder += first
        named |= {folder + module for module in re.findall(r"\w+\.py\b", line)}
    return named


def modules_of(package: str) -> set[str]:
    """Return the paths of the modules of a package; a folder's own `__init__.py` goes without saying."""
    home = ROOT / package
    found = {path.relative_to(home).as_posix() for path in home.rglob("*.py")}
    return {path for path in found if not path.endswith("/__init__.py")}


@pytest.mark.parametrize("package", ["pynenc_mongo", "pytest_pynenc_mongo"])
def test_the_architecture_page_names_every_module_and_no_other(package: str) -> None:
    named, existing = modules_named(package), modules_of(package)
    assert sorted(existing - named) == []
    assert sorted(named - existing) == []


def test_the_page_about_clusters_keeps_collections_with_a_unique_index_whole() -> None:
    page = (ROOT / "docs/when-one-machine-is-not-enough.md").read_text(encoding="utf-8")
    spread, whole = (
        page.partition("## A sharded cluster")[2].partition("## Atlas")[0].split("These stay whole:")
    )
    unique = {
        f"{component}_{spec.name}"
        for component, specs in SPECS.items()
        for spec in specs
        if any(index.document.get("unique") for index in spec.indexes)
    }
    named = set(re.findall(r"`(\w+)`", spread)) & {
        f"{component}_{spec.name}" for component, specs in SPECS.items() for spec in specs
    }
    assert unique == {"orchestrator_invocations", "orchestrator_atomic_service_executions"}
    assert unique <= set(re.findall(r"^\| `(\w+)`", whole, flags=re.MULTILINE))
    assert named
    assert not named & unique


def test_each_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[^\w-]", each)[0].lower() for each in wanted} - {project["name"]}
    table = PAGE.partition("## Dependencies, each with its reason")[2].partition("\n## ")[0]
    told = " ".join(re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)).lower()
    assert names - set(re.findall(r"[\w-]+", told)) == set()
