"""`configureFailPoint`: make commands fail on purpose, by `failCommand` or for want of time.

See https://github.com/mongodb/mongo/wiki/The-failCommand-Fail-Point, which drivers' own tests rely on.
MongoDB has no way to lose the answer to a command that was carried out; `failCommandAfter` is here for that.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pynenc_mongo.mongomock_server.replies import (
    BAD_VALUE,
    FAILED_TO_PARSE,
    MAX_TIME_EXPIRED,
    CommandError,
    failure,
)

NAME: Final = "failCommand"
# the commands that it names are run, and their connection is closed instead of an answer
AFTER_NAME: Final = "failCommandAfter"
# fails every command that has a limit of time
TIME_OUT_NAME: Final = "maxTimeAlwaysTimeOut"
# what `getParameter` calls the state of one
PARAMETER_PREFIX: Final = "failpoint."
# what switches fail points must not fail by one
_NEVER = ("configureFailPoint", "hello", "isMaster", "ismaster")
# that a command is held for
_LONGEST_SECONDS = 60.0
# as mongod numbers the modes of one
_OFF, _ALWAYS, _TIMES, _SKIP = 0, 1, 3, 4


@dataclass(frozen=True)
class Failure:
    """What happens to one command."""

    block_seconds: float = 0.0
    closes: Literal["before", "after", ""] = ""  # its connection, and whether the command is run
    error: CommandError | None = None
    # joins the reply of a command that was run
    write_concern_error: Mapping[str, Any] | None = None
    labels: tuple[str, ...] = ()


def _fail(fault: Failure, run: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    time.sleep(fault.block_seconds)
    if fault.closes == "before":
        return None
    if fault.error:
        return failure(fault.error)
    reply = run()
    if fault.closes == "after":
        return None
    if fault.write_concern_error:
        reply["writeConcernError"] = fault.write_concern_error
        if fault.labels:
            reply["errorLabels"] = list(fault.labels)
    return reply


@dataclass
class _Armed:
    data: Mapping[str, Any]
    skip: int = 0
    times: int | None = None  # None: always

    @property
    def mode(self) -> int:
        if self.times is not None:
            return _TIMES if self.times else _OFF
        return _SKIP if self.skip else _ALWAYS

    def strikes(self, command: Mapping[str, Any], app_name: str) -> bool:
        """Whether this command is one of those that fail; counts it if so."""
        return self._is_meant(command, app_name) and self.strikes_next()

    def strikes_next(self) -> bool:
        """Whether it is the turn of what is meant to fail; counts it."""
        if self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _is_meant(self, command: Mapping[str, Any], app_name: str) -> bool:
        name = next(iter(command))
        namespace = f"{command.get('$db')}.{command[name]}"
        return (
            name in self.data.get("failCommands", ())
            and self.data.get("appName", app_name) == app_name
            and self.data.get("namespace", namespace) == namespace
        )


@dataclass
class _FailPoint:
    armed: _Armed | None = None
    entered: int = 0  # how often it struck, ever

    def strikes(self, command: Mapping[str, Any], app_name: str) -> bool:
        return self._counted(self.armed is not None and self.armed.strikes(command, app_name))

    def strikes_next(self) -> bool:
        return self._counted(self.armed is not None and self.armed.strikes_next())

    def _counted(self, strikes: bool) -> bool:
        self.entered += strikes
        return strikes


@dataclass
class FailPoints:
    """The fail points of a server."""

    _points: dict[str, _FailPoint] = field(
        default_factory=lambda: {name: _FailPoint() for name in (NAME, AFTER_NAME, TIME_OUT_NAME)}
    )
    are_on: bool = False  # any of them
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _failing: int = 0  # commands that a fail point has struck and that are not over

    def configure(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Switch a fail point; return how often it struck so far.

        :raises CommandError: naming what is wrong with the command
        """
        name = command["configureFailPoint"]
        if name not in self._points:
            known = ", ".join(map(repr, self._points))
            raise CommandError(BAD_VALUE, f"fail point {name!r} is not known here, these are: {known}")
        armed = _parse(command.get("mode"), command.get("data", {}))
        with self._lock:
            self._points[name].armed = armed
            self.are_on = any(each.armed for each in self._points.values())
            return {"count": self._points[name].entered, "ok": 1.0}

    def parameters(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Return the state of those that a `getParameter` asks for by `failpoint.<name>`, as mongod does."""
        with self._lock:
            asked = {name: each for name, each in self._points.items() if PARAMETER_PREFIX + name in command}
            return {
                PARAMETER_PREFIX + name: {
                    "mode": each.armed.mode if each.armed else _OFF,
                    "data": dict(each.armed.data) if each.armed else {},
                    "timesEntered": each.entered,
                }
                for name, each in asked.items()
            }

    def failure_of(self, command: Mapping[str, Any], app_name: str) -> Failure | None:
        """Return what shall happen to a command, to be given to `fail`; None for what usually does."""
        if not self.are_on or next(iter(command)) in _NEVER:
            return None
        with self._lock:
            fault = self._strike(command, app_name)
            self._failing += fault is not None
            return fault

    def _strike(self, command: Mapping[str, Any], app_name: str) -> Failure | None:
        if "maxTimeMS" in command and self._points[TIME_OUT_NAME].strikes_next():
            return Failure(error=_time_out())
        for name in (NAME, AFTER_NAME):
            point = self._points[name]
            if point.armed and point.strikes(command, app_name):
                return _failure(name, point.armed.data)
        return None

    def fail(self, fault: Failure, run: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """Return the reply to a command that fails, None where its connection is closed instead.

        :param run: runs the command
        """
        try:
            return _fail(fault, run)
        finally:
            with self._lock:
                self._failing -= 1
                self._lock.notify_all()

    def settle(self, command: Mapping[str, Any]) -> None:
        """After a fail point was switched off: wait until what it holds is over.

        A command is carried out though its client has given it up, and would meet what comes later.
        """
        if command.get("configureFailPoint") and command.get("mode") == "off":
            with self._lock:
                self._lock.wait_for(lambda: not self._failing, _LONGEST_SECONDS)

    def refuse_late(self) -> None:
        """Fail for want of time if the fail point says so.

        :raises CommandError: MaxTimeMSExpired
        """
        with self._lock:
            if self._points[TIME_OUT_NAME].strikes_next():
                raise _time_out()


def _time_out() -> CommandError:
    return CommandError(MAX_TIME_EXPIRED, "operation exceeded time limit")


def _parse(mode: Any, data: Any) -> _Armed | None:
    if not isinstance(data, Mapping):
        raise CommandError(FAILED_TO_PARSE, f"data is {data!r}, not a document")
    match mode:
        case "off":
            return None
        case "alwaysOn":
            return _Armed(data)
        case {"times": int(times)} if times >= 0:
            return _Armed(data, times=times)
        case {"skip": int(skip)} if skip >= 0:
            return _Armed(data, skip=skip)
    raise CommandError(
        FAILED_TO_PARSE, f"mode is {mode!r}: it is one of 'off', 'alwaysOn', {{'times': n}} and {{'skip': n}}"
    )


def _failure(name: str, data: Mapping[str, Any]) -> Failure:
    if name == AFTER_NAME:
        return Failure(_block_seconds(data), "after")
    labels = tuple(data.get("errorLabels", ()))
    error = None
    if code := data.get("errorCode"):
        error = CommandError(int(code), f"Failing command via '{NAME}' failpoint")
        if labels:
            error.more["errorLabels"] = list(labels)
    return Failure(
        block_seconds=_block_seconds(data),
        closes="before" if data.get("closeConnection") else "",
        error=error,
        write_concern_error=data.get("writeConcernError"),
        labels=labels,
    )


def _block_seconds(data: Mapping[str, Any]) -> float:
    return float(data.get("blockTimeMS", 0)) / 1000 if data.get("blockConnection") else 0.0
