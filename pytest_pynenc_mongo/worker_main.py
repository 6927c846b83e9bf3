"""A worker process: `python -m pytest_pynenc_mongo.worker_main SPECIFICATION PARENT_PID`.

Imports the app under test, puts it on the test database and runs its runner, as `pynenc runner start`
would. Prints one line once the runner runs.
"""

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pynenc_mongo.mongomock_server.process import end_with_parent
from pytest_pynenc_mongo import apps, children, wiring
from pytest_pynenc_mongo.runners import announce_start

if TYPE_CHECKING:
    from pynenc import Pynenc


def main(specification_path: str, parent_pid: int) -> None:
    end_with_parent(parent_pid, _end_group)
    # what tasks print belongs to the log; standard output is for the parent
    parent = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    specification = pickle.loads(Path(specification_path).read_bytes())
    sys.path[:] = specification["sys_path"]
    app = _find_app(specification)
    for name, file in specification["modules"].items():
        apps.load_module(name, file)
    wiring.apply(app, {**specification["config_values"], "runner_cls": specification["runner_cls"]})
    os.register_at_fork(after_in_child=_default_signals)
    children.Children(app.runner, children.write_to(specification["notes"]))
    announce_start(app.runner, lambda: print("ready", file=parent, flush=True))
    app.runner.run()


def _find_app(specification: dict[str, Any]) -> "Pynenc":
    from pynenc import Pynenc

    info = specification["app_info"]
    if info.app_variable:
        app = getattr(apps.load_module(info.module, info.module_filepath), info.app_variable, None)
        if isinstance(app, Pynenc):
            return app
    return Pynenc(config_values={**specification["config_values"], "app_id": info.app_id})


def _default_signals() -> None:
    """A process that a runner forks must end on SIGTERM, not run the handler that stops its parent's loop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _end_group() -> None:
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
