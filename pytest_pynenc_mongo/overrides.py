"""Config values that win over every file and variable, in each process that gets the app.

pynenc's `config_values` are the weakest of its sources, and are all that travels with an app to a child
process. So they carry ours under a name of their own, and whoever makes or unpickles them has pynenc look
there last. Without that name nothing is changed. See docs/adr/0024.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_pynenc_mongo import loggers
from pytest_pynenc_mongo.masking import ConfigValues

if TYPE_CHECKING:
    from logging import Logger

    from pynenc import Pynenc

from pytest_pynenc_mongo import expected_warnings

KEY = "pytest_pynenc_mongo"
_WINNING, _PREFERRED = "winning", "preferred"


class Overrides(dict[str, Any]):
    """`winning` values beat every other source; `preferred` ones all but the environment.

    Both are `config_values` as pynenc has them, sections (`{"task": {...}}`) included. JSON and pickle
    take it for what it is, a dictionary.
    """

    def __init__(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(values)
        _install()

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return _arrived, (dict(self),)


def _arrived(values: Mapping[str, Mapping[str, Any]]) -> Overrides:
    """Make this process, which got an app, one that runs its tasks as the others do."""
    expected_warnings.ignore()
    return Overrides(values)


def over(
    base: Mapping[str, Any] | None, winning: Mapping[str, Any], preferred: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return config values that are `base`, but for what wins over it, and what is preferred to it."""
    base = base or {}
    before = base.get(KEY) or {_WINNING: {}, _PREFERRED: {}}
    overrides = {
        _WINNING: ConfigValues(_merged(before[_WINNING], winning)),
        _PREFERRED: {**before[_PREFERRED], **(preferred or {})},
    }
    # in plain sight, too, for who reads them there
    return ConfigValues({**_merged(base, winning), KEY: Overrides(overrides)})


def winning_in(config_values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the values that win in an app with these config values."""
    overrides: Mapping[str, Any] = (config_values or {}).get(KEY) or {}
    winning: Mapping[str, Any] = overrides.get(_WINNING, {})
    return winning


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, `more` before `base`, section by section."""
    return {
        **base,
        **{
            name: _merged(base[name], value)
            if isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
            else value
            for name, value in more.items()
        },
    }


def _install() -> None:
    """Have all settings of pynenc in this process, which have one base class, look for overrides."""
    from cistell import ConfigBase
    from pynenc.conf.config_base import ConfigPynencBase

    def init_config_values(
        conf: Any, config_cls: type, config_values: dict[str, Any] | None, config_filepath: str | None
    ) -> None:
        ConfigBase.init_config_values(conf, config_cls, config_values, config_filepath)
        overrides = (config_values or {}).get(KEY)
        # parents come first, and the environment may still win over what was set with them
        if overrides and config_cls is type(conf):
            _overrule(conf, config_cls, "what pytest-pynenc-mongo prefers", overrides[_PREFERRED], set())
            _overrule(conf, config_cls, "the test", overrides[_WINNING], set(), with_environment=False)

    if "init_config_values" not in vars(ConfigPynencBase):
        ConfigPynencBase.init_config_values = init_config_values  # type: ignore[assignment]
        _install_loggers()


def _install_loggers() -> None:
    """Have apps with overrides log as pytest does."""
    from pynenc import app as pynenc_app
    from pynenc.util.log import create_logger as create_pynenc_s

    def create_logger(app: "Pynenc") -> "Logger":
        return loggers.create(app) if KEY in (app.config_values or {}) else create_pynenc_s(app)

    vars(pynenc_app)["create_logger"] = create_logger


def _overrule(
    conf: Any,
    config_cls: type,
    source: str,
    values: Mapping[str, Any],
    seen: set[str],
    *,
    with_environment: bool = True,
) -> None:
    """Set the fields that `values` name, by pynenc's rules: parents first, sections before plain names."""
    from cistell._internal import resolve_field
    from pynenc.conf.config_base import ConfigPynencBase

    for parent in config_cls.__bases__:
        if issubclass(parent, ConfigPynencBase) and parent is not ConfigPynencBase:
            _overrule(conf, parent, source, values, seen, with_environment=with_environment)
    for name in conf.config_cls_to_fields[config_cls.__name__] & _names_in(values):
        found = resolve_field(
            name,
            conf.get_config_id(config_cls),
            conf.get_env_key(name, config_cls) if with_environment else "",
            conf.get_env_key(name) if with_environment else "",
            mappings=[(source, dict(values))],
            mapped_keys=seen,
            extra_qualifiers=conf.get_extra_qualifiers(config_cls),
            extra_env_keys=conf.get_extra_env_keys(name, config_cls) if with_environment else None,
        )
        if found is not None:
            setattr(conf, name, found[0])
            conf._provenance[name] = found[1].source


def _names_in(values: Mapping[str, Any]) -> set[str]:
    """Return the names that values may set, those of sections included."""
    sections = [value for value in values.values() if isinstance(value, Mapping)]
    return set(values).union(*map(_names_in, sections))
