"""How the pages of docs/ become a site: `make docs` (docs/adr/0045)."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pytest-pynenc-mongo"
author = "The pytest-pynenc-mongo developers"
copyright = author  # Sphinx's name
version = release = installed(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "our_tables", "our_picture"]
exclude_patterns = ["_build", "_ext", "_static", "performance"]
nitpicky = False

html_theme = "furo"
html_title = project
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
smartquotes = False  # two hyphens are those of an option
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
# the pages are read where the project lives, too: there a file beside docs/ is a link like any other
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"


def in_rst(_app: object, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Write a fenced directive of a docstring, which is pynenc's style, in Sphinx's."""
    inside = False
    for place, line in enumerate(lines):
        if line.startswith("```"):
            lines[place] = "" if inside else f".. {line.strip('`{}')}::"
            inside = not inside
        elif inside:
            lines[place] = f"   {line}"


def setup(app: Sphinx) -> None:
    """Have it called for each docstring."""
    app.connect("autodoc-process-docstring", in_rst)
