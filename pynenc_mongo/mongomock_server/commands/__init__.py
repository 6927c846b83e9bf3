"""The commands of the server, by name; and what every one of them has in common."""

from collections.abc import Callable, Mapping
from typing import Final

from pynenc_mongo.mongomock_server.commands import about, aggregating, collections, reading, writing
from pynenc_mongo.mongomock_server.commands.fields import refuse_unknown
from pynenc_mongo.mongomock_server.commands.state import Command, Reply, State
from pynenc_mongo.mongomock_server.replies import (
    BAD_VALUE,
    COMMAND_NOT_FOUND,
    ILLEGAL_OPERATION,
    NOT_IMPLEMENTED,
    CommandError,
    failure,
    translated,
)

__all__ = ["COMMANDS", "Command", "Reply", "State", "run"]

COMMANDS: Final[Mapping[str, Callable[[State, Command], Reply]]] = {
    "hello": about.hello,
    "isMaster": about.hello,
    "ismaster": about.hello,
    "ping": about.nothing,
    "startSession": about.nothing,
    "refreshSessions": about.nothing,
    "endSessions": about.nothing,
    "killSessions": about.nothing,
    "killAllSessions": about.nothing,
    "logout": about.nothing,
    "buildInfo": about.build_info,
    "buildinfo": about.build_info,
    "serverStatus": about.server_status,
    "connectionStatus": about.connection_status,
    "usersInfo": about.users,
    "getCmdLineOpts": about.command_line,
    "getParameter": about.get_parameter,
    "getLog": about.log,
    "whatsmyuri": about.who_am_i,
    "saslStart": about.authenticate,
    "authenticate": about.authenticate,
    "configureFailPoint": about.configure_fail_point,
    "listDatabases": collections.list_databases,
    "dropDatabase": collections.drop_database,
    "listCollections": collections.list_collections,
    "create": collections.create,
    "drop": collections.drop,
    "renameCollection": collections.rename_collection,
    "listIndexes": collections.list_indexes,
    "createIndexes": collections.create_indexes,
    "dropIndexes": collections.drop_indexes,
    "validate": collections.validate,
    "collStats": collections.collection_statistics,
    "collstats": collections.collection_statistics,
    "dbStats": collections.database_statistics,
    "dbstats": collections.database_statistics,
    "find": reading.find,
    "getMore": reading.get_more,
    "killCursors": reading.kill_cursors,
    "count": reading.count,
    "distinct": reading.distinct,
    "aggregate": aggregating.aggregate,
    "explain": reading.explain,
    "insert": writing.insert,
    "update": writing.update,
    "delete": writing.delete,
    "findAndModify": writing.find_and_modify,
    "findandmodify": writing.find_and_modify,
}

# what a standalone has, and this server has not
_MISSING: Final = frozenset(
    (
        *("collMod", "compact", "convertToCapped", "createUser", "currentOp", "dropUser", "fsync", "killOp"),
        *("mapReduce", "mapreduce", "profile", "reIndex", "top"),
    )
)


def run(state: State, command: Command) -> Reply:
    """Run a command, atomically, and return its reply; whatever goes wrong is one, too."""
    try:
        _refuse_what_a_standalone_refuses(command)
        handler = _handler_of(command)
        refuse_unknown(next(iter(command)), command)
        with state.lock:
            return handler(state, command)
    except Exception as error:  # a bug of mongomock's must not end the connection
        return failure(translated(error))


def _handler_of(command: Command) -> Callable[[State, Command], Reply]:
    name = next(iter(command))
    if name in _MISSING:
        raise CommandError(NOT_IMPLEMENTED, f"mongomock has no {name}")
    if name not in COMMANDS:
        raise CommandError(COMMAND_NOT_FOUND, f"no such command: '{name}'")
    return COMMANDS[name]


def _refuse_what_a_standalone_refuses(command: Command) -> None:
    if "txnNumber" in command or "startTransaction" in command or command.get("autocommit") is False:
        raise CommandError(
            ILLEGAL_OPERATION, "Transaction numbers are only allowed on a replica set member or mongos"
        )
    wanted = command.get("writeConcern", {}).get("w", 1)
    if isinstance(wanted, int) and wanted > 1:
        raise CommandError(BAD_VALUE, "cannot use 'w' > 1 when a host is not replicated")
