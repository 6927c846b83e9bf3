"""The table of guards (guards.toml): the text that each is, what stands there without it, what fails then."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("guards.toml")


class MovedError(Exception):
    """A guard is not, or not only, where the table says."""


@dataclass(frozen=True)
class Guard:
    """One guard, by the text that it is in its file.

    :ivar instead: what stands in the place of `guard` where it is taken out
    :ivar tests: the node ids of the tests that fail without it, each of them
    """

    name: str
    file: str
    guard: str
    instead: str
    why: str
    tests: tuple[str, ...]

    def taken_out(self, source: str) -> str:
        """Return a file's text without the guard.

        :raises MovedError: if the guard is not exactly once in it
        """
        if (found := source.count(self.guard)) != 1:
            raise MovedError(
                f"the guard has moved: {self.name!r} is {found} times in {self.file}, and should be once. "
                f"Correct its text in {TABLE.name}"
            )
        return source.replace(self.guard, self.instead)


def read(table: Path = TABLE) -> tuple[Guard, ...]:
    entries = tomllib.loads(table.read_text(encoding="utf-8"))["guards"]
    return tuple(Guard(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries)
