"""Apps that use a database: what each one said of itself."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pynenc.app_info import AppInfo

from pynenc_mongo.conf.address import mask_url
from pynenc_mongo.conf.config_state_backend import ConfigStateBackendMongo
from pynenc_mongo.state_backend import documents
from pynenc_mongo.state_backend.documents import APP_INFO, COMPONENT
from pynenc_mongo.storage import client
from pynenc_mongo.storage.collections import Collections
from pynenc_mongo.storage.verbs import collection_names, find_all, find_one, put

_APP_INFO_SUFFIX = f".{COMPONENT}_{APP_INFO.name}"


class AppInfos:
    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def put(self, info: AppInfo) -> None:
        """Store what an app says of itself, but for passwords.

        Who may read a database is not always who may write it; and who finds the app there has come by an
        address of his own, which wins over these config values.
        """
        told = replace(info, config_values=info.config_values and _masked(info.config_values))
        put(self._collections.indexed(APP_INFO), documents.encode_app_info(told))

    def get(self, app_id: str) -> AppInfo:
        """Return what the app said of itself.

        :raises KeyError: naming the app, if it said nothing
        """
        document = find_one(self._collections.existing(APP_INFO), {"_id": app_id})
        if document is None:
            raise KeyError(
                f"no app info is stored for app {app_id!r} in database {self._collections.database.name}"
            )
        return documents.decode_app_info(document)


def discover() -> dict[str, AppInfo]:
    """Return the apps in the database and under the prefix that the environment's settings name, by id."""
    conf = ConfigStateBackendMongo()
    database = client.database_at(conf.address(), conf.limits())
    app_info = re.compile(rf"{re.escape(conf.collection_prefix())}[^.]+{re.escape(_APP_INFO_SUFFIX)}")
    names = [name for name in collection_names(database) if app_info.fullmatch(name)]
    return {
        document["_id"]: documents.decode_app_info(document)
        for name in sorted(names)
        for document in find_all(APP_INFO.at(database, name), {})
    }


def _masked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return config values, sections included, without passwords."""
    return {name: _masked_value(name, value) for name, value in values.items()}


def _masked_value(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _masked(value)
    if not isinstance(value, str) or not value:
        return value
    if name.endswith("password"):
        return "***"
    return mask_url(value) if "://" in value else value
