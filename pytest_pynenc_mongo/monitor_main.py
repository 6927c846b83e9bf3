"""pynmon's process beside a test: `python -m pytest_pynenc_mongo.monitor_main SPECIFICATION PARENT_PID`.

Has the app of the test as a worker has it, and runs no task of it. Prints one line, its URL.
"""

import os
import sys
from pathlib import Path

from pynenc_mongo.mongomock_server.process import end_with_parent
from pytest_pynenc_mongo import (
    loggers,
    processes,
    pynmon,
    registrations,
    specifications,
    wiring,
    worker_main,
)
from pytest_pynenc_mongo.errors import RunnerError


def main(path: str, parent_pid: int) -> None:
    from pynenc import Pynenc

    lease, answers = processes.take_pipes()
    end_with_parent(parent_pid, lambda: os._exit(0), lease)
    specification = specifications.read(Path(path))
    life = specifications.life_in(specification)
    app = worker_main.import_app(specification)
    worker_main.be_where(life, specification)
    wiring.pin(life.config_values)
    app = app or Pynenc(config_values={**life.config_values, "app_id": life.app_id})
    try:
        registrations.complete(app, life.tasks)
    except RunnerError as error:
        processes.say(answers, str(error))
        return
    wiring.apply(app, life.config_values, runner_cls=life.runner_cls, **loggers.settings_of_worker())
    pynmon.serve({app.app_id: app}, lambda url: processes.say(answers, url))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
