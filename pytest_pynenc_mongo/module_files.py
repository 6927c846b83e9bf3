"""Where this process has its modules from: told to another one, found again there, looked at for changes."""

import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, all_suffixes
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, override

_OUR_PACKAGES = ("pynenc_mongo", "pytest_pynenc_mongo")


class ModuleFile(NamedTuple):
    """Where a module is from: its file, and the folders of a package's modules."""

    file: str | None  # None for a package without a file
    locations: tuple[str, ...] | None  # None for a module that is no package


# a process has hundreds of them, and is asked for the others time and again
_of_libraries: dict[str, ModuleType] = {}

type ModuleFiles = Mapping[str, ModuleFile]


def known() -> dict[str, ModuleFile]:
    """Return where this process has the user's modules from: those that are no installed library's."""
    found = {
        name: _origin(name, module)
        for name, module in list(sys.modules.items())
        if _of_libraries.get(name) is not module
    }
    files = {name: origin for name, origin in found.items() if origin is not None}
    for name in list(files):
        # a package that pytest makes up has neither a file nor a folder
        while name := name.rpartition(".")[0]:
            files.setdefault(name, found.get(name) or ModuleFile(None, ()))
    return files


def search_path() -> list[str]:
    """Return `sys.path` as it is obeyed here: a relative entry means the folder that it meant at first."""
    return [getattr(sys.path_importer_cache.get(entry), "path", None) or entry for entry in sys.path]


def described(home: Path) -> dict[str, Any]:
    """Return what `find_as_described` needs in another process, later, and maybe on another machine.

    :param home: the folder of the user's code: what is in it is described as a part of it
    """
    entries = dict.fromkeys(map(os.path.abspath, search_path()))
    folders = [entry for entry in entries if Path(entry).is_dir() and not _is_library(entry)]
    modules = [
        [name, file and _within(home, file), locations and [_within(home, each) for each in locations]]
        for name, (file, locations) in sorted(known().items())
        if name.partition(".")[0] not in _OUR_PACKAGES
    ]
    return {"home": str(home), "search_path": [_within(home, each) for each in folders], "modules": modules}


def find_as_described(description: Mapping[str, Any]) -> None:
    """Have this process find the modules that the described one had, as far as they are there.

    Where there is no such home here, the working directory is it.
    """
    home = Path(description["home"])
    home = home if home.is_dir() else Path.cwd()
    # after what leads to libraries
    sys.path += [str(home / each) for each in description["search_path"]]
    find_by(
        {
            name: ModuleFile(
                file and str(home / file),
                None if locations is None else tuple(str(home / each) for each in locations),
            )
            for name, file, locations in description["modules"]
        }
    )


def _within(home: Path, place: str) -> str:
    path = Path(place).absolute()
    return str(path.relative_to(home) if path.is_relative_to(home) else path)


class _Finder(MetaPathFinder):
    """Finds modules by the files that another process has them from, whatever leads to them there."""

    def __init__(self) -> None:
        self.files: ModuleFiles = {}

    @override
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        origin = self.files.get(fullname)
        if origin is None:
            return None
        if origin.file is None:
            package = ModuleSpec(fullname, None, is_package=True)
            package.submodule_search_locations = list(origin.locations or path or ())
            return package
        if not Path(origin.file).exists():
            return None
        locations = None if origin.locations is None else list(origin.locations)
        return spec_from_file_location(fullname, origin.file, submodule_search_locations=locations)


_finder = _Finder()


def find_by(files: ModuleFiles) -> None:
    """Have every import of a module in `files` end at that file, and no older answer be remembered."""
    _finder.files = files
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    for finder in sys.meta_path:
        if hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()


class Footprint(NamedTuple):
    """What tells whether an import would do today what it did."""

    files: Mapping[str, tuple[int, int]]  # when changed, and how long
    folders: Mapping[str, frozenset[str]]  # which modules each holds


def footprint() -> Footprint:
    """Return that of the user's modules which this process has imported, and of where it looks for more."""
    origins = known().values()
    folders = {folder for origin in origins for folder in origin.locations or ()}
    folders.update(entry for entry in map(os.path.abspath, sys.path) if not _is_library(entry))
    files = {origin.file for origin in origins if origin.file}
    return Footprint(
        {file: _state(file) for file in files},
        {folder: frozenset(_modules_in(folder)) for folder in folders},
    )


def have_changed(before: Footprint, now: Footprint) -> bool:
    """Return whether what an earlier footprint knows is otherwise now; modules may have come since."""
    return any(
        now_known.get(place, state) != state
        for known_before, now_known in zip(before, now, strict=True)
        for place, state in known_before.items()
    )


def differing(files: ModuleFiles) -> str:
    """Return a module that this process has from another file than `files` say, or an empty string."""
    own = known()
    return next((name for name in own.keys() & files.keys() if own[name].file != files[name].file), "")


def _origin(name: str, module: ModuleType) -> ModuleFile | None:
    origin = _users_origin(name, module)
    if origin is None:
        _of_libraries[name] = module
    return origin


def _users_origin(name: str, module: ModuleType) -> ModuleFile | None:
    spec = getattr(module, "__spec__", None)
    if spec is None or spec.name != name:  # another name for a module
        return None
    file = getattr(module, "__file__", None)
    try:
        locations = tuple(getattr(module, "__path__", None) or ()) if hasattr(module, "__path__") else None
    except Exception:  # a module may compute what it is asked for, in any way
        return None
    place = file or next(iter(locations or ()), None)
    if not isinstance(place, str) or _is_library(place):
        return None
    return ModuleFile(str(Path(file).absolute()) if file else None, locations)


@cache
def _libraries() -> tuple[str, ...]:
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders.update(site.getsitepackages())
    folders.add(site.getusersitepackages())
    return tuple(f"{folder}{os.sep}" for folder in folders | set(map(os.path.realpath, folders)))


@cache
def _is_library(place: str) -> bool:
    return f"{place}{os.sep}".startswith(_libraries())


def _state(file: str) -> tuple[int, int]:
    try:
        found = Path(file).stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _modules_in(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    suffixes = tuple(all_suffixes())
    for entry in entries:
        if entry.name.endswith(suffixes) or (entry.name.isidentifier() and entry.is_dir()):
            yield entry.name
