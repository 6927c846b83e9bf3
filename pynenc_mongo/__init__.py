"""MongoDB backends for Pynenc: the stores of a distributed task system, on one MongoDB database.

What is named here is public, and so are an app's settings and `PynencBuilder().mongo()`. Importing this
package imports nothing else: neither pynenc nor pymongo nor mongomock.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynenc_mongo.errors import (
        MissingPartsError,
        MongoConfigError,
        MongoDocumentError,
        MongoSchemaError,
        MongoStoreNotSharedError,
        MongoUnreachableError,
        MongoValueError,
        PynencMongoError,
    )
    from pynenc_mongo.mongomock_server.process import start_mongomock_server

    __version__: str

__all__ = [
    "MissingPartsError",
    "MongoConfigError",
    "MongoDocumentError",
    "MongoSchemaError",
    "MongoStoreNotSharedError",
    "MongoUnreachableError",
    "MongoValueError",
    "PynencMongoError",
    "__version__",
    "start_mongomock_server",
]


if not TYPE_CHECKING:  # else each name that there is not would be one, of any type

    def __getattr__(name: str) -> Any:
        """Import what is asked for: a test run that uses none of it pays for none of it."""
        if name == "__version__":
            return import_module("importlib.metadata").version("pytest-pynenc-mongo")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "mongomock_server.process" if name == "start_mongomock_server" else "errors"
        return getattr(import_module(f"{__name__}.{home}"), name)
