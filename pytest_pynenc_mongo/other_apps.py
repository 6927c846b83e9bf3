"""The apps that a test may mean where it would get a new one: its tasks' own, and those of imported modules.

A task calls its own app, whatever app the fixture is. So a new app beside another one would not be noticed,
but for what happens in the other one's store.
"""

import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from pytest_pynenc_mongo.errors import AppPathError
from pytest_pynenc_mongo.options import APP_INI

if TYPE_CHECKING:
    from pynenc import Pynenc

_UNKNOWN_PATH = "package.module:attribute"
# modules that know apps of others
_NOT_THE_USER_S = ("pynenc", "pynmon")

# what the plugin made, for one test; a module may still hold it
_ours: "WeakSet[Pynenc]" = WeakSet()
# by test module: how many modules there were when no other app was found
_alone: "WeakKeyDictionary[ModuleType, int]" = WeakKeyDictionary()


def remember_ours(app: "Pynenc") -> "Pynenc":
    """Remember that the plugin made `app`, which is nobody's own app; return it."""
    _ours.add(app)
    return app


def is_ours(app: "Pynenc") -> bool:
    return app in _ours


def refuse(test_module: ModuleType | None, test_modules: Iterable[ModuleType | None]) -> None:
    """Refuse a new app where there is another one, which the tasks of the test belong to, or may belong to.

    Apps of other test modules are for their tests.

    :param test_modules: those of the whole run
    :raises AppPathError: naming the app, the task that belongs to it if that is known, and the remedy
    """
    if test_module and _alone.get(test_module) == len(sys.modules):
        return
    for task, app in _tasks_in(test_module) if test_module else ():
        raise AppPathError(_refusal(f"{task} belongs to app {app.app_id!r}", path_of(app) or _UNKNOWN_PATH))
    names = {module.__name__ for module in test_modules if module}
    for path, app in _apps_beside(names):
        raise AppPathError(_refusal(f"there is app {app.app_id!r} at {path}", path))
    if test_module:
        _alone[test_module] = len(sys.modules)


def _refusal(why: str, path: str) -> str:
    return (
        f"this test would get a new app, but {why}: name the one under test in the ini, "
        f'{APP_INI} = {path}, or in the marker, @pytest.mark.pynenc_mongo(app="{path}"); '
        "pynenc_app_factory makes new ones"
    )


def _tasks_in(module: ModuleType) -> Iterator[tuple[str, "Pynenc"]]:
    """Yield the tasks that a module holds, by their name there, with their apps; direct tasks, too."""
    from pynenc.task import Task

    for name, value in list(vars(module).items()):
        held = [value, *vars(value).values()] if type(value) is FunctionType else [value]
        for task in held:
            # not isinstance(), which asks a proxy what it stands for
            if issubclass(type(task), Task) and task.app not in _ours:
                yield name, task.app


def _apps_beside(test_modules: set[str]) -> Iterator[tuple[str, "Pynenc"]]:
    """Yield the apps that other modules than those of tests hold, with their paths."""
    from pynenc import Pynenc

    for name, module in sorted(sys.modules.items(), key=lambda item: (item[0].count("."), item[0])):
        if name in test_modules or name.partition(".")[0] in _NOT_THE_USER_S:
            continue
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if issubclass(type(value), Pynenc) and value not in _ours:
                yield f"{name}:{attribute}", value


def path_of(app: "Pynenc") -> str:
    """Return where an app is, `package.module:attribute`; empty where no module holds it."""
    of_tasks = {task_id.module for task_id in app.tasks}
    paths = [path for path, found in _apps_beside(set()) if found is app]
    # the module that imports it holds it, too
    return min(paths, key=lambda path: path.partition(":")[0] not in of_tasks, default="")
