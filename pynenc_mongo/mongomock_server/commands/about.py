"""Commands about the server itself, what drivers and shells ask at their start among them."""

import os
import socket
import sys
import time
from datetime import UTC, datetime
from typing import Any

from pynenc_mongo.mongomock_server.commands.state import Command, Reply, State
from pynenc_mongo.mongomock_server.commands.writing import MOST_STATEMENTS
from pynenc_mongo.mongomock_server.messages import DOCUMENT_LIMIT_BYTES, MESSAGE_LIMIT_BYTES
from pynenc_mongo.mongomock_server.replies import AUTHENTICATION_FAILED, INVALID_OPTIONS, CommandError

# whose behaviour mongomock follows, and the wire version that belongs to it
VERSION = "5.0.5"
_WIRE_VERSION = 13
_SESSION_MINUTES = 30
_PARAMETERS: dict[str, Any] = {
    "enableTestCommands": True,  # failCommand works
    "featureCompatibilityVersion": {"version": "5.0"},
    "authenticationMechanisms": [],
    "requireApiVersion": False,
    "transactionLifetimeLimitSeconds": 60,
}


def hello(_: State, command: Command) -> Reply:
    """Say that this is a standalone: https://www.mongodb.com/docs/manual/reference/command/hello/."""
    return {
        "helloOk": True,
        "ismaster" if "hello" not in command else "isWritablePrimary": True,
        "maxBsonObjectSize": DOCUMENT_LIMIT_BYTES,
        "maxMessageSizeBytes": MESSAGE_LIMIT_BYTES,
        "maxWriteBatchSize": MOST_STATEMENTS,
        "localTime": datetime.now(UTC),
        "logicalSessionTimeoutMinutes": _SESSION_MINUTES,
        "minWireVersion": 0,
        "maxWireVersion": _WIRE_VERSION,
        "readOnly": False,
        "ok": 1.0,
    }


def nothing(_: State, __: Command) -> Reply:
    """Answer what has no effect here: ping, and the care of sessions that hold nothing."""
    return {"ok": 1.0}


def build_info(_: State, __: Command) -> Reply:
    from importlib import metadata  # late: it would double the time of the server's start

    return {
        "version": VERSION,
        "versionArray": [*map(int, VERSION.split(".")), 0],
        "gitVersion": "mongomock",
        "modules": [],
        "mongomock": metadata.version("mongomock"),
        "sysInfo": f"mongomock behind MongoDB's wire protocol, Python {sys.version.split()[0]}",
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": DOCUMENT_LIMIT_BYTES,
        "ok": 1.0,
    }


def server_status(state: State, _: Command) -> Reply:
    return {
        "host": socket.gethostname(),
        "version": VERSION,
        "process": "mongomock",
        "pid": os.getpid(),
        "uptime": time.monotonic() - state.started_at,
        "localTime": datetime.now(UTC),
        "connections": {"current": state.connections},
        "storageEngine": {"name": "mongomock", "persistent": False},
        "ok": 1.0,
    }


def connection_status(_: State, __: Command) -> Reply:
    return {"authInfo": {"authenticatedUsers": [], "authenticatedUserRoles": []}, "ok": 1.0}


def users(_: State, __: Command) -> Reply:
    return {"users": [], "ok": 1.0}


def command_line(_: State, __: Command) -> Reply:
    return {"argv": [sys.executable, "-m", "pynenc_mongo.mongomock_server"], "parsed": {}, "ok": 1.0}


def get_parameter(state: State, command: Command) -> Reply:
    if command["getParameter"] == "*":
        return {**_PARAMETERS, "ok": 1.0}
    found = {name: value for name, value in _PARAMETERS.items() if name in command}
    found |= state.fail_points.parameters(command)
    if not found:
        raise CommandError(INVALID_OPTIONS, "no option found to get")
    return {**found, "ok": 1.0}


def who_am_i(_: State, __: Command) -> Reply:
    return {"you": "unix socket", "ok": 1.0}


def log(_: State, command: Command) -> Reply:
    if command["getLog"] == "*":
        return {"names": ["global", "startupWarnings"], "ok": 1.0}
    return {"totalLinesWritten": 0, "log": [], "ok": 1.0}


def authenticate(_: State, __: Command) -> Reply:
    raise CommandError(AUTHENTICATION_FAILED, "mongomock has no users: connect without a name and a password")


def configure_fail_point(state: State, command: Command) -> Reply:
    return state.fail_points.configure(command)
