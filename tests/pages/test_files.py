"""Files of pages: their names, whole or not there, of this run alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pynenc_mongo.errors import ReportFolderError
from pytest_pynenc_mongo.pages import files
from pytest_pynenc_mongo.pages.record import Record, line_of, record_in
from tests.pages import stories
from tests.pages.reading import Page


@given(st.text(st.characters()))
def test_any_test_has_a_file_that_any_system_takes(nodeid: str) -> None:
    name = files.name_for(nodeid)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert name[0] not in ".-"
    assert len(name) <= 80
    assert name.endswith(".html")


def test_tests_that_differ_in_one_character_have_files_of_their_own() -> None:
    ids = ("t.py::test[a/b]", "t.py::test[a-b]", "t.py::test[A-b]", "t.py::test[a\ud800b]", "index")
    assert len({files.name_for(nodeid).lower() for nodeid in ids} | {"index.html"}) == 6
    assert files.name_for("tests/test_shop.py::test_tea").startswith("tests-test_shop-test_tea-")


@given(st.text(st.characters()), st.text(st.characters()))
def test_a_record_comes_back_from_its_line(nodeid: str, cause: str) -> None:
    record = Record(nodeid, "failed", "call", 1.5, cause, {"success": 1})
    line = line_of(record)
    assert record_in(f"{line}\n") == record
    assert "\n" not in line
    assert "--" not in line[4:-3]
    assert line.isascii()


@pytest.mark.parametrize("line", ["", "<html>", "<!-- pytest-pynenc-mongo index -->", line_of.__name__])
def test_other_lines_are_no_records(line: str) -> None:
    assert record_in(line) is None


def test_pages_are_in_the_index_and_nothing_half_written_stays(tmp_path: Path) -> None:
    files.prepare(tmp_path / "a" / "b")
    written = [files.add(tmp_path / "a" / "b", story) for story in (stories.full(), stories.hostile())]
    front, number = files.finish(tmp_path / "a" / "b")
    assert number == 2
    assert {*front.parent.iterdir()} == {front, *written}
    assert set(Page(front.read_text()).links) == {"data:,", *(file.name for file in written)}


def test_pages_of_an_earlier_run_are_gone_and_nothing_else_is(tmp_path: Path) -> None:
    files.prepare(tmp_path)
    files.add(tmp_path, stories.full())
    files.finish(tmp_path)
    (tmp_path / ".pytest-pynenc-mongo-killed").write_text("<!doctype")
    others = {tmp_path / "mine.html", tmp_path / "notes.txt"}
    for other in others:
        other.write_text("mine")
    files.prepare(tmp_path)
    assert {*tmp_path.iterdir()} == others


def test_a_folder_with_an_index_of_somebody_else_s_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>\n<title>mine</title>")
    with pytest.raises(
        ReportFolderError, match=r"index\.html is somebody else's: name a folder for the pages"
    ):
        files.prepare(tmp_path)
    assert "mine" in (tmp_path / "index.html").read_text()


def test_a_file_where_the_folder_would_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pages").touch()
    with pytest.raises(ReportFolderError, match="cannot hold the pages"):
        files.prepare(tmp_path / "pages")
