"""The test database in the environment, from the first app that is put on it until the last one is back.

An app on the test database does not need it (overrides.py); others do, which a test or a task of it uses
besides, and programs that it starts, `pynenc runner start` among them. See docs/adr/0008 and 0024.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytest_pynenc_mongo.errors import WiringError

_PREFIX = "PYNENC__"


class _Environment:
    """The variables of this process that pynenc reads, while they name a test database."""

    def __init__(self) -> None:
        self._pinned: list[dict[str, str]] = []  # one for each app; of one run they are the same
        self._before: dict[str, str] = {}
        self._last: dict[str, str] = {}
        self._putenv: Callable[[Any, Any], None] = os.putenv

    def pin(self, variables: dict[str, str]) -> None:
        if not self._pinned:
            self._before = _ours()
            self._putenv = os.putenv
            os.putenv = self._guarded_putenv  # what every change of os.environ calls
        self._pinned.append(variables)
        self._write()

    def unpin(self, variables: dict[str, str]) -> None:
        self._pinned.remove(variables)
        self._last = variables
        if self._pinned:
            self._write()
            return
        os.putenv = self._putenv
        for name in _ours():
            del os.environ[name]
        os.environ.update(self._before)

    def forget(self) -> None:
        """Undo what others put back after `unpin`: they found the test database there, and remembered it."""
        if self._pinned:
            return
        for name, value in self._last.items():
            if os.environ.get(name) == value != self._before.get(name):
                os.environ.pop(name)
                os.environ.update({name: self._before[name]} if name in self._before else {})
        self._last = {}

    def _write(self) -> None:
        variables = self._pinned[-1]
        for name in _ours():
            if _names_one_of(name, variables) and name not in variables:
                del os.environ[name]
        os.environ.update(variables)

    def _guarded_putenv(self, name: Any, value: Any, /) -> None:
        __tracebackhide__ = True
        self.refuse_elsewhere(
            os.fsdecode(name),
            os.fsdecode(value),
            "while an app is on the test database, which is where a test stores whatever this says: set it "
            "before pynenc_app is set up, or in a test without an app",
        )
        self._putenv(name, value)

    def refuse_elsewhere(self, variable: str, value: str, why: str) -> None:
        __tracebackhide__ = True
        variables = self._pinned[-1] if self._pinned else {}
        if _names_one_of(variable, variables) and variables.get(variable) != value:
            raise WiringError(f"{variable} cannot be set {why}")


_environment = _Environment()


@contextmanager
def pinned(values: Mapping[str, Any]) -> Iterator[None]:
    """Have the environment name what `values` name; they are what says where an app stores.

    Whoever sets one of these variables to something else meanwhile is told, at that line. Afterwards, when
    nobody needs it any more, all variables of pynenc are what they were.
    """
    variables = _variables(values)
    _environment.pin(variables)
    try:
        yield
    finally:
        _environment.unpin(variables)


@contextmanager
def forgotten_afterwards() -> Iterator[None]:
    """Around the end of a test: fixtures that began before ours put back what they found, ours included."""
    try:
        yield
    finally:
        _environment.forget()


def refuse_elsewhere(variable: str, value: str, why: str) -> None:
    """Refuse a variable that says to store anywhere but on the test database, if an app is on it.

    :raises WiringError: names the variable, and says `why`
    """
    _environment.refuse_elsewhere(variable, value, why)


def pin(values: Mapping[str, Any]) -> None:
    """Do the same for the rest of this process."""
    _environment.pin(_variables(values))


def _variables(values: Mapping[str, Any]) -> dict[str, str]:
    return {f"{_PREFIX}{name.upper()}": str(value) for name, value in values.items()}


def _ours() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}


def _names_one_of(variable: str, variables: Mapping[str, str]) -> bool:
    """Return whether pynenc reads the same setting from `variable`, for all components or for one of them."""
    setting = variable.rpartition("__")[2]
    return variable.startswith(_PREFIX) and f"{_PREFIX}{setting}" in variables
