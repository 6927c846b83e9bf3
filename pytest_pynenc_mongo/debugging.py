"""`breakpoint()` in a task of a worker, which has no terminal."""

import os
from typing import NoReturn

_VARIABLE = "PYTHONBREAKPOINT"


def answer_breakpoints() -> None:
    """Have `breakpoint()` say what to do, in this process and its children; a choice of the user's counts.

    See https://docs.python.org/3/library/sys.html#sys.breakpointhook
    """
    os.environ.setdefault(_VARIABLE, f"{__name__}.{refuse.__name__}")


def refuse(*_arguments: object, **_options: object) -> NoReturn:
    """Fail the task, in words."""
    raise RuntimeError(
        "breakpoint() in a worker has no terminal: request pynenc_runner instead of pynenc_worker, with "
        '@pytest.mark.pynenc_mongo(runner="ThreadRunner"), and run pytest -s'
    )
