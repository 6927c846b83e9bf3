"""`configureFailPoint`: make commands fail on purpose, by `failCommand` or for want of time.

See https://github.com/mongodb/mongo/wiki/The-failCommand-Fail-Point, which drivers' own tests rely on.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pynenc_mongo.mongomock_server.replies import (
    BAD_VALUE,
    FAILED_TO_PARSE,
    MAX_TIME_EXPIRED,
    CommandError,
)

NAME = "failCommand"
# fails every command that has a limit of time
TIME_OUT_NAME = "maxTimeAlwaysTimeOut"
# what switches fail points must not fail by one
_NEVER = ("configureFailPoint", "hello", "isMaster", "ismaster")


@dataclass(frozen=True)
class Failure:
    """What happens to one command."""

    block_seconds: float = 0.0
    closes: bool = False
    error: CommandError | None = None
    # joins the reply of a command that was run
    write_concern_error: Mapping[str, Any] | None = None
    labels: tuple[str, ...] = ()


@dataclass
class _Armed:
    data: Mapping[str, Any]
    skip: int = 0
    times: int | None = None  # None: always

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


class FailPoints:
    """The fail point of a server."""

    def __init__(self) -> None:
        self._armed: _Armed | None = None
        self._timing_out: _Armed | None = None
        self._entered = 0
        self._lock = threading.Lock()

    def configure(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Switch the fail point; return how often it struck so far.

        :raises CommandError: naming what is wrong with the command
        """
        name = command["configureFailPoint"]
        if name not in (NAME, TIME_OUT_NAME):
            raise CommandError(
                BAD_VALUE, f"fail point {name!r} is not known here, {NAME!r} and {TIME_OUT_NAME!r} are"
            )
        armed = _parse(command.get("mode"), command.get("data", {}))
        with self._lock:
            if name == TIME_OUT_NAME:
                self._timing_out = armed
            else:
                self._armed = armed
            return {"count": self._entered, "ok": 1.0}

    def failure_of(self, command: Mapping[str, Any], app_name: str) -> Failure | None:
        """Return what shall happen to a command, None for what usually does."""
        if (self._armed is None and self._timing_out is None) or next(iter(command)) in _NEVER:
            return None
        with self._lock:
            if "maxTimeMS" in command and self._times_out():
                return Failure(error=_time_out())
            if self._armed is None or not self._armed.strikes(command, app_name):
                return None
            self._entered += 1
            return _failure(self._armed.data)

    def refuse_late(self) -> None:
        """Fail for want of time if the fail point says so.

        :raises CommandError: MaxTimeMSExpired
        """
        with self._lock:
            if self._times_out():
                raise _time_out()

    def _times_out(self) -> bool:
        strikes = self._timing_out is not None and self._timing_out.strikes_next()
        self._entered += strikes
        return strikes


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


def _failure(data: Mapping[str, Any]) -> Failure:
    labels = tuple(data.get("errorLabels", ()))
    error = None
    if code := data.get("errorCode"):
        error = CommandError(int(code), f"Failing command via '{NAME}' failpoint")
        if labels:
            error.more["errorLabels"] = list(labels)
    return Failure(
        block_seconds=data.get("blockTimeMS", 0) / 1000 if data.get("blockConnection") else 0.0,
        closes=bool(data.get("closeConnection")),
        error=error,
        write_concern_error=data.get("writeConcernError"),
        labels=labels,
    )
