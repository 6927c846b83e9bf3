"""A worker process: `python -m pytest_pynenc_mongo.worker SPECIFICATION PARENT_PID`.

Imports the app under test, puts it on the test database and runs its runner, as `pynenc runner start`
would. Prints one line once the runner runs.
"""

import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import apps, wiring
from pytest_pynenc_mongo.lease import end_with_parent

if TYPE_CHECKING:
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

_LOOK_EVERY_SECONDS = 0.005


def main(specification_path: str, parent_pid: int) -> None:
    end_with_parent(parent_pid, _end_group)
    # what tasks print belongs to the log; standard output is for the parent
    parent = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    specification = pickle.loads(Path(specification_path).read_bytes())
    sys.path[:] = specification["sys_path"]
    app = _find_app(specification)
    wiring.apply(app, {**specification["config_values"], "runner_cls": specification["runner_cls"]})
    runner = app.runner
    threading.Thread(target=_report_ready, args=(runner, parent), daemon=True).start()
    runner.run()


def _find_app(specification: dict[str, Any]) -> "Pynenc":
    from pynenc import Pynenc

    info = specification["app_info"]
    if info.app_variable:
        app = getattr(apps.load_module(info.module, info.module_filepath), info.app_variable, None)
        if isinstance(app, Pynenc):
            return app
    return Pynenc(config_values={**specification["config_values"], "app_id": info.app_id})


def _report_ready(runner: "BaseRunner", parent: Any) -> None:
    looking = threading.Event()
    while not runner.running:
        looking.wait(_LOOK_EVERY_SECONDS)
    print("ready", file=parent, flush=True)


def _end_group() -> None:
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
