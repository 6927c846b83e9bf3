"""A worker's log as one looks at it after a failure: the task's own traceback, then the last lines."""

import re
from collections.abc import Iterator, Sequence

_MOST_LINES = 30
_MOST_TRACEBACK_LINES = 16
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BOX = re.compile(r"^\s*[─-╿]+\s?|\s*([─-╿]+|={20,})\s*$")
_ID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_BEGIN = "Traceback (most recent call last):"
# what Python says of it once more
_IN_A_THREAD = "Exception in thread "
_FRAME = re.compile(r'  File "(?P<file>.*)", line \d+')
# who calls a task
_CALLER = re.compile(r"/site-packages/pynenc/|/pynenc_mongo/|/lib/python[\d.]+/threading\.py$")


def last(log: str) -> tuple[str, ...]:
    """Return the last traceback of a log, without pynenc's frames, and its last lines, in plain text."""
    tracebacks, others = _apart(_plain(log))
    first = tracebacks[-1][-_MOST_TRACEBACK_LINES:] if tracebacks else []
    return (*first, *others[-(_MOST_LINES - len(first)) :])


def _plain(log: str) -> list[str]:
    """Return lines without colours and boxes, ids in short; none that was nothing else."""
    lines = [_ID.sub(r"\1", _COLOUR.sub("", line)).rstrip() for line in log.splitlines()]
    plain = [_BOX.sub("", line) for line in lines]
    return [line for line, before in zip(plain, lines, strict=True) if line or not before]


def _apart(lines: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Return the tracebacks, and all other lines."""
    tracebacks: list[list[str]] = []
    others: list[str] = []
    rest = iter(lines)
    for line in rest:
        if line == _BEGIN:
            tracebacks.append([line, *_without_callers(list(_body(rest)))])
        elif not line.startswith(_IN_A_THREAD):
            others.append(line)
    return tracebacks, others


def _body(lines: Iterator[str]) -> Iterator[str]:
    """Return the frames of a traceback, and the line that follows them."""
    for line in lines:
        yield line
        if not line.startswith("  "):
            return


def _without_callers(lines: Sequence[str]) -> list[str]:
    kept, is_hidden, is_own = [], False, False
    for line in lines:
        if frame := _FRAME.match(line):
            is_hidden = bool(_CALLER.search(frame["file"]))
            is_own = is_own or not is_hidden
        if not is_hidden or not line.startswith("  "):
            kept.append(line)
    # of an error of pynenc's own all of them tell
    return kept if is_own else list(lines)
