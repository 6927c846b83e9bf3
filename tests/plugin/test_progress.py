"""A wait of more than two seconds shows how it goes, where somebody sits before a terminal."""

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from pytest_pynenc_mongo import progress
from tests.plugin.helpers import ARGUMENTS, RUN_SECONDS, WAITING_SHOP, make_shop
from tests.reproducible import in_thorough_runs

TESTS = """
    from pathlib import Path
    import pytest
    from shop.app import app, double, when

    pytestmark = pytest.mark.pynenc_mongo(
        runner="ThreadRunner", config={"min_parallel_slots": 1, "min_threads": 1, "max_threads": 1}
    )

    def test_several(pynenc_wait, pynenc_runner):
        group = [double(1), when("first"), when("second")]
        assert pynenc_wait(group) == [2, "first", "second"]

    def test_idle(pynenc_wait, pynenc_runner):
        when("third")
        pynenc_wait.idle()

    def test_a_condition(pynenc_wait, pynenc_runner):
        pynenc_wait.until(Path("fourth").exists)
"""
DOWN, SAVED, BACK = "\x1bD\x1b7", "\r\x1b[2K", "\x1b8\x1b[A"
SHOWN = re.compile(f"{re.escape(DOWN + SAVED)}([^\x1b]*){re.escape(BACK)}")


class Screen:
    """What a run writes to a terminal of its own."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        self.text = ""
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *ARGUMENTS, *arguments],
            cwd=directory,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80"} | environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._deadline = time.monotonic() + RUN_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    def wait_for(self, text: str) -> None:
        while text not in self.text:
            assert self._read(), f"{text!r} is not in {self.text!r}"

    def read_to_its_end(self) -> int:
        while self._read():
            pass
        return self._process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], self._deadline - time.monotonic())
        assert ready, f"not within {RUN_SECONDS:g} s: {self.text!r}"
        try:
            read = os.read(self._master, 65536)
        except OSError:  # Linux says so where nobody has the other end any more
            return False
        self.text += read.decode()
        return bool(read)


def lines_shown(text: str) -> list[str]:
    """Return what was shown, line by line, and an empty one where it was cleared."""
    return [re.sub(r"\d+ s", "N s", line) for line in SHOWN.findall(text)]


def test_a_terminal_shows_how_it_goes_and_is_then_as_before(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=WAITING_SHOP)
    pytester.makepyfile(TESTS)
    with Screen(pytester.path) as screen:
        for shown, sign in (
            ("1 done, 1 running, 1 waiting: double, when", "first"),
            ("2 done, 1 running, 0 waiting: double, when", "second"),
            ("1 messages and invocations are unfinished", "third"),
        ):
            screen.wait_for(f" s, {shown}")
            (pytester.path / sign).touch()
        screen.wait_for(f" s{BACK}")
        (pytester.path / "fourth").touch()
        assert screen.read_to_its_end() == pytest.ExitCode.OK
    lines = lines_shown(screen.text)
    assert list(dict.fromkeys(lines)) == [
        "pynenc_wait: N s, 1 done, 1 running, 1 waiting: double, when",
        "pynenc_wait: N s, 2 done, 1 running, 0 waiting: double, when",
        "",
        "pynenc_wait: N s, 1 messages and invocations are unfinished",
        "pynenc_wait: N s",
    ]
    assert (lines.count(""), lines[-1]) == (3, "")
    # all else is what pytest writes
    rest = SHOWN.sub("", screen.text)
    assert "pynenc_wait" not in rest
    assert re.search(r"\.py \.\.\. +\[100%\]", rest)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        pytest.param((), {"CI": "true"}, id="CI"),
        in_thorough_runs([("-n", "1"), {}], "xdist"),
    ],
)
def test_nothing_is_shown_where_nobody_looks(
    pytester: pytest.Pytester, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    pytester.makepyfile(
        """
        import pytest
        from pytest_pynenc_mongo import RunnerError

        def test_a_wait(pynenc_wait, pynenc_runner):
            with pytest.raises(RunnerError, match="after 2.2 s what was waited for"):
                pynenc_wait.until(lambda: False, timeout=2.2)
        """
    )
    with Screen(pytester.path, *arguments, **environment) as screen:
        assert screen.read_to_its_end() == pytest.ExitCode.OK
    assert "1 passed" in screen.text
    assert "pynenc_wait" not in screen.text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def a_config(workerinput: Any = None, **what: Any) -> Any:
    """Return what is asked of pytest's configuration, with default answers."""
    answers: dict[str, Any] = {"capture": "fd", "log_cli": False, "log_cli_level": None} | what
    worker = {} if workerinput is None else {"workerinput": workerinput}
    return SimpleNamespace(
        getini=answers.get, getoption=lambda name, default=None: answers.get(name, default), **worker
    )


@pytest.mark.parametrize(
    ("config", "stream", "environment", "shown"),
    [
        (a_config(), Terminal(), {"TERM": "xterm"}, True),
        (a_config(), io.StringIO(), {"TERM": "xterm"}, False),
        (a_config(), Terminal(), {"TERM": "dumb"}, False),
        (a_config(), Terminal(), {"TERM": "xterm", "BUILD_NUMBER": "7"}, False),
        (a_config(workerinput={}), Terminal(), {"TERM": "xterm"}, False),
        (a_config(capture="no"), Terminal(), {"TERM": "xterm"}, False),
        (a_config(log_cli=True), Terminal(), {"TERM": "xterm"}, False),
        (a_config(log_cli_level="INFO"), Terminal(), {"TERM": "xterm"}, False),
    ],
    ids=["a terminal", "a pipe", "a dumb terminal", "CI", "xdist", "no capture", "log_cli", "log_cli_level"],
)
def test_whether_somebody_sits_there(
    config: Any, stream: Any, environment: dict[str, str], shown: bool
) -> None:
    assert progress.may_be_shown(config, stream, environment) == shown
