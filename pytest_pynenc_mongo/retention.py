"""Which test databases are kept, as a copy or a directory, and how to open what was kept."""

import re
import shutil
import stat
import tempfile
from pathlib import Path
from shlex import quote

import pytest

from pytest_pynenc_mongo import interruption, marker, module_files, options, owners, processes, report
from pytest_pynenc_mongo.databases import TestDatabase
from pytest_pynenc_mongo.errors import KeptError

_COPIES: pytest.StashKey[int] = pytest.StashKey()
_TEST_NAME_LENGTH = 20
_DATABASE_NAME_LENGTH = 63


def keep_if_wished(item: pytest.Item, database: TestDatabase, temporary: pytest.TempPathFactory) -> None:
    """Keep the test database if the test, by its outcome so far, shall have it kept.

    As a copy on the server, or as a directory: where the user names one for that, and where the server ends
    with the run. The run says at its end how to open it.

    :param temporary: makes the directory, where the user names none
    """
    if not _is_wished(item):
        return
    if database.server.ends_with_run or item.config.stash[options.KEY].keep_dir:
        line = _keep_in_directory(item, database, temporary)
    else:
        line = _keep_on_server(item, database)
    report.note(item.config, line)


def sweep_directories(config: pytest.Config) -> None:
    """Remove the kept databases of dead runs from the directory that the user names for them."""
    from pytest_pynenc_mongo import clock, manifests

    chosen = config.stash[options.KEY]
    if not chosen.keep_dir or not chosen.sweep:
        return
    for manifest in sorted(_home_of_kept(config).glob(f"*/{manifests.FILE}")):
        try:
            owner = owners.owner_in(manifests.read(manifest.parent).owner)
        except KeptError:
            continue  # not one of this version's: nothing that we know to be nobody's
        if owner and not owner.is_alive(clock.wall(), owners.here()):
            shutil.rmtree(manifest.parent, ignore_errors=True)
            report.note(config, f"removed {manifest.parent}, whose run has ended")


def _keep_on_server(item: pytest.Item, database: TestDatabase) -> str:
    """Copy the database; return how to open the copy."""
    name, code = _name_of_kept(item, database), _code(item.config)
    copy = database.copy_to(name, test=item.nodeid, code=code)
    url = quote(copy.server.masked_url)
    place = " ".join(filter(None, (copy.name, copy.collection_prefix)))
    return (
        f"kept {copy.label}, as {item.nodeid} left it: mongosh {url} then `use {copy.name}`\n"
        f"    {processes.command_by_hand('pynmon')} {url} {place}"
    )


def _keep_in_directory(item: pytest.Item, database: TestDatabase, temporary: pytest.TempPathFactory) -> str:
    """Write the database into a directory; return how to open that, or why it could not be written."""
    from pytest_pynenc_mongo import dumps

    name = _name_of_kept(item, database)
    try:
        directory = _new_directory(item, name, temporary)
        dumps.write(database, name, directory, item.nodeid, _code(item.config))
    except OSError as error:
        return f"could not keep the database of {item.nodeid}: {error}"
    command = f"{processes.command_by_hand('kept')} {quote(str(directory))}"
    return f"kept the database as {item.nodeid} left it; this opens it:\n    {command}"


def _is_wished(item: pytest.Item) -> bool:
    wish = marker.of(item).keep or item.config.stash[options.KEY].keep
    return wish == "always" or (wish == "failed" and interruption.has_failed(item))


def _name_of_kept(item: pytest.Item, database: TestDatabase) -> str:
    number = item.config.stash.get(_COPIES, 0)
    item.config.stash[_COPIES] = number + 1
    return f"{database.run_name}_{number}_{_short_name(item)}"[:_DATABASE_NAME_LENGTH]


def _short_name(item: pytest.Item) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", item.name)[:_TEST_NAME_LENGTH].strip("-")


def _new_directory(item: pytest.Item, name: str, temporary: pytest.TempPathFactory) -> Path:
    """Return a new directory: where the user says, or beside pytest's own for tests, which it cleans.

    :raises OSError: if there can be none
    """
    if item.config.stash[options.KEY].keep_dir:
        directory = _home_of_kept(item.config) / name
        directory.mkdir(mode=stat.S_IRWXU, parents=True)  # who reads it sees, and who writes it runs code
        return directory
    prefix = f"kept-{_short_name(item)}"
    if _leaves_nothing(item.config):
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-"))
    return temporary.mktemp(prefix)


def _home_of_kept(config: pytest.Config) -> Path:
    return config.invocation_params.dir / config.stash[options.KEY].keep_dir


def _leaves_nothing(config: pytest.Config) -> bool:
    """Whether pytest is told to remove its temporary directory, after some runs at least."""
    is_all = config.getini("tmp_path_retention_policy") == "all"
    return not is_all or int(config.getini("tmp_path_retention_count")) == 0


def _code(config: pytest.Config) -> dict[str, object]:
    return module_files.described(config.invocation_params.dir)
