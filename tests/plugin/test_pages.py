"""Pages of a run's failed tests: one folder, one index, whoever ran them."""

from pathlib import Path

import pytest

from pytest_pynenc_mongo.pages import files
from pytest_pynenc_mongo.pages.record import Record, record_in
from tests.pages import stories
from tests.pages.reading import Page
from tests.plugin.helpers import make_shop, output, run

HOSTILE = "<script>alert('1')</script>"
TEA = f"""
    import pytest
    from shop.app import add, die, echo, fail

    @pytest.fixture
    def falls_apart():
        yield
        raise OSError("broken cup")

    @pytest.fixture
    def is_broken():
        raise OSError("no cup")

    @pytest.mark.parametrize("word", ["../../x", "{HOSTILE}", "", "\\u202e" * 300])
    def test_words(pynenc_runner, word):
        assert echo(word).result == "tea"

    def test_fails(pynenc_worker, capsys):
        print("here we go")
        assert add(1, 2).result == 3
        fail().result

    def test_passes(pynenc_runner):
        assert add(1, 2).result == 3

    def test_teardown(pynenc_runner, falls_apart):
        assert add(2, 2).result == 4

    def test_worker_dies_unseen(pynenc_worker, pynenc_wait):
        die()
        pynenc_wait.until(lambda: not pynenc_worker.is_alive)

    def test_setup(is_broken, pynenc_app):
        pass

    def test_without_an_app():
        assert False
"""
ECHO = """
    @app.task
    def echo(word: str) -> str:
        return word

    @app.task
    def die() -> None:
        os._exit(3)
"""


FOLDER_GOES = """
    import shutil

    def test_removes_the_folder(pynenc_app):
        shutil.rmtree("pages")
        assert False
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    from textwrap import dedent

    from tests.plugin.helpers import SHOP

    make_shop(pytester, source=dedent(SHOP) + dedent(ECHO))
    pytester.makepyfile(test_tea=TEA)
    return pytester


def records_in(folder: Path) -> dict[str, Record]:
    """Return what the pages of a folder are about, by the names of the tests."""
    found = (record_in(page.read_text().splitlines()[1]) for page in folder.glob("*.html"))
    return {record.name: record for record in found if record}


@pytest.mark.slow
def test_workers_of_xdist_fill_one_folder_and_the_controller_writes_the_index(shop: pytest.Pytester) -> None:
    folder = shop.path / "build" / "pages"
    files.prepare(folder)
    stale = files.add(folder, stories.full())
    result = run(shop, "-n", "2", "--pynenc-mongo-report=build/pages")
    result.assert_outcomes(failed=6, errors=3, passed=3)
    assert output(result).count(f"pages of 6 tests: {folder / 'index.html'}") == 1
    assert not stale.exists()
    records = records_in(folder)
    assert len({*folder.iterdir()}) == len(records) + 1 == 7
    assert {name for name in records if not name.startswith("test_words")} == {
        "test_fails",
        "test_worker_dies_unseen",
    }
    index = Page((folder / "index.html").read_text())
    assert {page.name for page in folder.iterdir()} - {"index.html"} == {*index.links} - {"data:,"}
    assert "6 failed" in index.text

    assert records["test_worker_dies_unseen"].phase == "teardown"
    assert records["test_worker_dies_unseen"].counts == {"died": 1}
    assert records["test_fails"].counts == {"success": 1, "failed": 1}
    fails = Page(page_of(folder, "test_fails").read_text())
    for text in ("add(x=1, y=2)", "ValueError: sold out", "here we go", "worker ", "the test failed at"):
        assert text in fails.text
    assert "the shop is open" not in fails.text
    hostile = Page(page_of(folder, f"test_words[{HOSTILE}]").read_text())
    assert f"echo(word={HOSTILE!r})" in hostile.text
    assert hostile.all("script") == []


def page_of(folder: Path, name: str) -> Path:
    return folder / files.name_for(f"test_tea.py::{name}")


def test_all_tests_have_a_page_where_all_are_asked_for(
    shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_PYNENC_MONGO_REPORT_ON", "always")
    folder = shop.path / "pages"
    arguments = ("-o", "pynenc_mongo_report=pages", "-k", "passes or teardown or without", "--junitxml=j.xml")
    result = run(shop, *arguments)
    result.assert_outcomes(passed=2, failed=1, errors=1)
    records = records_in(folder)
    assert {name: (record.outcome, record.phase) for name, record in records.items()} == {
        "test_passes": ("passed", "call"),
        "test_teardown": ("failed", "teardown"),
    }
    assert "the test passed at" in Page(page_of(folder, "test_passes").read_text()).text
    # the next one of them is about nothing
    run(shop, *arguments, "-k", "without")
    assert records_in(folder) == {}
    assert "none that used an app failed" in (folder / "index.html").read_text()


def test_a_folder_that_is_gone_is_said_and_changes_no_outcome(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FOLDER_GOES)
    result = run(pytester, "--pynenc-mongo-report=pages")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "no page of *::test_removes_the_folder: *No such file or *",
            "no page of the tests: *No such file or *",
        ]
    )


def test_a_folder_that_is_not_for_pages_is_refused_and_stays_as_it_is(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(): pass")
    front = pytester.path / "index.html"
    front.write_text("mine")
    result = run(pytester, "--pynenc-mongo-report=.")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --pynenc-mongo-report: {front} is somebody else's" in output(result)
    assert front.read_text() == "mine"
    # who asks for the names of tests alone changes nothing
    assert run(pytester, "--pynenc-mongo-report=.", "--collect-only").ret == pytest.ExitCode.OK
