"""Directives that write what the code says: `pynenc-mongo-options`, `pynenc-mongo-fixtures`."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pytest_pynenc_mongo import fixtures, options


class Written(SphinxDirective):
    """A directive whose content is made here, in MyST."""

    def run(self) -> list[nodes.Node]:
        """Return the parsed content."""
        lines = list(self.lines())
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def lines(self) -> Iterator[str]:
        """Return the lines of the content."""
        raise NotImplementedError


class Options(Written):
    """The options by their three names, as `pytest --help` has them."""

    def lines(self) -> Iterator[str]:
        """Return a section for each option."""
        for setting in options.SETTINGS:
            yield f"## {setting.ini}"
            yield ""
            yield setting.help
            yield ""
            names = [f"ini: `{setting.ini}`", f"environment: `{setting.variable}`"]
            if setting.on_command_line:
                given = f"={setting.metavar}" if setting.metavar else ""
                names.insert(0, f"command line: `{setting.option}{given}`")
            yield from (f"- {name}" for name in names)
            yield ""


class Fixtures(Written):
    """The fixtures with their docstrings and what they return."""

    def lines(self) -> Iterator[str]:
        """Return a section for each fixture."""
        for room in pkgutil.iter_modules(fixtures.__path__):
            module = importlib.import_module(f"{fixtures.__name__}.{room.name}")
            for name, fixture in vars(module).items():
                if name.startswith("pynenc_") and (function := _function_of(fixture)):
                    yield f"## {name}"
                    yield ""
                    yield f"`{name}: {_returned(function)}`"
                    yield ""
                    yield inspect.getdoc(function) or ""
                    yield ""


def _function_of(fixture: Any) -> Any:
    """Return the function behind a fixture: pytest 8.4 and later wrap it, earlier ones mark it."""
    wrapped = getattr(fixture, "_fixture_function", None) or getattr(fixture, "__wrapped__", None)
    return wrapped if callable(wrapped) else None


def _returned(function: Any) -> str:
    annotation = inspect.signature(function).return_annotation
    hint = inspect.formatannotation(annotation).replace("'", "")
    hint = re.sub(r"\b(?:\w+\.)+(?=\w)", "", hint)
    # what a generator yields, and nothing of what it is sent or returns
    return re.sub(r"^(?:Generator|Iterator)\[(.*?)(?:, None, None)?\]$", r"\1", hint)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("pynenc-mongo-options", Options)
    app.add_directive("pynenc-mongo-fixtures", Fixtures)
    return {"parallel_read_safe": True}
