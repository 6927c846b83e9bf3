"""Which module holds an app, remembered: pynenc looks through all of them when it makes an app's stores."""

import sys
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from pynenc import Pynenc

type Place = tuple[str | None, str | None, str | None]  # module, its file, the variable there

_found: "WeakKeyDictionary[Pynenc, Place]" = WeakKeyDictionary()


def remember() -> None:
    """Have pynenc's `extract_module_info` not look again for an app that is still where it was found."""
    from pynenc.util import import_app

    look = import_app.extract_module_info
    if look.__module__ == __name__:
        return

    def extract_module_info(app: "Pynenc") -> Place:
        place = _found.get(app)
        if place is None or not _holds(place, app):
            place = look(app)
            if _holds(place, app):
                _found[app] = place
        return place

    import_app.extract_module_info = extract_module_info


def find(app: "Pynenc") -> None:
    """Find an app now, for this process and those that are forked from it."""
    from pynenc.util import import_app

    remember()
    import_app.extract_module_info(app)


def _holds(place: Place, app: "Pynenc") -> bool:
    module, _, variable = place
    return variable is not None and getattr(sys.modules.get(module or ""), variable, None) is app
