"""Put whatever app a suite builds, in whatever way, on the backend under test.

Settings in the environment win over what `PynencBuilder().memory()`, `.sqlite()` and `Pynenc(config_values)`
say, and child processes inherit them. Only the apps that a module made when it was imported have read theirs
before: those are given the component classes by assignment, which keeps what else the module has set on
`app.conf`.
"""

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType

import pytest
from pynenc import Pynenc, Task

from tests.conformance.backends import COMPONENTS, Backend, settings_of

_PREFIX = "PYNENC__"


@contextmanager
def redirected(module: ModuleType, backend: Backend) -> Generator[None]:
    """Run a test module on `backend`: its own apps, and those that its tests build."""
    with environment(settings_of(backend)), ExitStack() as undo:
        for app in apps_in(module):
            undo.enter_context(_rewired(app, backend))
        yield


@contextmanager
def environment(settings: Mapping[str, str]) -> Generator[None]:
    """Set exactly these of pynenc's settings in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_PREFIX)]:
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(f"{_PREFIX}{name.upper()}", value)
        yield


def apps_in(module: ModuleType) -> Iterable[Pynenc]:
    """Return the real apps that a module names, or whose tasks it names; each once."""
    named = vars(module).values()
    found = [value for value in named if isinstance(value, Pynenc)]
    found += [value.app for value in named if isinstance(value, Task)]
    # a MockPynenc has mocks for components, and no settings decide about them
    return {id(app): app for app in found if type(app) is Pynenc}.values()


@contextmanager
def _rewired(app: Pynenc, backend: Backend) -> Generator[None]:
    kept = dict(vars(app))
    classes = {f"{name}_cls": cls.__name__ for name, cls in backend.classes.items()}
    before = {setting: getattr(app.conf, setting) for setting in classes}
    _assign(app, classes)
    for name in COMPONENTS:
        setattr(app, f"_{name}", None)
    app._runner_instance = None
    try:
        yield
    finally:
        vars(app).clear()
        vars(app).update(kept)
        _assign(app, before)


def _assign(app: Pynenc, settings: Mapping[str, str]) -> None:
    for setting, value in settings.items():
        setattr(app.conf, setting, value)
