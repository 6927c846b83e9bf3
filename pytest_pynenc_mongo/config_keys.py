"""What a test's own config values may be called: what pynenc, this package and other plugins read.

pynenc ignores a name that it does not know, and so a misspelt one.
"""

import difflib
import inspect
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo.errors import ConfigError

if TYPE_CHECKING:
    from pynenc import Pynenc

# they run nothing: an app without a runner of its own has one of them
NO_RUNNERS = ("DummyRunner", "ExternalRunner")
_RUNNER = "runner_cls"


def check_all(app: "Pynenc", configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse config values for `app` that nothing reads; what it has itself is known.

    :param configs: the values, by where they stand
    :raises ConfigError: naming the place, the value and the nearest name that is known
    """
    for source, config in configs.items():
        if config:
            check(config, source, also=app.config_values or ())


def check(config: Mapping[str, Any], source: str, also: Collection[str] = ()) -> None:
    """Refuse config values that nothing reads, and a runner that is none.

    :param source: where they stand, for messages
    :param also: names that are known besides, for example those of the app's own values
    :raises ConfigError: naming the value and the nearest name that is known
    """
    known = _fields() | _sections().keys() | {"app_id", *also}
    for name, value in config.items():
        if name not in known:
            raise ConfigError(f"{source}: pynenc has no setting {name!r}{_nearest(name, known)}")
        if isinstance(value, Mapping) and name in _sections():
            _check_section(name, value, f"{source}: section {name!r}")
    runner = config.get(_RUNNER)
    if isinstance(runner, str):
        check_runner(runner, source)


def check_runner(name: str, source: str) -> None:
    """Refuse a name that no runner has.

    :raises ConfigError: naming the runners
    """
    runners = _runners()
    if name not in runners:
        listed = ", ".join(sorted(runners.keys() - {*NO_RUNNERS}))
        raise ConfigError(
            f"{source}: there is no runner {name!r}; the runners are {listed} (one of your own must be "
            "imported)"
        )


def _check_section(section: str, values: Mapping[str, Any], source: str) -> None:
    """Check what concerns one class of settings; a mapping in it is of one task, `module.function`."""
    known = _sections()[section]
    for name, value in values.items():
        if isinstance(value, Mapping):
            _check_section(section, value, f"{source}, {name!r}")
        elif name not in known:
            raise ConfigError(f"{source} has no setting {name!r}{_nearest(name, known)}")


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ", and none with a name like it"


def _fields() -> set[str]:
    return {field for kind in _kinds() for field in kind.config_fields()}


def _sections() -> dict[str, set[str]]:
    """Return the settings of each class of them, parents' too, by the key that a mapping of them has."""
    from pynenc.conf.config_base import ConfigPynencBase

    return {
        kind.__name__.replace(ConfigPynencBase.IGNORE_CLASS_NAME_SUBSTR, "").lower(): {
            field
            for parent in kind.__mro__
            if hasattr(parent, "config_fields")
            for field in parent.config_fields()
        }
        for kind in _kinds()
    }


def _kinds() -> Iterable[type[Any]]:
    """Return the classes of settings of pynenc, of its plugins and of the user's own.

    Whoever has made an app has had pynenc load its plugins.
    """
    from pynenc.conf.config_base import ConfigPynencBase
    from pynenc.util.subclasses import get_all_subclasses

    return get_all_subclasses(ConfigPynencBase)


def _runners() -> dict[str, type[Any]]:
    from pynenc.runner.base_runner import BaseRunner
    from pynenc.util.subclasses import get_all_subclasses

    found: list[type[Any]] = get_all_subclasses(BaseRunner)
    return {kind.__name__: kind for kind in found if not inspect.isabstract(kind)}
