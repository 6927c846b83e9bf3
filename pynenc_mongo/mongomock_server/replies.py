"""What goes wrong -> MongoDB's code, name and shape.

The codes are those of https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml.
"""

from collections.abc import Mapping
from typing import Any, Final

BAD_VALUE: Final = 2
UNKNOWN_ERROR: Final = 8
FAILED_TO_PARSE: Final = 9
TYPE_MISMATCH: Final = 14
INVALID_LENGTH: Final = 16
AUTHENTICATION_FAILED: Final = 18
ILLEGAL_OPERATION: Final = 20
NAMESPACE_NOT_FOUND: Final = 26
INDEX_NOT_FOUND: Final = 27
PATH_NOT_VIABLE: Final = 28
CANNOT_BACKFILL_ARRAY: Final = 34
CONFLICTING_OPERATORS: Final = 40
CURSOR_NOT_FOUND: Final = 43
NAMESPACE_EXISTS: Final = 48
MAX_TIME_EXPIRED: Final = 50
DOLLAR_PREFIXED_FIELD: Final = 52
INVALID_ID_FIELD: Final = 53
COMMAND_NOT_FOUND: Final = 59
IMMUTABLE_FIELD: Final = 66
CANNOT_CREATE_INDEX: Final = 67
INVALID_OPTIONS: Final = 72
INVALID_NAMESPACE: Final = 73
INDEX_OPTIONS_CONFLICT: Final = 85
INDEX_KEY_SPECS_CONFLICT: Final = 86
NOT_IMPLEMENTED: Final = 238
DOCUMENT_TOO_LARGE: Final = 10334
DUPLICATE_KEY: Final = 11000
UNKNOWN_STAGE: Final = 40324
UNKNOWN_FIELD: Final = 40415
NO_CHANGE_STREAMS: Final = 40573

_NAMES: Final[Mapping[int, str]] = {
    1: "InternalError",
    2: "BadValue",
    6: "HostUnreachable",
    7: "HostNotFound",
    8: "UnknownError",
    9: "FailedToParse",
    11: "UserNotFound",
    13: "Unauthorized",
    14: "TypeMismatch",
    16: "InvalidLength",
    18: "AuthenticationFailed",
    20: "IllegalOperation",
    24: "LockTimeout",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    28: "PathNotViable",
    34: "CannotBackfillArray",
    40: "ConflictingUpdateOperators",
    43: "CursorNotFound",
    48: "NamespaceExists",
    50: "MaxTimeMSExpired",
    52: "DollarPrefixedFieldName",
    53: "InvalidIdField",
    59: "CommandNotFound",
    64: "WriteConcernFailed",
    66: "ImmutableField",
    67: "CannotCreateIndex",
    72: "InvalidOptions",
    73: "InvalidNamespace",
    79: "UnknownReplWriteConcern",
    85: "IndexOptionsConflict",
    86: "IndexKeySpecsConflict",
    89: "NetworkTimeout",
    91: "ShutdownInProgress",
    100: "UnsatisfiableWriteConcern",
    112: "WriteConflict",
    121: "DocumentValidationFailure",
    133: "FailedToSatisfyReadPreference",
    134: "ReadConcernMajorityNotAvailableYet",
    150: "StaleEpoch",
    189: "PrimarySteppedDown",
    202: "NetworkInterfaceExceededTimeLimit",
    211: "KeyNotFound",
    234: "RetryChangeStream",
    238: "NotImplemented",
    251: "NoSuchTransaction",
    262: "ExceededTimeLimit",
    286: "ChangeStreamHistoryLost",
    391: "ReauthenticationRequired",
    9001: "SocketException",
    10058: "LegacyNotPrimary",
    10107: "NotWritablePrimary",
    10334: "BSONObjectTooLarge",
    11000: "DuplicateKey",
    11600: "InterruptedAtShutdown",
    11602: "InterruptedDueToReplStateChange",
    13388: "StaleConfig",
    13435: "NotPrimaryNoSecondaryOk",
    13436: "NotPrimaryOrSecondary",
}


class CommandError(Exception):
    """What a server says when it refuses a command, or one statement of it."""

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.more = more


def name_of(code: int) -> str:
    """Return the name that MongoDB gives to a code."""
    return _NAMES.get(code, f"Location{code}")


def failure(error: CommandError) -> dict[str, Any]:
    """Return the reply to a command that failed as a whole."""
    return {
        "ok": 0.0,
        "errmsg": error.message,
        "code": error.code,
        "codeName": name_of(error.code),
        **error.more,
    }


def write_error(index: int, error: CommandError) -> dict[str, Any]:
    """Return the entry of `writeErrors` for one statement of a command."""
    return {"index": index, "code": error.code, **error.more, "errmsg": error.message}


def translated(error: Exception) -> CommandError:
    """Return what a server would say where mongomock raised `error`."""
    from bson.errors import InvalidDocument
    from pymongo.errors import CollectionInvalid, InvalidName, OperationFailure

    message = str(error) or type(error).__name__
    if isinstance(error, CommandError):
        return error
    if "is not a valid operator for the aggregation pipeline" in message:
        return CommandError(UNKNOWN_STAGE, f"Unrecognized pipeline stage name: '{message.partition(' ')[0]}'")
    if isinstance(error, NotImplementedError):
        return CommandError(NOT_IMPLEMENTED, f"mongomock: {message}")
    if isinstance(error, OperationFailure):
        return CommandError(_code_of(error, message), message)
    for kind, code in (
        (InvalidName, INVALID_NAMESPACE),
        (CollectionInvalid, NAMESPACE_EXISTS),
        (InvalidDocument, DOLLAR_PREFIXED_FIELD),
        (OverflowError, BAD_VALUE),
        (ValueError, FAILED_TO_PARSE),
        (TypeError, TYPE_MISMATCH),
    ):
        if isinstance(error, kind):
            return CommandError(code, message)
    return CommandError(UNKNOWN_ERROR, f"mongomock failed with {type(error).__name__}: {message}")


def _code_of(error: Any, message: str) -> int:
    if error.code:
        return int(error.code)
    known = {
        "unknown operator: $mod": NOT_IMPLEMENTED,
        "Unrecognized pipeline stage name": UNKNOWN_STAGE,
        "already exists with different options": INDEX_OPTIONS_CONFLICT,
        "index not found": INDEX_NOT_FOUND,
        "Cannot apply": TYPE_MISMATCH,
        "_id field cannot be changed": IMMUTABLE_FIELD,
    }
    return next((code for sign, code in known.items() if sign in message), BAD_VALUE)
