"""What pynenc finds out anew for each app, found out once: tests make some thousand apps in a process.

A third of the time of the stores' tests went into that: 16 ms for the plugins among all that is installed,
13 ms for the module that has the app as a variable, and 1 ms for pyproject.toml, eight times.
"""

import functools
import importlib
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.plugin_loader import load_all_plugins
from pynenc.util import import_app

_INSTALLED = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


@contextmanager
def found_once() -> Iterator[None]:
    """Have pynenc look once for plugins and into a file, and for apps in no module that is installed."""
    base = importlib.import_module("cistell.base")
    read = base.load_config_file
    loaded = functools.cache(lambda path, section, _changed: read(path, section))

    def load(path: str, section: str) -> Any:
        now = Path(path).stat()
        return loaded(str(Path(path).absolute()), section, (now.st_mtime_ns, now.st_size))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "load_config_file", load)
        patch.setattr("pynenc.app.load_all_plugins", functools.cache(load_all_plugins))
        patch.setattr(import_app, "_find_app_in_user_modules", _find_app)
        yield


def _find_app(app: Pynenc) -> tuple[str, str, str] | None:
    for name, module in list(sys.modules.items()):
        if _may_have_apps(name, module) and (
            variable := import_app._find_app_variable_in_module(module, app)
        ):
            return name, str(module.__file__), variable
    return None


def _may_have_apps(name: str, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and not name.startswith("_") and not str(file).startswith(_INSTALLED)
