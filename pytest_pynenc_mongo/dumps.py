"""A database <-> a directory: a file of Extended JSON for each collection, and a manifest, which comes last.

What is written is all of a test database; what is read is checked before any of it is restored.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from platform import python_version
from re import sub
from typing import TYPE_CHECKING, Any, Final

from pytest_pynenc_mongo import clock, extended_json, manifests, owners
from pytest_pynenc_mongo.errors import KeptError, in_short
from pytest_pynenc_mongo.manifests import KeptCollection, Manifest

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from pytest_pynenc_mongo.databases import TestDatabase

_PACKAGES = ("pytest-pynenc-mongo", "pynenc", "pymongo")
_FILE_NAME_LENGTH = 100
_APP_INFOS = ".state_backend_app_info"  # how the names of collections end whose keys are ids of apps
_SAID_OF_INDEXES = ("v", "ns")  # by servers, and not to them
_EXPIRY: Final = "expireAfterSeconds"


@dataclass(frozen=True)
class Dump:
    """A kept database, read: the documents of each collection, by its name, as BSON."""

    manifest: Manifest
    documents: Mapping[str, Sequence[bytes]] = field(repr=False)


def write(database: "TestDatabase", name: str, directory: Path, test: str, code: Mapping[str, Any]) -> None:
    """Write all of a test database, but for its owner's record, into an empty directory.

    :param name: what the database is to be called where it is opened
    :param test: the id of the test that left it
    :param code: where that had its modules from, see `module_files.described`
    :raises OSError: if it cannot be written
    """
    listed = sorted(database.listed(), key=lambda each: str(each["name"]))
    names = [each["name"].removeprefix(database.collection_prefix) for each in listed]
    collections = [
        _write(database.handle[each["name"]], each, KeptCollection(name, file, 0, {}, ()), directory)
        for each, name, file in zip(listed, names, _files_for(names), strict=True)
    ]
    manifest = Manifest(
        test=test,
        database=name,
        kept_at=datetime.fromtimestamp(clock.wall(), UTC).isoformat(timespec="seconds"),
        apps=sorted(_apps_in(database, listed)),
        versions=_versions(database),
        owner=owners.this_process(),
        code=code,
        collections=collections,
    )
    manifests.write(manifest, directory)


def read(directory: Path) -> Dump:
    """Read a kept database, and check that it is whole.

    :raises KeptError: naming the directory or the file, what is wrong with it and the remedy
    """
    manifest = manifests.read(directory)
    return Dump(manifest, {each.name: _read(directory / each.file, each) for each in manifest.collections})


def restore(dump: Dump, database: "TestDatabase") -> list[str]:
    """Have a database hold what was kept; return in words what of that its server does not take.

    Documents all come back. What was in a collection of the same name before is gone. An index that lets
    documents expire comes back without its expiry: what was kept is not to vanish while one looks at it.
    """
    left_out: list[str] = []
    for each in dump.manifest.collections:
        left_out += _restore(each, dump.documents[each.name], database)
    return left_out


def _write(
    collection: "Collection[Any]", listed: Mapping[str, Any], kept: KeptCollection, directory: Path
) -> KeptCollection:
    from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS

    if is_view := listed.get("type") == "view":
        documents: Iterator[Any] = iter(())
    else:
        documents = iter(collection.with_options(codec_options=DEFAULT_RAW_BSON_OPTIONS).find({}))
    count = 0
    with (directory / kept.file).open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(f"{extended_json.line_of(document.raw)}\n")
            count += 1
    indexes = () if is_view else [dict(each) for each in collection.list_indexes() if each["name"] != "_id_"]
    return KeptCollection(kept.name, kept.file, count, dict(listed.get("options", {})), indexes)


def _read(path: Path, kept: KeptCollection) -> list[bytes]:
    documents = []
    remedy = "copy the directory whole, or keep the database again"
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise KeptError(f"{path} cannot be read ({error}): {remedy}") from None
    for number, line in enumerate(lines if lines != [""] else (), start=1):
        try:
            documents.append(extended_json.document_in(line))
        except ValueError as error:
            raise KeptError(f"line {number} of {path} is no document ({error}): {remedy}") from None
    if len(documents) != kept.documents:
        raise KeptError(f"{path} holds {len(documents)} documents of {kept.documents}: {remedy}")
    return documents


def _restore(kept: KeptCollection, documents: Sequence[bytes], database: "TestDatabase") -> Iterator[str]:
    """Restore one collection; say what of it the server does not take."""
    from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
    from pymongo.errors import CollectionInvalid, OperationFailure

    name = f"{database.collection_prefix}{kept.name}"
    collection = database.handle[name].with_options(codec_options=DEFAULT_RAW_BSON_OPTIONS)
    collection.drop()
    try:
        database.handle.command("create", name, **kept.options)
    except (OperationFailure, CollectionInvalid) as error:
        yield f"what {kept.name} is beside a collection: {in_short(error)}"
    if documents:
        collection.insert_many([RawBSONDocument(each) for each in documents])
    for index in kept.indexes:
        told = {key: value for key, value in index.items() if key not in (*_SAID_OF_INDEXES, _EXPIRY)}
        try:
            database.handle.command("createIndexes", name, indexes=[told])
        except OperationFailure as error:
            yield f"index {index['name']} of {kept.name}: {in_short(error)}"
        else:
            if _EXPIRY in index:
                yield f"the expiry of index {index['name']} of {kept.name}: documents are to stay"


def _files_for(names: Sequence[str]) -> Iterator[str]:
    """Return a file's name for each collection, which no file system takes for another one's."""
    taken = {manifests.FILE}
    for name in names:
        stem = sub(r"[^A-Za-z0-9._~-]", "_", name)[:_FILE_NAME_LENGTH]
        candidates = (f"{stem}{number or ''}.json" for number in range(len(names) + 1))
        file = next(each for each in candidates if each.casefold() not in taken)
        taken.add(file.casefold())
        yield file


def _apps_in(database: "TestDatabase", listed: Sequence[Mapping[str, Any]]) -> set[str]:
    infos = [each["name"] for each in listed if each["name"].endswith(_APP_INFOS)]
    return {str(found["_id"]) for name in infos for found in database.handle[name].find({}, ["_id"])}


def _versions(database: "TestDatabase") -> dict[str, str]:
    packages = {name: metadata.version(name) for name in _PACKAGES}
    server = str(database.server.client.server_info()["version"])
    return {**packages, "python": python_version(), "MongoDB": server}
