"""How stored values differ from those that a test expects, in words; shown as pynenc's settings allow."""

import reprlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pynenc import Pynenc

_MOST_CHARACTERS = 200  # of a value where pynenc does not say
_MOST_ITEMS = 20


class Shown(NamedTuple):
    """What may be shown of arguments: pynenc's `print_arguments`, `argument_print_mode` and so on."""

    names: bool
    values: bool
    characters: int = _MOST_CHARACTERS

    def all(self, values: Mapping[str, Any]) -> str:
        """Return values by their names, `cups=2, strong=True`; three dots where they are hidden."""
        if not self.names:
            return "..." if values else ""
        return ", ".join(
            f"{name}={self.one(value)}" if self.values else name for name, value in values.items()
        )

    def one(self, value: object) -> str:
        short = reprlib.Repr(
            maxstring=self.characters,
            maxother=self.characters,
            maxlong=self.characters,
            maxlist=_MOST_ITEMS,
            maxtuple=_MOST_ITEMS,
            maxdict=_MOST_ITEMS,
            maxset=_MOST_ITEMS,
        )
        return " ".join(short.repr(value).split())

    def differences(self, actual: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
        """Return where two mappings from names differ, on one line; empty where nowhere.

        What is expected is on the left of `==`: `mock.ANY` and `pytest.approx` say what they equal.
        """
        found = [part for name in {**expected, **actual} for part in self._of_name(name, actual, expected)]
        return ", ".join(found) if self.names or not found else "other arguments"

    def _of_name(self, name: str, actual: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
        return self._of_item(name, name, actual, expected)

    def _of_item(
        self, path: str, key: object, actual: Mapping[Any, Any], expected: Mapping[Any, Any]
    ) -> Iterator[str]:
        if key not in actual:
            yield f"{path} is missing"
        elif key not in expected:
            yield f"{path} is there, too"
        else:
            yield from self._between(path, actual[key], expected[key])

    def _between(self, path: str, actual: object, expected: object) -> Iterator[str]:
        if expected == actual:
            return
        if not self.values:
            yield f"{path} differs"
        elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
            for key in {**expected, **actual}:
                yield from self._of_item(f"{path}[{self.one(key)}]", key, actual, expected)
        elif pairs := _pairs(actual, expected):
            for place, pair in enumerate(pairs):
                yield from self._between(f"{path}[{place}]", *pair)
        else:
            yield f"{path} is {self._apart(actual, expected)}"

    def _apart(self, actual: object, expected: object) -> str:
        """Return two values so that they look as different as they are."""
        one, other = self.one(actual), self.one(expected)
        if one == other:
            one, other = (
                f"{text} ({type(each).__name__})" for text, each in ((one, actual), (other, expected))
            )
        return f"{one} instead of {other}"


def shown_of(app: "Pynenc") -> Shown:
    """Return what an app's settings let be shown of its tasks' arguments."""
    from pynenc.conf.config_pynenc import ArgumentPrintMode

    mode = app.conf.argument_print_mode
    if not app.conf.print_arguments or mode == ArgumentPrintMode.HIDDEN:
        return Shown(names=False, values=False)
    if mode == ArgumentPrintMode.KEYS:
        return Shown(names=True, values=False)
    truncated = mode == ArgumentPrintMode.TRUNCATED and app.conf.truncate_arguments_length
    return Shown(names=True, values=True, characters=truncated or _MOST_CHARACTERS)


def _pairs(actual: object, expected: object) -> list[tuple[object, object]]:
    """Return what stands in the same places of two lists or tuples of one length; nothing of others."""
    if isinstance(actual, list) and isinstance(expected, list):
        some, others = tuple(actual), tuple(expected)
    elif isinstance(actual, tuple) and isinstance(expected, tuple):
        some, others = actual, expected
    else:
        return []
    return list(zip(some, others, strict=True)) if len(some) == len(others) else []
