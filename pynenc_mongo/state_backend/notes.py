"""What is noted beside an outcome: the traceback of a failure, what the serializer changed of a result.

Both are gone afterwards: an exception is stored as its class and its arguments, and a result as what the
serializer makes of it.
"""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pynenc

import pynenc_mongo

# how a task is called, which is the same for all
_CALLERS = tuple(f"{Path(file).parent}/" for file in (pynenc.__file__, pynenc_mongo.__file__))
_MOST_CHARACTERS = 8000
_MOST_CHANGES = 3
_MOST_ITEMS = 1000  # of a list or a dictionary
_MOST_DEEP = 20
_SHORT = 40  # characters: as much as a line of a report takes


def traceback_of(error: BaseException) -> str:
    """Return the traceback of a task's error, without the frames of whoever called the task."""
    told = traceback.TracebackException.from_exception(error)
    _without_callers(told)
    text = "".join(told.format()).rstrip()
    return text if len(text) <= _MOST_CHARACTERS else f"...{text[-_MOST_CHARACTERS:]}"


def _without_callers(told: traceback.TracebackException | None) -> None:
    if told is None:
        return
    own = [frame for frame in told.stack if not frame.filename.startswith(_CALLERS)]
    # of an error of pynenc's own all of them tell
    told.stack[:] = own or told.stack[:]
    # they are stored with the error, and so would be told twice
    told.__notes__ = []
    for earlier in (told.__cause__, told.__context__):
        _without_callers(earlier)


def not_rebuilt(name: str) -> str:
    """Return why an exception of a class is not what comes back."""
    return (
        f"the task raised {name}, which pynenc cannot rebuild: it stores the class and args, and "
        f"{name}(*args) fails. Pass all arguments to super().__init__(), or define __reduce__"
    )


def what_changed(before: Any, after: Any) -> str:
    """Return what another value came back as than was stored, in words; empty where that cannot be told.

    Looks into dictionaries, lists, tuples; of all others it compares the types alone.
    """
    return "; ".join(islice(_changes("result", before, after, _MOST_DEEP), _MOST_CHANGES))


def _changes(where: str, before: Any, after: Any, depth: int) -> Iterator[str]:
    if type(before) is not type(after):
        yield f"{where} was {_described(before)} and is {_described(after)}"
    elif isinstance(before, Mapping):
        yield from _changes_of_keys(where, before, after)
        for key in islice((key for key in before if key in after), _MOST_ITEMS if depth else 0):
            yield from _changes(f"{where}[{_short(key)}]", before[key], after[key], depth - 1)
    elif isinstance(before, list | tuple):
        yield from _changes_of_items(where, before, after, depth)


def _changes_of_keys(where: str, before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Iterator[str]:
    for key in islice((key for key in before if key not in after), _MOST_ITEMS):
        other = "the string " + _short(str(key)) if str(key) in after else "not there"
        yield f"key {_short(key)} of {where} is {other}"


def _changes_of_items(where: str, before: Sequence[Any], after: Sequence[Any], depth: int) -> Iterator[str]:
    if len(before) != len(after):
        yield f"{where} had {len(before)} items and has {len(after)}"
        return
    pairs = zip(before, after, strict=True)
    for place, (one, other) in enumerate(islice(pairs, _MOST_ITEMS if depth else 0)):
        yield from _changes(f"{where}[{place}]", one, other, depth - 1)


def _described(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    named = getattr(value, "__qualname__", "")
    return f"the {name} {named}" if named and callable(value) else f"of type {name}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 3]}..."
