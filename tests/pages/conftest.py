"""One Chromium for all tests of a process that look at a page."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_pynenc_mongo.pages import files
from tests.pages import chromium, stories
from tests.pages.chromium import Chromium

REQUIRED = "TESTS_NEED_CHROMIUM"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A headless Chromium; tests are skipped where none is installed, unless CI says that one has to be."""
    if not chromium.program():
        missing = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get(REQUIRED):
            pytest.fail(f"{missing}, and {REQUIRED} says that one is")
        pytest.skip(missing)
    with chromium.running(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of made-up tests' pages and of their index, as a run writes them, by what is in them."""
    directory = tmp_path_factory.mktemp("pages")
    files.prepare(directory)
    found = {name: files.add(directory, story) for name, story in stories.all_of_them().items()}
    return {**found, "index": files.finish(directory)[0]}
