"""A headless Chromium, driven over two pipes by its DevTools protocol: no port, no driver, no package.

https://chromedevtools.github.io/devtools-protocol/ ; `--remote-debugging-pipe` reads from descriptor 3 and
writes to 4, each message a JSON text that ends with a zero byte. When the pipes are closed, Chromium ends.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Literal

ANSWER_SECONDS = 30.0
_ENDS_WITHIN_SECONDS = 5.0
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # root has none
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)
_FIRST_FREE = 10  # descriptors that are not those which Chromium reads and writes

type Scheme = Literal["dark", "light"]


def program() -> str | None:
    """Return the path of a Chromium, if one is installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


class Chromium:
    """One browser with one tab."""

    def __init__(self, to_browser: FileIO, from_browser: FileIO) -> None:
        self._to_browser, self._from_browser = to_browser, from_browser
        self._unread = b""
        self._calls = 0
        self._session = ""
        self._events: list[dict[str, Any]] = []

    def open_tab(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def show(
        self, page: Path | str, *, width: int = 1400, height: int = 900, scheme: Scheme = "light"
    ) -> None:
        """Load a page, in a window of so many pixels; `complaints` and `requests` are this page's alone."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.resize(width, height)
        self._events.clear()
        self.call("Page.navigate", url=page.as_uri() if isinstance(page, Path) else page)
        self._wait_for("Page.loadEventFired")

    def resize(self, width: int, height: int) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def evaluate(self, expression: str) -> Any:
        """Return what JavaScript in the page makes of an expression, as JSON has it."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click on the first element that a selector finds, and wait where that loads a page."""
        here = self.evaluate("location.href.split('#')[0]")
        goal = self.evaluate(f"document.querySelector({json.dumps(selector)}).href")
        self._events.clear()
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        if goal.split("#")[0] != here:
            self._wait_for("Page.loadEventFired")

    def picture(self, file: Path) -> None:
        """Write the whole page as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))

    @property
    def complaints(self) -> list[str]:
        """What the page had the console say, errors of its scripts and of its policies among it."""
        self.evaluate("0")  # what was said before it is read with its answer
        names = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self._events if event["method"] in names]

    @property
    def requests(self) -> list[str]:
        """The addresses that the page asked for, its own first."""
        self.evaluate("0")
        sent = (each for each in self._events if each["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to a command of the protocol; what else was told meanwhile is remembered."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        if self._session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        self._to_browser.write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == self._calls:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def _wait_for(self, event: str) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not any(each["method"] == event for each in self._events):
            self._events.append(self._next(deadline, event))

    def _next(self, deadline: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._unread:
            seconds = deadline - time.monotonic()
            ready, _, _ = select.select([self._from_browser], [], [], max(seconds, 0))
            assert ready, f"Chromium did not answer {what} within {ANSWER_SECONDS:g} s"
            more = self._from_browser.read(1 << 20)
            assert more, f"Chromium ended before it answered {what}"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        told: dict[str, Any] = json.loads(message)
        return told


@contextmanager
def running(directory: Path) -> Generator[Chromium]:
    """Start a Chromium whose profile is in `directory`; it ends with the block."""
    executable = program()
    assert executable is not None
    with ExitStack() as open_ends:
        its_input, to_browser = _pipe(open_ends)
        from_browser, its_output = _pipe(open_ends)
        pid = os.posix_spawn(
            executable,
            [executable, *_FLAGS, f"--user-data-dir={directory}", "about:blank"],
            {**os.environ, "HOME": str(directory)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, its_input.fileno(), 3),
                (os.POSIX_SPAWN_DUP2, its_output.fileno(), 4),
                (os.POSIX_SPAWN_OPEN, 2, str(directory / "chromium.log"), os.O_CREAT | os.O_WRONLY, 0o600),
            ],
        )
        open_ends.callback(_end, pid)
        its_input.close()
        its_output.close()
        browser = Chromium(to_browser, from_browser)
        browser.open_tab()
        yield browser
        browser.call("Browser.close")


def _pipe(open_ends: ExitStack) -> tuple[FileIO, FileIO]:
    """Return both ends of a pipe, out of the way of the descriptors that Chromium uses."""
    given = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in given]
    for end in given:
        os.close(end)
    reads, writes = (FileIO(end, mode) for end, mode in zip(ends, ("rb", "wb"), strict=True))
    return open_ends.enter_context(reads), open_ends.enter_context(writes)


def _end(pid: int) -> None:
    deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        select.select([], [], [], 0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
