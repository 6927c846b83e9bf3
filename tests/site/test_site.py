"""Links that lead nowhere are found, and those of README lead somewhere on PyPI, too."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.site import links

ROOT = Path(__file__).parents[2]
HOME = "https://code.example/teahouse/pytest-pynenc-mongo"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """The hook of the build, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_that_lead_nowhere_are_named_with_their_page(tmp_path: Path) -> None:
    (tmp_path / "tea").mkdir()
    (tmp_path / "tea.svg").write_text("<svg/>")
    (tmp_path / "index.html").write_text(
        '<h1 id="top"></h1><a href="tea/cup.html#handle">.</a><a href="#top">.</a><img src="tea.svg">'
        '<a href="https://pynenc.org/">.</a><a href="mailto:tea@example.com">.</a><img src="data:,x">'
        '<a href="tea/cup.html#spout">.</a><a href="#bottom">.</a><a href="pot.html">.</a>'
        '<a href="../README.md">.</a><a href="https:///tea">.</a><a href="tea">.</a>'
    )
    (tmp_path / "tea" / "cup.html").write_text('<p id="handle"></p><a href="../index.html?q=1#top">.</a>')
    assert list(links.broken(tmp_path)) == [
        "index.html: tea/cup.html#spout: no such anchor",
        "index.html: #bottom: no such anchor",
        "index.html: pot.html: no such file",
        "index.html: ../README.md: outside of the site",
        "index.html: https:///tea: no address",
        "index.html: tea: no such file",
    ]


def test_markdown_that_is_left_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        "<p>at <code>`*/5`</code> and (`*/5</p><ul><li>*`)</li></ul><p>[tea](tea.md)</p><pre>`[a](b)`</pre>"
    )
    assert list(links.broken(tmp_path)) == [
        "index.html: Markdown is left: and (`*/5",
        "index.html: Markdown is left: *`)",
        "index.html: Markdown is left: [tea](tea.md)",
    ]


def test_on_pypi_each_link_of_readme_leads_to_where_the_project_lives(hook: ModuleType) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    relative = hook.RELATIVE.findall(text)
    assert len(relative) > 30
    shown = hook.absolute(text, f"{HOME}/", "1.2.3")
    assert hook.RELATIVE.findall(shown) == []
    assert f"]({HOME}/blob/v1.2.3/docs/workers.md)" in shown
    for target in relative:
        file, _, anchor = target.partition("#")
        assert (ROOT / file).exists(), target
        assert not anchor or anchor in anchors_of(ROOT / file), target
    assert re.sub(rf"{HOME}/blob/v1\.2\.3/", "", shown) == text


def anchors_of(page: Path) -> set[str]:
    """Return what headings are linked by, as forges and MyST write it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("home", "has_urls"), [(HOME, True), ("", False)])
def test_a_build_has_the_addresses_that_it_is_told(home: str, has_urls: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "metadata"],
        cwd=ROOT,
        env={**os.environ, "PROJECT_URL": home},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    metadata = json.loads(done.stdout)
    assert (f"]({HOME}/blob/v" in metadata["readme"]["text"]) is has_urls
    assert metadata["readme"]["content-type"] == "text/markdown"
    assert metadata.get("urls", {}) == (
        {
            "Source": HOME,
            "Documentation": f"{HOME}/blob/v{metadata['version']}/docs/tutorial.md",
            "Changelog": f"{HOME}/blob/v{metadata['version']}/CHANGELOG.md",
            "Issues": f"{HOME}/issues",
        }
        if has_urls
        else {}
    )
