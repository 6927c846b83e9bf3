"""What a build adds to the metadata: where the project lives, which the release knows (docs/adr/0048).

PyPI shows README.md without the files beside it: with `PROJECT_URL` set, its links lead to them there.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = re.compile(r"(?<=\]\()(?!https?://|mailto:|#)[^)\s]+(?=\))")


class Addresses(MetadataHookInterface):
    """The fields `readme` and `urls` of pyproject.toml."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        if home := os.environ.get("PROJECT_URL", "").rstrip("/"):
            text = absolute(text, home, metadata["version"])
            metadata["urls"] = urls(home, metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def absolute(text: str, home: str, version: str) -> str:
    """Return Markdown whose links to files lead to those of a version."""
    return RELATIVE.sub(lambda link: _file(home, version, link[0]), text)


def urls(home: str, version: str) -> dict[str, str]:
    return {
        "Source": home,
        "Documentation": _file(home, version, "docs/tutorial.md"),
        "Changelog": _file(home, version, "CHANGELOG.md"),
        "Issues": f"{home}/issues",
    }


def _file(home: str, version: str, path: str) -> str:
    return f"{home.rstrip('/')}/blob/v{version}/{path}"
