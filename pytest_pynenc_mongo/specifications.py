"""What a worker is told: which code it imports, and how it runs an app."""

import os
import pickle
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_pynenc_mongo import module_files, registrations
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.module_files import ModuleFiles
from pytest_pynenc_mongo.registrations import Registration
from pytest_pynenc_mongo.runners import runner_class

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

# it names the test, which is no reason to import anything again
_OF_NO_ACCOUNT = "PYTEST_CURRENT_TEST"


class Code(NamedTuple):
    """All that decides what importing the app and its tasks does; equal where that is the same."""

    search_path: tuple[str, ...]
    home: str  # where pytest was started, and its modules were imported
    app_module: str
    app_variable: str  # empty for an app that is no module's
    modules: tuple[tuple[str, str | None], ...]  # of its tasks and its runner, each with its file
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Wishes:
    """What one worker has otherwise than its test."""

    environment: Mapping[str, str] = field(default_factory=dict)
    runner: "str | type[BaseRunner]" = ""  # the app's own if empty


@dataclass(frozen=True)
class Life:
    """How one worker runs the app, once its code is imported."""

    app_id: str
    config_values: Mapping[str, Any]
    runner_cls: str
    environment: Mapping[str, str]
    directory: str
    tasks: Sequence[Registration]
    notes: str  # the file where it says how its own children ended


@dataclass(frozen=True)
class Specification:
    code: Code
    module_files: ModuleFiles
    life: bytes  # pickled: what it holds may need modules that the code's search path leads to
    orders: str = ""  # the pipe by which it is told to run again for other tests

    def write(self, path: Path) -> None:
        # its user's alone, from the first byte: the URL in it may hold a password
        with open(path, "wb", opener=_for_its_user) as file:
            file.write(pickle.dumps(self))


def of(app: "Pynenc", home: Path, notes: Path, wishes: Wishes | None = None) -> Specification:
    """Return what a worker for `app` is told, started now; pytest was started in `home`.

    :raises ConfigError: if there is no such runner
    :raises RunnerError: if no other process finds the runner
    """
    from pynenc.app_info import AppInfo

    wishes = wishes or Wishes()
    info, runner = AppInfo.from_app(app), runner_class(app, wishes.runner)
    environment = {**os.environ, **wishes.environment}
    modules = {*_modules_of(runner), *(task_id.module for task_id in app.tasks)}
    code = Code(
        search_path=tuple(module_files.search_path()),
        home=str(home),
        app_module=info.module,
        app_variable=info.app_variable or "",
        # the worker knows the tasks that are known here, and so registers their triggers
        modules=tuple((name, _file_of(name)) for name in sorted(modules)),
        environment=tuple(sorted((k, v) for k, v in environment.items() if k != _OF_NO_ACCOUNT)),
    )
    life = Life(
        app_id=app.app_id,
        config_values=app.config_values or {},
        runner_cls=runner.__name__,
        environment=environment,
        directory=str(Path.cwd()),
        tasks=registrations.of(app),
        notes=str(notes),
    )
    return Specification(code, module_files.known(), pickle.dumps(life))


def read(path: Path) -> Specification:
    specification: Specification = pickle.loads(path.read_bytes())
    return specification


def log_beside(specification: Path) -> Path:
    """Return where a worker logs whose specification is there."""
    return specification.with_name("worker.log")


def life_in(specification: Specification) -> Life:
    life: Life = pickle.loads(specification.life)
    return life


def _modules_of(runner: "type[BaseRunner]") -> list[str]:
    """Return the module of a runner that is not pynenc's, whose modules a worker imports anyway."""
    name = runner.__module__
    if name.startswith("pynenc."):
        return []
    if getattr(sys.modules.get(name), runner.__name__, None) is not runner:
        raise RunnerError(
            f"cannot have runner {runner.__name__}: another process finds no class of that name at the top "
            f"of module {name}; write it there"
        )
    return [name]


def _for_its_user(path: str, flags: int) -> int:
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)


def _file_of(module: str) -> str | None:
    return getattr(sys.modules.get(module), "__file__", None)
