"""A database in a directory comes back as it was; what is no such directory is refused in one sentence."""

import json
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from bson import (
    Binary,
    Code,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
    encode,
)
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymongo.errors import OperationFailure

from pytest_pynenc_mongo import dumps, extended_json
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.errors import KeptError
from pytest_pynenc_mongo.manifests import FILE, KeptCollection, Manifest
from pytest_pynenc_mongo.owners import OWNER_COLLECTION
from tests.storage.helpers import new_name

_int64s = st.integers(-(2**63), 2**63 - 1)
_uint32s = st.integers(0, 2**32 - 1)
_texts = st.text(st.characters(codec="utf-8"), max_size=8)
_keys = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    st.sampled_from(("$date", "$oid", "$numberLong", "$binary", "$ref", "$id", "$x", "a.b", ".", "$", "")),
)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    _int64s,
    _int64s.map(Int64),
    st.floats(),
    _texts,
    st.builds(
        Binary, st.binary(max_size=20), st.sampled_from((0, 1, 5, 6, 128, 254))
    ),  # 255 fails in pymongo 4.11
    st.builds(Binary, st.binary(min_size=16, max_size=16), st.sampled_from((3, 4))),  # those of a UUID
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),  # pymongo takes it for UTC
    _int64s.map(DatetimeMS),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.builds(
        Regex, st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=5), st.just("im")
    ),
    st.builds(Timestamp, _uint32s, _uint32s),
    st.decimals(allow_nan=True, places=3, min_value=-1000, max_value=1000).map(Decimal128),
    st.sampled_from((MinKey(), MaxKey())),
    st.builds(Code, _texts),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=8,
)
# floats whose bits are no Python float's usual NaN, and what only other drivers write
_SIGNALLING_NAN = struct.pack("<Q", 0x7FF0000000000001)
_ODD = (
    encode({"x": 1.5}).replace(struct.pack("<d", 1.5), _SIGNALLING_NAN),
    encode({"text": "ab"}).replace(b"ab", b"\xff\xfe"),
    encode({"a": 1, "b": 2}).replace(b"b", b"a"),  # one key twice
)


@settings(deadline=None)
@given(st.dictionaries(_keys, _values, max_size=4).map(encode))
@example(encode({"at": {"$date": {"$numberLong": "5"}}}))
@example(encode({"$binary": {"base64": "BQAAAAA=", "subType": "00"}}))
@example(encode({"at": DatetimeMS(-(2**63)), "until": DatetimeMS(2**63 - 1)}))
@example(_ODD[0])
@example(_ODD[1])
@example(_ODD[2])
def test_every_document_comes_back_from_its_line_byte_for_byte(document: bytes) -> None:
    line = extended_json.line_of(document)
    assert "\n" not in line
    assert extended_json.document_in(line) == document


def test_a_line_is_extended_json_wherever_that_can_say_the_document() -> None:
    document = {"_id": "x", "at": Int64(5), "cups": 2}
    line = '{"_id": "x", "at": {"$numberLong": "5"}, "cups": {"$numberInt": "2"}}'
    assert extended_json.line_of(encode(document)) == line


class Place(NamedTuple):
    """Two databases of a server, and directories for what is kept of the first."""

    server: TestServer
    source: TestDatabase
    directories: Callable[[], Path]


@pytest.fixture(scope="module")
def places(any_url: str, tmp_path_factory: pytest.TempPathFactory) -> Place:
    server = TestServer(any_url)
    return Place(server, TestDatabase(server, new_name()), lambda: tmp_path_factory.mktemp("kept"))


def everything(database: TestDatabase) -> Mapping[str, Any]:
    """Return the bytes of all documents and all indexes, but for the record of an owner."""
    return {
        name: (
            [each.raw for each in raw.find()],
            [index for index in raw.list_indexes() if index["name"] != "_id_"],
        )
        for name in database.handle.list_collection_names()
        if name != OWNER_COLLECTION
        for raw in [database.handle[name].with_options(codec_options=DEFAULT_RAW_BSON_OPTIONS)]
    }


def kept(place: Place) -> Path:
    directory = place.directories()
    dumps.write(place.source, "pynenc_test_kept", directory, "test_tea.py::test_tea", {"home": "/"})
    return directory


_numbers = count()


@pytest.mark.thorough("embedded")
@settings(max_examples=20, deadline=None)
@given(documents=st.lists(_values, min_size=1, max_size=10))
@example(documents=[datetime(1970, 1, 1, 0, 0, 0, 999_999, UTC), float("nan"), {"$where": {"a.b": [1]}}])
def test_all_documents_and_indexes_come_back_from_a_directory(places: Place, documents: list[Any]) -> None:
    source = places.source.handle
    for collection in ("Tea", "tea", "a/b ~", "empty"):
        source[collection].drop()
    for value in documents:
        # SecantusDB takes no instants that Python's datetime cannot hold
        with suppress(OperationFailure):
            source["Tea"].insert_one({"_id": next(_numbers), "value": value})
    source["tea"].insert_one({"_id": {"a": 1, "b": 2}, "other": True})
    source["tea"].create_index([("value", 1), ("at", -1)], name="by value", sparse=True)
    source["a/b ~"].insert_one({"_id": 1})
    source["a/b ~"].create_index("number", unique=True)
    source.create_collection("empty")
    before = everything(places.source)

    target = TestDatabase(places.server, f"{places.source.name}_again")
    target.handle["Tea"].insert_one({"_id": "of before"})
    assert dumps.restore(dumps.read(kept(places)), target) == []
    assert everything(target) == before
    places.server.client.drop_database(target.name)


def test_part_of_a_database_is_kept_as_a_whole_one(places: Place) -> None:
    handle = places.source.handle
    part = TestDatabase(places.server, places.source.name, "run_gw0.")
    handle["run_gw0.tea"].insert_one({"_id": 1})
    handle["other"].insert_one({"_id": 1})
    directory = places.directories()
    dumps.write(part, "kept", directory, "a test", {})
    assert [each.name for each in dumps.read(directory).manifest.collections] == ["tea"]


def test_documents_that_would_expire_stay(places: Place) -> None:
    handle = places.source.handle
    for collection in handle.list_collection_names():
        handle[collection].drop()
    handle["tea"].create_index("at", expireAfterSeconds=3600)
    handle["tea"].insert_one({"_id": 1, "at": datetime(2100, 1, 1, tzinfo=UTC)})
    target = TestDatabase(places.server, f"{places.source.name}_again")
    left_out = dumps.restore(dumps.read(kept(places)), target)
    assert left_out == ["the expiry of index at_1 of tea: documents are to stay"]
    assert "expireAfterSeconds" not in target.handle["tea"].index_information()["at_1"]
    assert target.handle["tea"].count_documents({}) == 1


@pytest.fixture
def directory(mongomock_url: str, tmp_path: Path) -> Path:
    """A kept database."""
    with TestServer(mongomock_url).lend(new_name("pynenc_test")) as database:
        database.handle["tea"].insert_many([{"_id": number} for number in range(3)])
        dumps.write(database, "kept", tmp_path, "test_tea.py::test_tea", {})
    return tmp_path


def test_the_manifest_says_whose_database_it_is(directory: Path) -> None:
    manifest = dumps.read(directory).manifest
    assert isinstance(manifest, Manifest)
    assert (manifest.test, manifest.database) == ("test_tea.py::test_tea", "kept")
    assert manifest.versions.keys() == {"pytest-pynenc-mongo", "pynenc", "pymongo", "python", "MongoDB"}
    assert manifest.collections == [KeptCollection("tea", "tea.json", 3, {}, [])]


def cut(directory: Path) -> None:
    tea = directory / "tea.json"
    tea.write_text(tea.read_text()[:-10])


def drop_a_line(directory: Path) -> None:
    tea = directory / "tea.json"
    tea.write_text("".join(tea.read_text().splitlines(keepends=True)[:-1]))


def change(**values: Any) -> Callable[[Path], None]:
    def write(directory: Path) -> None:
        manifest = json.loads((directory / FILE).read_text())
        (directory / FILE).write_text(json.dumps(manifest | values))

    return write


OUTSIDE = [{"name": "tea", "file": "../tea.json", "documents": 0, "options": {}, "indexes": []}]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (cut, "line 3 of {}/tea.json is no document (*): copy the directory whole, or keep *"),
        (drop_a_line, "{}/tea.json holds 2 documents of 3: copy the directory whole, or keep *"),
        (lambda path: (path / "tea.json").unlink(), "{}/tea.json cannot be read (*): copy *"),
        (lambda path: (path / "tea.json").write_bytes(b"\xff"), "{}/tea.json cannot be read (*): copy *"),
        (
            change(format=2, versions={"pytest-pynenc-mongo": "9.1"}),
            "{} was written by pytest-pynenc-mongo 9.1 in format 2, and this one reads format 1: pip *",
        ),
        (change(format=None), "{}/manifest.json says no format: keep the database again, or *"),
        (change(collections=[{}]), "{}/manifest.json lacks what it must say (*): keep *"),
        (change(collections=OUTSIDE), "{}/manifest.json lacks *'../tea.json' is no name of a file*"),
        (change(database="a/b"), "{}/manifest.json lacks *MongoDB refuses the database name 'a/b'*"),
        (lambda path: (path / FILE).write_text('{"format"'), "{}/manifest.json cannot be read (*): keep *"),
        (
            lambda path: (path / FILE).unlink(),
            "{} holds no kept database, or not the whole of it: it has no manifest.json; name a *",
        ),
    ],
)
def test_what_cannot_be_opened_is_named_with_the_remedy(
    directory: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(directory)
    with pytest.raises(KeptError) as refused:
        dumps.read(directory)
    pytest.LineMatcher([str(refused.value)]).fnmatch_lines([complaint.format(directory)])


def test_what_is_no_directory_is_named(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(KeptError, match=f"{nowhere} is no directory: name one that the end of a run"):
        dumps.read(nowhere)
    nowhere.touch()
    with pytest.raises(KeptError, match=f"{nowhere} is no directory: name one that the end of a run"):
        dumps.read(nowhere)
