"""Commands that write documents: insert, update, delete, findAndModify."""

from collections.abc import Callable, Sequence
from typing import Any

from bson import encode
from bson.raw_bson import RawBSONDocument

from pynenc_mongo.mongomock_server import lookup
from pynenc_mongo.mongomock_server.changes import check_change, has_operators
from pynenc_mongo.mongomock_server.commands.fields import refuse_unknown
from pynenc_mongo.mongomock_server.commands.state import Command, Reply, State, check_hint, order_in, refuse
from pynenc_mongo.mongomock_server.messages import CODEC
from pynenc_mongo.mongomock_server.replies import (
    FAILED_TO_PARSE,
    INVALID_LENGTH,
    TYPE_MISMATCH,
    CommandError,
    translated,
    write_error,
)

MOST_STATEMENTS = 100_000


def insert(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/insert/."""
    collection = state.collection(command)
    documents = _statements(command, "documents")
    errors = _each(documents, command, lambda _, document: lookup.insert(collection, document))
    return _reply(len(documents) if not errors else _done(documents, errors, command), errors)


def update(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/update/."""
    collection = state.collection(command)
    refuse(command, "let")
    matched = modified = 0
    upserted: list[dict[str, Any]] = []

    def run(index: int, statement: Command) -> None:
        nonlocal matched, modified
        done = _update(collection, statement)
        matched += done.matched
        modified += done.modified
        if done.upserted:
            upserted.append({"index": index, "_id": done.document["_id"]})

    errors = _each(_statements(command, "updates"), command, run)
    reply = {**_reply(matched, errors), "nModified": modified}
    return {**reply, "upserted": upserted} if upserted else reply


def delete(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/delete/."""
    collection = state.collection(command)
    refuse(command, "let")
    deleted = 0

    def run(_: int, statement: Command) -> None:
        nonlocal deleted
        refuse(statement, "collation")
        check_hint(collection, statement)
        if statement.get("limit") not in (0, 1):
            raise CommandError(
                FAILED_TO_PARSE,
                f"The limit field in delete objects must be 0 or 1. Got {statement.get('limit')}",
            )
        deleted += lookup.delete(collection, statement["q"], multi=not statement["limit"])

    errors = _each(_statements(command, "deletes"), command, run)
    return _reply(deleted, errors)


def find_and_modify(state: State, command: Command) -> Reply:
    """See https://www.mongodb.com/docs/manual/reference/command/findAndModify/."""
    collection = state.collection(command)
    refuse(command, "collation", "arrayFilters", "let")
    check_hint(collection, command)
    removes, change = bool(command.get("remove")), command.get("update")
    if removes == (change is not None):
        raise CommandError(FAILED_TO_PARSE, "Either an update or remove=true must be specified, and not both")
    if removes and command.get("new"):
        raise CommandError(
            FAILED_TO_PARSE,
            "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document",
        )
    wanted, fields = command.get("query") or {}, command.get("fields") or None
    found = lookup.find(collection, wanted, order_in(command), limit=1)
    before = next(iter(found), None)
    if before is None and (removes or not command.get("upsert")):
        return {
            "lastErrorObject": {"n": 0, "updatedExisting": False} if not removes else {"n": 0},
            "value": None,
            "ok": 1.0,
        }
    if removes and before is not None:
        value = _shown(collection, before, fields)
        lookup.delete(collection, {"_id": before["_id"]}, multi=False)
        return {"lastErrorObject": {"n": 1}, "value": value, "ok": 1.0}
    return _modified(collection, command, before, fields)


def _modified(collection: Any, command: Command, before: Any, fields: Any) -> Reply:
    """Update what findAndModify found, or insert what it did not find."""
    wanted, change = command.get("query") or {}, command["update"]
    check_change(change)
    if before is not None:
        old = _shown(collection, before, fields)
        done = lookup.update(collection, {**wanted, "_id": before["_id"]}, change, multi=False, upsert=False)
        last = {"n": 1, "updatedExisting": True}
    else:
        old = None
        done = lookup.update(collection, wanted, change, multi=False, upsert=True)
        last = {"n": 1, "updatedExisting": False, "upserted": done.document["_id"]}
    value = _shown(collection, done.document, fields) if command.get("new") else old
    return {"lastErrorObject": last, "value": value, "ok": 1.0}


def _update(collection: Any, statement: Command) -> lookup.Updated:
    refuse(statement, "collation", "arrayFilters", "c")
    check_hint(collection, statement)
    change, multi = statement.get("u"), bool(statement.get("multi"))
    check_change(change)
    if multi and isinstance(change, dict) and not has_operators(change):
        raise CommandError(FAILED_TO_PARSE, "multi update is not supported for replacement-style update")
    return lookup.update(
        collection, statement["q"], change, multi=multi, upsert=bool(statement.get("upsert"))
    )


def _shown(collection: Any, document: Any, fields: Any) -> Any:
    """Return what a reply says of a stored document, which may change after this."""
    (shown,) = lookup.projected(collection, [document], fields)
    return RawBSONDocument(encode(shown, codec_options=CODEC))


def _statements(command: Command, name: str) -> Sequence[dict[str, Any]]:
    statements = command.get(name)
    if not isinstance(statements, list) or not all(isinstance(each, dict) for each in statements):
        raise CommandError(TYPE_MISMATCH, f"BSON field '{name}' is missing or is no array of objects")
    if not 0 < len(statements) <= MOST_STATEMENTS:
        raise CommandError(
            INVALID_LENGTH,
            f"Write batch sizes must be between 1 and {MOST_STATEMENTS}. Got {len(statements)} operations.",
        )
    for statement in statements:
        refuse_unknown(f"{next(iter(command))}.{name}", statement)
    return statements


def _each(
    statements: Sequence[dict[str, Any]], command: Command, run: Callable[[int, dict[str, Any]], Any]
) -> list[dict[str, Any]]:
    """Run each statement; return the errors of those that failed, only the first one if they are ordered."""
    errors = []
    for index, statement in enumerate(statements):
        try:
            run(index, statement)
        except Exception as error:  # whatever mongomock raises is this statement's outcome
            errors.append(write_error(index, translated(error)))
            if command.get("ordered", True):
                break
    return errors


def _done(statements: Sequence[Any], errors: Sequence[dict[str, Any]], command: Command) -> int:
    if command.get("ordered", True):
        index: int = errors[0]["index"]
        return index
    return len(statements) - len(errors)


def _reply(count: int, errors: list[dict[str, Any]]) -> Reply:
    return {"n": count, **({"writeErrors": errors} if errors else {}), "ok": 1.0}
