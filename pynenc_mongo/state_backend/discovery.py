"""Apps that use a database: what each one said of itself."""

import re

from pynenc.app_info import AppInfo

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
        put(self._collections.indexed(APP_INFO), documents.encode_app_info(info))

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
