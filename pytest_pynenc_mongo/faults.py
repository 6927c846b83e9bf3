"""What a test asks a fail point for -> what a server is told, and what people are; pure."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_pynenc_mongo.errors import FailPointError

# what the stores of an app send
READS = ("aggregate", "distinct", "find", "getMore", "listCollections")
WRITES = ("createIndexes", "delete", "findAndModify", "insert", "update")

# MongoDB's fail point, and the one that only the engines that the plugin starts have
_COMMAND, _AFTER_COMMAND = "failCommand", "failCommandAfter"

type Closes = Literal["before", "after"]


@dataclass(frozen=True)
class Fault:
    """What happens to which commands, as a server's fail point has it; `words` say the same."""

    point: str
    mode: Any
    data: Mapping[str, Any]
    words: str

    @property
    def is_mongodb_s(self) -> bool:
        """Whether every MongoDB has it that has fail points."""
        return self.point == _COMMAND


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a test says: one fault of `error`, `closes` and `write_concern_error`, or a delay, or both."""

    commands: Sequence[str] = ()
    error: int | None = None
    labels: Sequence[str] = ()
    closes: Closes | None = None
    write_concern_error: int | None = None
    delay_seconds: float = 0.0
    times: int | None = None
    skip: int | None = None

    def fault(self) -> Fault:
        """Return what a server is told.

        :raises FailPointError: naming what is wrong with the wish, and the remedy
        """
        self._check_fault()
        self._check_often()
        data: dict[str, Any] = {"failCommands": list(self._checked_commands())}
        if self.error is not None:
            data["errorCode"] = self.error
        if self.write_concern_error is not None:
            data["writeConcernError"] = {"code": self.write_concern_error, "errmsg": "by a fail point"}
        if self.labels:
            data["errorLabels"] = list(self.labels)
        if self.closes == "before":
            data["closeConnection"] = True
        if self.delay_seconds:
            data |= {"blockConnection": True, "blockTimeMS": max(1, round(self.delay_seconds * 1000))}
        point = _AFTER_COMMAND if self.closes == "after" else _COMMAND
        return Fault(point, self._mode(), data, self._words())

    def _check_fault(self) -> None:
        given = [
            name for name in ("error", "closes", "write_concern_error") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise FailPointError(f"{' and '.join(given)} exclude each other: a command fails in one way")
        if self.closes not in (None, "before", "after"):
            raise FailPointError(f"closes is {self.closes!r}: it is 'before' or 'after' the command")
        for name in ("error", "write_concern_error"):
            code = getattr(self, name)
            if code is not None and (not isinstance(code, int) or code < 1):
                raise FailPointError(f"{name} is {code!r}: it is one of MongoDB's codes, 91 for example")
        if self.delay_seconds < 0:
            raise FailPointError(f"delay_seconds is {self.delay_seconds}: no command is answered earlier")
        if not given and not self.delay_seconds:
            raise FailPointError(
                "no fault is chosen: give error, closes, write_concern_error or delay_seconds"
            )
        if self.labels and self.error is None and self.write_concern_error is None:
            raise FailPointError("labels are an error's: give error or write_concern_error beside them")
        if isinstance(self.labels, str):
            raise FailPointError(f"labels is {self.labels!r}: give a tuple of them, ({self.labels!r},)")

    def _check_often(self) -> None:
        for name in ("times", "skip"):
            number = getattr(self, name)
            if number is not None and (not isinstance(number, int) or number < 1):
                always = "for always" if name == "times" else "to strike at once"
                raise FailPointError(f"{name} is {number!r}: give 1 or more, or leave it out {always}")
        if self.times and self.skip:
            raise FailPointError("times and skip exclude each other: MongoDB counts one of the two")

    def _checked_commands(self) -> Sequence[str]:
        known = WRITES if self.write_concern_error is not None else (*READS, *WRITES)
        for name in self.commands:
            if name in known:
                continue
            if name in READS:
                raise FailPointError(f"{name!r} has no write concern: name some of {', '.join(WRITES)}")
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else "these are:"
            raise FailPointError(f"no app sends a command {name!r}; {hint} {', '.join(known)}")
        return self.commands or known

    def _mode(self) -> Any:
        if self.times:
            return {"times": self.times}
        return {"skip": self.skip} if self.skip else "alwaysOn"

    def _words(self) -> str:
        commands = ", ".join(self.commands) or (
            "each write" if self.write_concern_error is not None else "each command"
        )
        what = [f"{self.delay_seconds:g} s of delay"] if self.delay_seconds else []
        if self.error is not None:
            what.append(f"error {self.error}")
        if self.write_concern_error is not None:
            what.append(f"write concern error {self.write_concern_error}")
        if self.closes:
            what.append(f"connection closed {self.closes} it")
        often = f", {self.times} times at most" if self.times else f", {self.skip} pass" if self.skip else ""
        return f"{commands}: {', '.join(what)}{often}"
