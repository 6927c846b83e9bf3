"""What the README and the pages in docs/ show works as pasted, and their links lead somewhere."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from tests.plugin.helpers import run
from tests.plugin.shown import BLOCK, ROOT, blocks_of, name_of, projects_of

# the site's own ways to other pages
WAYS = {ROOT / "docs" / name for name in ("index.md", "changelog.md", "contributing.md")}
PAGES = (ROOT / "README.md", *sorted(set((ROOT / "docs").glob("*.md")) - WAYS))
TUTORIAL = ROOT / "docs" / "tutorial.md"  # test_tutorial.py goes through it, command by command
KEEPING = ROOT / "docs" / "keeping-a-database.md"
OWN_SERVER = ROOT / "docs" / "own-server.md"

# the tests that pass in each project of each page; a page has more than one if it shows several conftest.py
PASSED = {
    "README.md": (6,),
    "docs/asserting.md": (2,),
    "docs/crash-tests.md": (8,),
    "docs/crons-and-events.md": (4,),
    "docs/engines.md": (4,),
    "docs/failed-tests.md": (1,),
    "docs/from-pynenc-mongo.md": (2,),
    "docs/from-sqlite.md": (1, 3),
    "docs/keeping-a-database.md": (1,),
    "docs/own-server.md": (2, 2, 2),
    "docs/recipes.md": (8,),
    "docs/types.md": (8,),
    "docs/waiting.md": (5,),
    "docs/workers.md": (5,),
    "docs/xdist.md": (4,),
}
# what the run of a project needs: its number stands behind its page
MORE_ARGUMENTS = {
    ("docs/xdist.md", 0): ("-n", "2"),
    # by its module: inner runs have it off by its name
    ("docs/recipes.md", 0): ("-p", "anyio.pytest_plugin"),
    # pynenc's, in a user's own thread, before the move
    ("docs/from-sqlite.md", 0): (
        *("-W", "ignore:Running in a secondary thread", "-W", "ignore:(?s).*__main__"),
        *("-W", "ignore:keys will default to True", "-W", "ignore:The yaml backend"),
    ),
}
# a block that is not run says why in a comment above it
NOT_RUN = {"README.md": 1, "docs/failed-tests.md": 1, "docs/keeping-a-database.md": 2, "docs/recipes.md": 1}

_LINK = re.compile(r"\]\(([^)\s]+)\)")

# what the recipes of docs/own-server.md import and ask for
MONGO_PROC = """
import pytest
from types import SimpleNamespace

@pytest.fixture(scope="session")
def mongo_proc():
    return SimpleNamespace(host="{host}", port={port})
"""
CONTAINER = """
import contextlib
from types import SimpleNamespace

@contextlib.contextmanager
def MongoDbContainer(image):
    yield SimpleNamespace(get_connection_url=lambda: "{url}")
"""
SAME_URL = """
def test_it_is_the_recipe_s_server(pynenc_app, pynenc_mongo_url):
    assert pynenc_mongo_url.rstrip("/") == "{url}".rstrip("/")
    assert app_url(pynenc_app) == pynenc_mongo_url

def app_url(app):
    return app.state_backend.conf.mongo_url
"""


def write_stand_ins(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[str, ...]:
    """Write what the recipes import and ask for, all of it leading to `url`; return the options."""
    server = urlsplit(url)
    (pytester.path / "stand_ins.py").write_text(
        MONGO_PROC.format(host=server.hostname, port=server.port), encoding="utf-8"
    )
    package = pytester.mkpydir("testcontainers") / "community"
    package.mkdir()
    (package / "mongodb.py").write_text(CONTAINER.format(url=url), encoding="utf-8")
    monkeypatch.setenv("SHOP_TEST_MONGO", url)
    return ("-p", "stand_ins")


def write(pytester: pytest.Pytester, project: dict[str, str]) -> None:
    for file, text in project.items():
        (pytester.path / file).write_text(text, encoding="utf-8")


# what a user pastes first; the others are for thorough runs
OFTEN = ("README.md", "docs/own-server.md")
PROJECTS = [
    pytest.param(
        *(page, place),
        id=f"{page.stem}-{place}",
        marks=() if name_of(page) in OFTEN and place == 0 else pytest.mark.thorough,
    )
    for page in PAGES
    if page != TUTORIAL
    for place in range(len(projects_of(page)))
]
ON_ENGINES = [param for param in PROJECTS if param.values[0] != OWN_SERVER]
ON_A_SERVER = [param for param in PROJECTS if param not in ON_ENGINES]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "place"), ON_ENGINES)
def test_a_page_s_tests_pass_as_pasted(
    pytester: pytest.Pytester, page: Path, place: int, on_own_engine: tuple[str, ...]
) -> None:
    write(pytester, projects_of(page)[place])
    more = MORE_ARGUMENTS.get((name_of(page), place), ())
    run(pytester, *on_own_engine, *more).assert_outcomes(passed=PASSED[name_of(page)][place])


@pytest.mark.slow
@pytest.mark.parametrize(("page", "place"), ON_A_SERVER)
def test_a_recipe_leads_the_tests_to_its_server(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    embedded_url: str,
    page: Path,
    place: int,
) -> None:
    options = write_stand_ins(pytester, monkeypatch, embedded_url)
    project = projects_of(page)[place]
    write(pytester, project | {"test_url.py": SAME_URL.format(url=embedded_url)})
    run(pytester, *options).assert_outcomes(passed=PASSED[name_of(page)][place] + 1)


@pytest.mark.slow
def test_the_page_about_keeping_shows_the_name_of_its_copy(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    (project,) = projects_of(KEEPING)
    write(pytester, project)
    shown = re.search(r"kept pynenc_test_(\w+)_main_0_([\w-]+), as", KEEPING.read_text("utf-8"))
    assert shown
    result = run(pytester, f"--pynenc-mongo-url={embedded_url}")
    kept = re.search(r"kept (pynenc_test_(\w+)_main_0_([\w-]+)), as .* then `use \1`", result.stdout.str())
    assert kept
    with MongoClient[dict[str, Any]](embedded_url) as client:
        assert client[kept[1]]["tea.orchestrator_invocations"].count_documents({}) == 1
        client.drop_database(kept[1])
    assert (len(kept[2]), kept[3]) == (len(shown[1]), shown[2])


def test_the_readme_begins_with_a_short_test() -> None:
    first = next(blocks_of(PAGES[0])).text
    lines = [line for line in first.splitlines() if line]
    assert len(lines) <= 10
    assert "def test_" in first


def test_every_page_with_tests_is_run() -> None:
    pages = [page for page in PAGES if page != TUTORIAL and projects_of(page)]
    assert {name_of(page): len(projects_of(page)) for page in pages} == {
        name: len(passed) for name, passed in PASSED.items()
    }


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    not_run = {
        name_of(page): [
            found["reason"] for found in BLOCK.finditer(page.read_text("utf-8")) if found["notest"]
        ]
        for page in PAGES
    }
    assert {name: len(reasons) for name, reasons in not_run.items() if reasons} == NOT_RUN
    assert all(reason for reasons in not_run.values() for reason in reasons)


def test_no_python_block_is_overlooked() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        assert text.count("```python") == len(BLOCK.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_to_files(page: Path) -> None:
    targets = {link.partition("#")[0] for link in _LINK.findall(page.read_text("utf-8")) if "://" not in link}
    assert {target for target in targets if target and not (page.parent / target).exists()} == set()


def test_the_readme_leads_to_every_page() -> None:
    readme, *pages = PAGES
    assert len(pages) >= 9
    assert {name_of(page) for page in pages} <= set(_LINK.findall(readme.read_text("utf-8")))
