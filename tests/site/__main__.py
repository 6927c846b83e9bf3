"""A built site as its readers find it: `python -m tests.site SITE PICTURES`, the end of `make docs`.

Every link has to lead somewhere, else it exits with 1. Then Chromium, if there is one, takes pictures of some
pages: in a wide and in a narrow window, and of the first one in the dark.
"""

import sys
import tempfile
from pathlib import Path

from tests.pages import chromium
from tests.site import links

PAGES = (
    "index.html",
    "tutorial.html",
    "crash-tests.html",
    "reference/fixtures.html",
    "reference/options.html",
    "architecture.html",
    "adr/0022-a-wait-asks-whether-a-result-can-come.html",
)
WIDTHS = {"wide": 1400, "narrow": 390}


def main(site: Path, pictures: Path) -> int:
    missing = [f"{page}: no such page to take a picture of" for page in PAGES if not (site / page).is_file()]
    if wrong := [*missing, *links.broken(site)]:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    if chromium.program() is None:
        print("no pictures of the pages: there is no Chromium")
        return 0
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, chromium.running(Path(profile)) as browser:
        for page in PAGES:
            for name, width in WIDTHS.items():
                browser.show(site.resolve() / page, width=width)
                browser.picture(pictures / f"{Path(page).stem}-{name}.png")
        browser.show(site.resolve() / PAGES[0], scheme="dark")
        browser.picture(pictures / f"{Path(PAGES[0]).stem}-dark.png")
    print(f"{pictures}/*.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
