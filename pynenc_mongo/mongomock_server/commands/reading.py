"""Commands that read: find, count, distinct, explain, and what follows on an open cursor."""

from collections.abc import Mapping
from typing import Any

from bson import encode

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.mongomock_server.commands.state import (
    Command,
    Reply,
    State,
    check_hint,
    count_in,
    encoded,
    namespace,
    order_in,
    refuse,
)
from pynenc_mongo.mongomock_server.messages import CODEC, DOCUMENT_LIMIT_BYTES
from pynenc_mongo.mongomock_server.replies import (
    BAD_VALUE,
    COMMAND_NOT_FOUND,
    FAILED_TO_PARSE,
    TYPE_MISMATCH,
    CommandError,
)

_DISTINCT_TOO_BIG = 17217


def find(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/find/."""
    collection = state.collection(command)
    refuse(command, "collation", "min", "max", "returnKey", "showRecordId", "let")
    if command.get("tailable"):
        raise CommandError(
            BAD_VALUE,
            f"tailable cursor requested on non capped collection: {namespace(command)}",
        )
    hinted = check_hint(collection, command)
    limit = count_in(command, "limit")
    documents = encoded(
        lookup.find(
            collection,
            _filter_in(command, "filter"),
            order_in(command) or hinted,
            skip=count_in(command, "skip"),
            limit=limit,
            projection=command.get("projection"),
        )
    )
    size = count_in(command, "batchSize") if "batchSize" in command else None
    return state.cursors.first_batch(
        namespace(command),
        documents,
        size,
        single=bool(command.get("singleBatch")),
        looks_on=len(documents) != limit,
        has_time_limit=bool(command.get("maxTimeMS")),
    )


def get_more(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/getMore/."""
    number, collection = command["getMore"], command.get("collection")
    if not isinstance(number, int) or not isinstance(collection, str):
        raise CommandError(
            TYPE_MISMATCH, "getMore takes the number of a cursor and the name of its collection"
        )
    if state.cursors.has_time_limit(number):
        state.fail_points.refuse_late()
    name = f"{command['$db']}.{collection}"
    return state.cursors.next_batch(number, name, count_in(command, "batchSize") or None)


def kill_cursors(state: State, command: Command) -> Reply:
    return state.cursors.kill(command.get("cursors", ()))


def count(state: State, command: Command) -> Reply:
    collection = state.collection(command)
    refuse(command, "collation")
    check_hint(collection, command)
    found = lookup.find(
        collection,
        _filter_in(command, "query"),
        skip=count_in(command, "skip"),
        limit=abs(int(command.get("limit") or 0)),
    )
    return {"n": sum(1 for _ in found), "ok": 1.0}


def distinct(state: State, command: Command) -> Reply:
    collection = state.collection(command)
    refuse(command, "collation")
    key = command.get("key")
    if not isinstance(key, str):
        raise CommandError(
            TYPE_MISMATCH, "BSON field 'distinct.key' is the wrong type, expected type 'string'"
        )
    reply = {"values": lookup.distinct(collection, key, _filter_in(command, "query")), "ok": 1.0}
    if len(encode(reply, codec_options=CODEC)) > DOCUMENT_LIMIT_BYTES:
        raise CommandError(_DISTINCT_TOO_BIG, "distinct too big, 16mb cap")
    return reply


def explain(state: State, command: Command) -> Reply:
    """Say how mongomock finds what a command asks for: by key, or by looking at every document."""
    explained = command["explain"]
    if not isinstance(explained, dict) or not explained:
        raise CommandError(FAILED_TO_PARSE, "explain takes a command")
    name = next(iter(explained))
    if name not in ("find", "count", "distinct", "aggregate", "findAndModify", "delete", "update"):
        raise CommandError(COMMAND_NOT_FOUND, f"Explain failed due to unknown command: {name}")
    check_hint(state.named(command["$db"], str(explained[name])), explained)
    statements = explained.get("deletes") or explained.get("updates") or [explained]
    wanted = statements[0].get("filter") or statements[0].get("query") or statements[0].get("q") or {}
    return plan({**explained, "$db": command["$db"]}, wanted)


def plan(command: Command, wanted: Any) -> Reply:
    """Return what explain says."""
    stage = "IDHACK" if isinstance(wanted, dict) and "_id" in wanted else "COLLSCAN"
    plan = {"stage": stage, "filter": wanted}
    return {
        "explainVersion": "1",
        "queryPlanner": {"namespace": namespace(command), "winningPlan": plan, "rejectedPlans": []},
        "executionStats": {"executionSuccess": True, "executionStages": plan},
        "command": dict(command),
        "ok": 1.0,
    }


def _filter_in(command: Command, name: str) -> Mapping[str, Any]:
    wanted = command.get(name)
    if wanted is None:
        return {}
    if not isinstance(wanted, dict):
        raise CommandError(TYPE_MISMATCH, f"BSON field '{name}' is the wrong type, expected type 'object'")
    return wanted
