"""The fields that the commands of a server take, so that one which would have no effect is refused."""

from collections.abc import Mapping
from typing import Any, Final

from pynenc_mongo.mongomock_server.replies import UNKNOWN_FIELD, CommandError

# what drivers may send with every command
_COMMON: Final = frozenset(
    (
        *("$db", "$audit", "$clusterTime", "$readPreference", "readConcern", "writeConcern", "comment"),
        *(
            "apiDeprecationErrors",
            "apiStrict",
            "apiVersion",
            "databaseVersion",
            "maxTimeMS",
            "maxTimeMSOpOnly",
        ),
        *("lsid", "txnNumber", "autocommit", "startTransaction", "stmtId", "stmtIds"),
    )
)

# by command, and by `command.field` for the statements in one: those of MongoDB 5.0, see
# https://www.mongodb.com/docs/v5.0/reference/command/
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(fields.split())
    for name, fields in {
        "find": "find filter sort projection skip limit batchSize singleBatch hint max min returnKey "
        "showRecordId tailable oplogReplay noCursorTimeout awaitData allowPartialResults allowDiskUse "
        "collation let",
        "getMore": "getMore collection batchSize",
        "count": "count query limit skip hint collation fields",
        "distinct": "distinct key query collation",
        "aggregate": "aggregate pipeline explain allowDiskUse cursor bypassDocumentValidation collation "
        "hint let",
        "insert": "insert documents ordered bypassDocumentValidation",
        "update": "update updates ordered bypassDocumentValidation let",
        "update.updates": "q u c upsert multi collation arrayFilters hint",
        "delete": "delete deletes ordered let",
        "delete.deletes": "q limit collation hint",
        "findAndModify": "findAndModify findandmodify query fields sort hint collation arrayFilters let "
        "remove update new upsert bypassDocumentValidation",
    }.items()
}


def refuse_unknown(name: str, document: Mapping[str, Any]) -> None:
    """Refuse a field that the command, or the statement, `name` does not take.

    :raises CommandError: as a server does, naming the field
    """
    known = _FIELDS.get(name)
    if known is None or document.keys() <= known:
        return
    common = frozenset() if "." in name else _COMMON
    for field in document:
        if field not in known and field not in common:
            raise CommandError(UNKNOWN_FIELD, f"BSON field '{name}.{field}' is an unknown field.")
