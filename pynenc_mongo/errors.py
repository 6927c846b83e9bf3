"""Errors of the MongoDB backends: each one names the thing and the remedy."""

from typing import Any, Self

from pymongo.errors import AutoReconnect, OperationFailure
from pynenc.exceptions import ConfigError, PynencError


class PynencMongoError(PynencError):
    """Root of every error that `pynenc_mongo` raises by itself.

    What the server or the way to it does wrong is one of them, and the driver's error too: pynenc's loops
    forgive its own errors only.
    """

    def _to_json_dict(self) -> dict[str, Any]:
        # pynenc stores a task's PynencError as JSON; its default keeps only attributes, not the message
        return {"message": str(self)}

    @classmethod
    def _from_json_dict(cls, json_dict: dict[str, Any]) -> Self:
        return cls(json_dict["message"])


class MongoConfigError(PynencMongoError, ConfigError, ValueError):
    """A setting cannot be used; the message names the setting, its source and the remedy."""


class AlreadyCausedError(PynencMongoError):
    """What an invocation would be of has one already, whose id is `invocation_id`; none was registered."""

    def __init__(self, message: str, invocation_id: str = "") -> None:
        super().__init__(message)
        self.invocation_id = invocation_id


class MongoServerError(PynencMongoError):
    """What MongoDB, or the way to it, did wrong: it may go well later."""


class MongoUnreachableError(MongoServerError):
    """No MongoDB server answered in time, or a mongomock server did not start."""


class MongoOutageError(MongoServerError, AutoReconnect):
    """An operation got no answer that counts, however often it was sent: it may be done, or not."""

    def __init__(self, *said: Any) -> None:
        """Take what `AutoReconnect` takes: a message first."""
        AutoReconnect.__init__(self, *said)


class MongoRefusedError(MongoServerError, OperationFailure):
    """The server refused an operation, and has done nothing of it; `code` and `details` are the server's."""

    def __init__(self, *said: Any) -> None:
        """Take what `OperationFailure` takes: a message, and the server's code and details."""
        OperationFailure.__init__(self, *(said or ("",)))


class MongoStoreNotSharedError(PynencMongoError):
    """A store that lives in one process would be used from another one."""


class MongoValueError(PynencMongoError, ValueError):
    """What was handed in is not what it has to be, such as an id that is no text; nothing was done."""


class MongoDocumentError(PynencMongoError):
    """What is stored is not what these backends write: the message names the document and what is wrong."""


class MongoSchemaError(MongoDocumentError):
    """A later release of these backends wrote what is stored."""


class MissingPartsError(MongoDocumentError):
    """A large payload names parts that are not stored."""
