"""The mongomock server's fail points in SecantusDB's process.

SecantusDB has a `failCommand` of its own, which does not say how often it struck, and cannot lose the answer
to a command that is carried out. So both engines have the same.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from pynenc_mongo.mongomock_server.failpoints import (
    AFTER_NAME,
    NAME,
    PARAMETER_PREFIX,
    FailPoints,
)
from pynenc_mongo.mongomock_server.replies import CommandError, failure

type Dispatch = Callable[[Mapping[str, Any], Any], dict[str, Any]]

_NAMES = (NAME, AFTER_NAME)
# errors by which drivers learn that a member is no primary any more, or shuts down
_OF_CHANGED_MEMBERS = (91, 189, 10107, 11600, 11602, 13435, 13436)


def install() -> None:
    """Have every command of this process's servers pass by these fail points."""
    from secantus import server
    from secantus.failpoints import CloseConnectionRequested

    def close() -> NoReturn:
        raise CloseConnectionRequested

    server.dispatch = _Dispatch(server.dispatch, close).answer


class _Dispatch:
    """What answers a command, between the server's sockets and its own way to answer."""

    def __init__(self, dispatch: Dispatch, close: Callable[[], NoReturn]) -> None:
        self._dispatch = dispatch
        self._close = close
        self._points = FailPoints()

    def answer(self, command: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Return the reply to a command, or have the server close its connection."""
        if command.get("configureFailPoint") in _NAMES:
            return self._configured(command, context)
        if "getParameter" in command and any(name.startswith(PARAMETER_PREFIX) for name in command):
            return self._parameters(command, context)
        fault = self._points.failure_of(command, _app_name(context)) if self._points.are_on else None
        if fault is None:
            return self._dispatch(command, context)
        reply = self._points.fail(fault, lambda: self._dispatch(command, context))
        if reply is None:
            return self._close()
        if reply.get("code") in _OF_CHANGED_MEMBERS:
            # as mongod does; without it a driver waits until it hears of the change, which was none
            hello = self._dispatch({"hello": 1, "$db": "admin"}, context)
            reply["topologyVersion"] = hello["topologyVersion"]
        return reply

    def _configured(self, command: Mapping[str, Any], context: Any) -> dict[str, Any]:
        # whether the user may do that is the server's to say
        reply = self._dispatch({**command, "configureFailPoint": NAME, "mode": "off"}, context)
        if not reply["ok"]:
            return reply
        try:
            answer = self._points.configure(command)
        except CommandError as error:
            return failure(error)
        self._points.settle(command)
        return {**reply, **answer}

    def _parameters(self, command: Mapping[str, Any], context: Any) -> dict[str, Any]:
        asked = {name: value for name, value in command.items() if not name.startswith(PARAMETER_PREFIX)}
        reply = self._dispatch({**asked, "enableTestCommands": 1}, context)
        return {**reply, **self._points.parameters(command)} if reply["ok"] else reply


def _app_name(context: Any) -> str:
    """Return how the client of a command introduced itself, which its first command says."""
    connection = context.connections.get(context.connection_id)
    metadata = (connection and connection.client_metadata) or {}
    return str(metadata.get("application", {}).get("name", ""))
