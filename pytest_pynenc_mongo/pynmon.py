"""pynmon on a MongoDB: `python -m pytest_pynenc_mongo.pynmon URL DATABASE [PREFIX]` serves until Ctrl-C.

It shows the apps that the database knows, of a kept one with the modules of the test that left it.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from pytest_pynenc_mongo import module_files, overrides, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from pytest_pynenc_mongo.errors import MonitorError, PynencMongoTestError
from pytest_pynenc_mongo.owners import OWNER

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.app_info import AppInfo

# what pynenc[monitor] brings
_MODULES = ("fastapi", "jinja2", "python_multipart", "uvicorn")
_FIRST_PYTHON_REFUSED: Final = (3, 13)
_USAGE = "usage: python -m pytest_pynenc_mongo.pynmon URL DATABASE [PREFIX OF COLLECTIONS]"


def refuse_if_missing() -> None:
    """Refuse to start what cannot be started here.

    :raises MonitorError: naming what is missing and the remedy
    """
    if missing := [name for name in _MODULES if find_spec(name) is None]:
        raise MonitorError(
            f"pynmon needs {', '.join(missing)}, not installed here: pip install "
            "'pytest-pynenc-mongo[monitor]'"
        )
    if sys.version_info >= _FIRST_PYTHON_REFUSED:
        version = ".".join(map(str, sys.version_info[:2]))
        raise MonitorError(f"pynmon refuses Python 3.13 and newer, and this is {version}: use Python 3.12")


def serve(apps: Mapping[str, "Pynenc"], announce: Callable[[str], object]) -> None:
    """Serve pynmon for apps, by their ids, the first one shown, at a free port of this machine alone.

    As its `start_monitor` does, which takes a port that is known before.

    :param announce: is told the URL, which answers from then on
    """
    import socket

    import uvicorn
    from pynmon import app as pynmon

    pynmon.all_pynenc_instances = dict(apps)
    pynmon.pynenc_instance = next(iter(apps.values()))
    pynmon.setup_routes()
    config = uvicorn.Config(pynmon.app, log_level="warning")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        announce(f"http://127.0.0.1:{listener.getsockname()[1]}")
        uvicorn.Server(config).run([listener])


def what_is_missing(info: "AppInfo") -> str:
    """Return that the module of an app has not been found by this process, and what to do; else nothing."""
    if info.module in sys.modules or info.module == "__main__":
        return ""
    return (
        f"module {info.module} of app {info.app_id!r} is not found here, and so none of its tasks: "
        "start this at the root of the project"
    )


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3):
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        refuse_if_missing()
        apps = _apps_in(_database(*arguments))
    except PynencMongoTestError as error:
        print(error, file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        serve(apps, lambda url: print(f"pynmon shows {', '.join(apps)} at {url} until Ctrl-C", flush=True))
    return 0


def _database(url: str, name: str, prefix: str = "") -> TestDatabase:
    return TestDatabase(TestServer(url, url_source="URL of this command"), name, prefix)


def _apps_in(database: TestDatabase) -> dict[str, "Pynenc"]:
    """Return the apps that a database knows, on it; this process is there, too, from now on.

    :raises RefusedError: if its server refuses the user
    :raises MonitorError: if it knows none, or cannot be reached
    """
    from pynenc import Pynenc

    from pynenc_mongo import PynencMongoError

    try:
        database.server.ping()
    except PynencMongoError as error:
        raise MonitorError(str(error)) from None
    values = wiring.settings(database).values
    apps = {}
    for app_id, info in _infos_in(database, values).items():
        app = apps[app_id] = Pynenc.from_info(info)
        wiring.apply(app, overrides.over(app.config_values, values))
        if missing := what_is_missing(info):
            print(missing, file=sys.stderr)
    return apps


def _infos_in(database: TestDatabase, values: Mapping[str, Any]) -> dict[str, "AppInfo"]:
    """Return what the apps of a database said of themselves; find their modules as who kept it had them.

    :raises MonitorError: if there are none
    """
    from pynenc_mongo.state_backend import discovery

    wiring.pin(overrides.over({}, values))
    record = database.owner_collection.find_one(OWNER) or {}
    if "code" in record:
        module_files.find_as_described(record["code"])
    if infos := discovery.discover():
        return infos
    raise MonitorError(
        f"no app has used database {database.label} at {database.server.masked_url}: correct the name"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
