"""The engines that the backends are tested on, each by its name: fixture `<name>_url` starts it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ENGINES = ("mongomock", "embedded")
SERVER = "server"  # the one whose URL was given to the run
# mongomock plans no query, and has no quirk of SecantusDB's
WITH_INDEXES = ("embedded", SERVER)
# not ours: pynenc's own backends, to compare
BASELINE = "sqlite"


def engines_of(config: "pytest.Config") -> tuple[str, ...]:
    """Return the engines of a run; with `--pynenc-mongo-url=mongodb://...` that server is one of them."""
    return (*ENGINES, SERVER) if server_of(config) else ENGINES


def server_of(config: "pytest.Config") -> str:
    """Return the URL of the server that was given to a run, or an empty string."""
    from pytest_pynenc_mongo import options

    url = config.stash[options.KEY].url
    return url if url.startswith("mongodb") else ""
