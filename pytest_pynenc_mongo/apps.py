"""The app under test: the test module's own, the one that the ini names, or a new one."""

import importlib
import uuid
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from pytest_pynenc_mongo import other_apps, requesting
from pytest_pynenc_mongo.errors import AppPathError
from pytest_pynenc_mongo.importing import why_failed
from pytest_pynenc_mongo.options import APP_INI, KEY
from pytest_pynenc_mongo.purging import PASSING_APP_ID

if TYPE_CHECKING:
    from pynenc import Pynenc


def check(session: pytest.Session) -> None:
    """Import the app that the ini names, if a test wants it: a wrong name ends the run before it begins.

    Not in an xdist worker, which could only crash; there the fixture says the same.

    :raises pytest.UsageError: naming the path, and why it leads to no app
    """
    app_path = session.config.stash[KEY].app_path
    wanted = any(requesting.wants(item, "pynenc_app") for item in session.items)
    if not (app_path and wanted) or hasattr(session.config, "workerinput"):
        return
    try:
        load(app_path)
    except AppPathError as error:
        raise pytest.UsageError(str(error)) from None


def find(test_module: ModuleType | None, app_path: str, items: Sequence[pytest.Item]) -> "Pynenc":
    """Return the app that a test is for: the nearest one.

    :param items: all tests of the run
    :raises AppPathError: if the module holds several and the ini names none, or the ini's path leads nowhere;
        if it would be a new one, and there are others
    """
    own = _apps_in(test_module) if test_module else {}
    if len(own) == 1:
        return next(iter(own.values()))
    if app_path:
        return load(app_path)
    if test_module and own:
        raise AppPathError(
            f"{test_module.__name__} holds {len(own)} Pynenc apps ({', '.join(own)}): name the one under "
            f"test in the ini {APP_INI}, or for one test by the marker pynenc_mongo(app=...): "
            f"{test_module.__name__}:{next(iter(own))}, for example"
        )
    other_apps.refuse(test_module, (getattr(item, "module", None) for item in items))
    return new()


def load(app_path: str, source: str = f"ini {APP_INI}") -> "Pynenc":
    """Import the app at `package.module:attribute`.

    :raises AppPathError: naming the path, and why it leads to no app
    """
    from pynenc import Pynenc

    name, _, attribute = app_path.partition(":")
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise AppPathError(
            f"{source} = {app_path!r}: importing {name!r} failed with {why_failed(error)}"
        ) from error
    app = getattr(module, attribute, None)
    if isinstance(app, Pynenc):
        return app
    found = f"it is {type(app).__name__}" if hasattr(module, attribute) else "there is no such attribute"
    raise AppPathError(
        f"{source} = {app_path!r}: {attribute!r} in {name!r} is no Pynenc app, {found}; "
        f"apps there: {', '.join(_apps_in(module)) or 'none'}"
    )


def _apps_in(module: ModuleType) -> dict[str, "Pynenc"]:
    from pynenc import Pynenc

    named = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Pynenc) and not other_apps.is_ours(value)
    }
    return {name: app for app, name in {app: name for name, app in named.items()}.items()}


def new(app_id: str | None = None) -> "Pynenc":
    """Make an app; without an id it gets one that nothing else has."""
    from pynenc import Pynenc

    app_id = app_id or PASSING_APP_ID.format(uuid.uuid4().hex[:8])
    return other_apps.remember_ours(Pynenc(config_values={"app_id": app_id}))
