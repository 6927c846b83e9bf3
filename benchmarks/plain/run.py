"""`python run.py TASKS`: run as many tasks through the shop's runner, and print the seconds that took.

Run by whichever Python has the distribution that is measured, from any other folder than this project's.
"""

# ruff: noqa: INP001 - no package of ours: the peer's Python runs it

import faulthandler
import logging
import sys
import threading
import time
import warnings

STOP_SECONDS = 60.0
HANGS_AFTER_SECONDS = 400.0


def main(tasks: int) -> None:
    from plain_shop import add, app

    faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS, exit=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    thread = threading.Thread(target=app.runner.run, daemon=True)
    thread.start()
    # the first task waits for processes and connections
    assert add(0, 1).result == 1
    begin = time.perf_counter()
    invocations = [add(number, 1) for number in range(tasks)]
    results = [invocation.result for invocation in invocations]
    taken = time.perf_counter() - begin
    assert results == [number + 1 for number in range(tasks)]
    app.runner.running = False
    thread.join(STOP_SECONDS)
    sys.stdout.write(f"{taken}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
