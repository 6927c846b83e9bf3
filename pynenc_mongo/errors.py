"""Errors of the MongoDB backends: each one names the thing and the remedy."""

from typing import Any, Self

from pynenc.exceptions import ConfigError, PynencError


class PynencMongoError(PynencError):
    """Root of every error that `pynenc_mongo` raises by itself.

    Driver errors (`pymongo.errors.PyMongoError`) travel unchanged where the driver already says all
    there is to say.
    """

    def _to_json_dict(self) -> dict[str, Any]:
        # pynenc stores a task's PynencError as JSON; its default keeps only attributes, not the message
        return {"message": str(self)}

    @classmethod
    def _from_json_dict(cls, json_dict: dict[str, Any]) -> Self:
        return cls(json_dict["message"])


class MongoConfigError(PynencMongoError, ConfigError, ValueError):
    """A setting cannot be used; the message names the setting, its source and the remedy."""


class MongoUnreachableError(PynencMongoError):
    """No MongoDB server answered in time, or a mongomock server did not start."""


class MongoStoreNotSharedError(PynencMongoError):
    """A store that lives in one process would be used from another one."""


class MissingPartsError(PynencMongoError):
    """A large payload names parts that are not stored."""
