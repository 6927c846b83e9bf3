"""Proof that a test used the backends under test: which of their code it ran, and where its data is."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest
from pynenc import Pynenc
from pynenc.util.subclasses import get_all_subclasses

from tests.conformance.backends import COMPONENTS, Backend


@dataclass
class Witness:
    """Notes what a test is handed by which app, and what of it the test uses."""

    backend: Backend
    during_test: bool = False
    passed: bool = False
    thread_errors: list[str] = field(default_factory=list)
    # what an earlier test left running speaks for that test
    _strangers: set[threading.Thread] = field(
        default_factory=lambda: set(threading.enumerate()) - {threading.main_thread()}
    )
    _apps: dict[int, Pynenc] = field(default_factory=dict)
    _components: dict[int, Any] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    @property
    def apps(self) -> list[Pynenc]:
        """The apps that handed out components, in order."""
        return list(self._apps.values())

    def handed_out(self, app: Pynenc, component: Any) -> None:
        if threading.current_thread() not in self._strangers and not isinstance(component, Mock):
            self._apps[id(app)] = app
            self._components[id(component)] = component

    def thread_ended(self, how: threading.ExceptHookArgs) -> None:
        if how.thread not in self._strangers:
            self.thread_errors.append(f"{how.exc_type.__name__}: {how.exc_value}")

    def used(self, method: str) -> None:
        if self.during_test and threading.current_thread() not in self._strangers:
            self._used.add(method)

    def verdict(self, pure: str | None) -> str:
        """Return what speaks against this having been a test of the backend's, or nothing.

        :param pure: why the test need not run any code of the backend's, if so
        """
        found = [*self._other_components(), *self._other_settings()]
        if pure is None and not self._used:
            found.append("it ran no code of theirs")
        if pure is not None and self._used:
            found.append(f"it is listed as one that runs no code of theirs, and ran {sorted(self._used)}")
        return "; ".join(found)

    def _other_components(self) -> Generator[str]:
        ours = tuple(self.backend.classes.values())
        for component in list(self._components.values()):
            if not isinstance(component, ours):
                yield f"it used {type(component).__name__}"
            elif self.backend.place_of(component) != self.backend.place:
                yield f"{type(component).__name__} keeps its data at {self.backend.place_of(component)}"

    def _other_settings(self) -> Generator[str]:
        for app in self.apps:
            for name in COMPONENTS:
                chosen = getattr(app.conf, f"{name}_cls")
                ours = self.backend.classes[name]
                if chosen not in {cls.__name__ for cls in (ours, *get_all_subclasses(ours))}:
                    yield f"app {app.app_id!r} has {name}_cls = {chosen}"


@contextmanager
def witnessed(backend: Backend) -> Generator[Witness]:
    """Watch every app, and the five component classes, for as long as a test and its fixtures run."""
    witness = Witness(backend)
    with pytest.MonkeyPatch.context() as patch:
        for name in COMPONENTS:
            patch.setattr(Pynenc, name, _watched_property(name, witness))
        for cls in backend.classes.values():
            patch.setattr(cls, "__getattribute__", _watched_methods(cls, witness), raising=False)
        patch.setattr(threading, "excepthook", _watched_hook(witness))
        yield witness


def _watched_property(name: str, witness: Witness) -> property:
    original = vars(Pynenc)[name]

    def get(app: Pynenc) -> Any:
        component = original.fget(app)
        witness.handed_out(app, component)
        return component

    return property(get)


def _watched_methods(cls: type[Any], witness: Witness) -> Any:
    """Return a `__getattribute__` that notes what the class itself defines, and not pynenc's base."""
    own = {name for name in vars(cls) if not name.startswith("__")} - {"conf"}

    def get(component: Any, name: str) -> Any:
        if name in own:
            witness.used(f"{cls.__name__}.{name}")
        return object.__getattribute__(component, name)

    return get


def _watched_hook(witness: Witness) -> Callable[[threading.ExceptHookArgs], None]:
    original = threading.excepthook

    def hook(args: threading.ExceptHookArgs, /) -> None:
        witness.thread_ended(args)
        original(args)

    return hook
