"""What the tests of waits have in common: a shop whose tasks end badly, and a watch on how a wait ends."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import make_shop

SHOP = """
    import os
    import signal
    import sys
    import threading
    import time
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def brew() -> str:
        return "tea"

    @app.task
    def die(how: str, note: str = "died") -> None:
        with open(note, "w") as file:
            file.write(str(time.monotonic()))
        if how == "exit":
            os._exit(3)
        elif how == "SystemExit":
            sys.exit(0)
        os.kill(os.getpid(), getattr(signal, how))
        # another thread may be the one that gets it, a moment later
        threading.Event().wait(10)

    @app.task
    def wait_for_one_who_dies() -> None:
        die("SIGKILL").result

    @app.task(queue="slow")
    def steep() -> str:
        return "strong"

    @app.task
    def hang(started: str) -> None:
        open(started, "x").close()
        while not os.path.exists("end"):
            threading.Event().wait(0.01)

    @app.task
    def nest(depth: int) -> int:
        if not depth:
            return 0
        inner = nest(depth - 1)
        with open("nested", "w") as file:
            file.write(str(time.monotonic()))
        return inner.result + 1

    @app.task
    def boil(key: str) -> None:
        app.state_backend.get_invocation(key).result

    @app.task
    def pour() -> None:
        boil(pour.invocation.invocation_id).result
"""

# what every test module below begins with
HELP = """
    import asyncio
    import multiprocessing
    import os
    import re
    import subprocess
    import sys
    import threading
    from contextlib import contextmanager
    from pathlib import Path
    from time import monotonic
    from types import SimpleNamespace
    import pytest
    from pytest_pynenc_mongo import RunnerError

    @contextmanager
    def refused(sentence, since="died"):
        begin = monotonic()
        with pytest.raises(RunnerError) as caught:
            yield
        end, said = monotonic(), str(caught.value).partition("\\n")[0]
        if os.path.exists(since):
            begin = max(begin, float(Path(since).read_text()))
        took = end - begin
        assert re.fullmatch(sentence, said), said
        assert took < 2.0, took
"""


def make(pytester: pytest.Pytester, *ini_lines: str, **modules: str) -> None:
    """Write the shop, and test modules that begin with the help above."""
    make_shop(pytester, *ini_lines, source=SHOP)
    pytester.makepyfile(**{name: dedent(HELP) + dedent(source) for name, source in modules.items()})
