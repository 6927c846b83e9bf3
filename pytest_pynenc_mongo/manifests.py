"""What a directory with a kept database says of itself: a manifest, checked when it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from pytest_pynenc_mongo.errors import KeptError

FORMAT: Final = 1  # of what this version writes; it reads no other one
FILE: Final = "manifest.json"


@dataclass(frozen=True)
class KeptCollection:
    """One collection of a kept database; `options` and `indexes` as MongoDB lists them."""

    name: str
    file: str
    documents: int  # how many
    options: Mapping[str, Any]
    indexes: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Manifest:
    """What is known of a kept database: which test left it, when, its apps, who wrote it, its collections.

    `kept_at` is an instant of ISO 8601 in UTC; `versions` are those of what wrote it; `owner` is the record
    of the process of the test, `code` where that had its modules from.
    """

    test: str
    database: str
    kept_at: str
    apps: Sequence[str]
    versions: Mapping[str, str]
    owner: Mapping[str, Any] = field(repr=False)
    collections: Sequence[KeptCollection] = field(repr=False)
    code: Mapping[str, Any] = field(repr=False)


def write(manifest: Manifest, directory: Path) -> None:
    """Write it into a directory: what has one is whole.

    :raises OSError: if it cannot be written
    """
    from bson.json_util import RELAXED_JSON_OPTIONS, dumps

    text = dumps({"format": FORMAT, **asdict(manifest)}, json_options=RELAXED_JSON_OPTIONS, indent=2)
    (directory / FILE).write_text(f"{text}\n", encoding="utf-8")


def read(directory: Path) -> Manifest:
    """Read and check the manifest of a directory.

    :raises KeptError: naming the directory, what is wrong with it and the remedy
    """
    from bson.json_util import RELAXED_JSON_OPTIONS, loads

    path = directory / FILE
    try:
        said = loads(path.read_text(encoding="utf-8"), json_options=RELAXED_JSON_OPTIONS)
    except (FileNotFoundError, NotADirectoryError):
        _refuse_what_is_none(directory)
    except (OSError, TypeError, ValueError) as error:
        raise KeptError(f"{path} cannot be read ({error}): {_AGAIN}") from None
    if not isinstance(said, dict) or not isinstance(said.get("format"), int):
        raise KeptError(f"{path} says no format: {_AGAIN}")
    if said["format"] != FORMAT:
        _refuse_format(directory, said)
    try:
        return _manifest_in(said)
    except (KeyError, TypeError, ValueError) as error:
        raise KeptError(f"{path} lacks what it must say ({error!r}): {_AGAIN}") from None


_AGAIN = "keep the database again, or copy its directory whole"


def _manifest_in(said: Mapping[str, Any]) -> Manifest:
    """Return the manifest that a document holds.

    :raises KeyError, TypeError, ValueError: if it holds none
    """
    from pynenc_mongo.conf.address import check_database_name

    fields = {name: said[name] for name in Manifest.__dataclass_fields__}
    collections = [KeptCollection(**each) for each in fields["collections"]]
    for each in collections:
        # written by anybody, perhaps: nothing outside of the directory is read
        if Path(each.file).name != each.file:
            raise ValueError(f"{each.file!r} is no name of a file")
    check_database_name(fields["database"])
    return Manifest(**{**fields, "collections": collections})


def _refuse_what_is_none(directory: Path) -> NoReturn:
    if not directory.is_dir():
        raise KeptError(f"{directory} is no directory: name one that the end of a run has printed")
    raise KeptError(
        f"{directory} holds no kept database, or not the whole of it: it has no {FILE}; name a directory "
        "that the end of a run has printed"
    )


def _refuse_format(directory: Path, said: Mapping[str, Any]) -> NoReturn:
    versions = said.get("versions")
    version = versions.get("pytest-pynenc-mongo") if isinstance(versions, dict) else None
    raise KeptError(
        f"{directory} was written by pytest-pynenc-mongo {version or '(unknown)'} in format "
        f"{said['format']}, and this one reads format {FORMAT}: pip install --upgrade pytest-pynenc-mongo"
    )
