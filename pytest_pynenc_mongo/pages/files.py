"""The folder of pages: names that any file system takes, whole files, and none of an earlier run."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from pytest_pynenc_mongo.errors import ReportFolderError
from pytest_pynenc_mongo.pages import index, page
from pytest_pynenc_mongo.pages.page import INDEX
from pytest_pynenc_mongo.pages.record import Record, is_ours, record_in

_NAME_LENGTH, _DIGEST_LENGTH = 60, 10
_PART = ".pytest-pynenc-mongo-"  # what a file is called until it is whole
_READ_BY_ALL = 0o644


def name_for(nodeid: str) -> str:
    """Return the file name of a test's page: readable, and another one for each test."""
    digest = hashlib.sha256(nodeid.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", nodeid.replace(".py::", "-"))[-_NAME_LENGTH:].strip("-_")
    return f"{readable}-{digest}.html".lstrip("-")


def prepare(folder: Path) -> None:
    """Make the folder, and take out of it what an earlier run wrote: it would tell of what is no more.

    :raises ReportFolderError: if it holds an index.html of somebody else's, or cannot be made or changed
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / INDEX).exists() and not is_ours(_second_line(folder / INDEX)):
            raise ReportFolderError(f"{folder / INDEX} is somebody else's: name a folder for the pages alone")
        for file in folder.glob("*.html"):
            if is_ours(_second_line(file)):
                file.unlink(missing_ok=True)
        for part in folder.glob(f"{_PART}*"):
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ReportFolderError(f"{folder} cannot hold the pages: {error}") from None


def add(folder: Path, story: page.Story) -> Path:
    """Write the page of a test."""
    file = folder / name_for(story.record.nodeid)
    _write(file, page.html_of(story))
    return file


def finish(folder: Path) -> tuple[Path, int]:
    """Write the index; return it, and how many pages it names."""
    records = _records_in(folder)
    _write(folder / INDEX, index.html_of(records))
    return folder / INDEX, len(records)


def _records_in(folder: Path) -> dict[str, Record]:
    """Return what each of our pages says of itself, by its file's name."""
    found = ((file.name, record_in(_second_line(file))) for file in sorted(folder.glob("*.html")))
    return {name: record for name, record in found if record}


def _second_line(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as lines:
        lines.readline()
        return lines.readline()


def _write(file: Path, text: str) -> None:
    """Write a file such that nobody sees a part of it."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=_PART)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as part:
        part.write(text)
    Path(name).chmod(_READ_BY_ALL)
    Path(name).replace(file)
