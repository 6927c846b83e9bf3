"""Values that nobody means well with, at every door of the stores."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bson import Code, ObjectId
from pynenc.identifiers.call_id import CallId
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.models.call_dto import CallDTO
from pynenc.models.invocation_dto import InvocationDTO
from pynenc.runner.runner_context import RunnerContext
from pynenc.state_backend.base_state_backend import InvocationHistory
from pynenc.trigger.monitoring import EventRecord

from pynenc_mongo.errors import PynencMongoError
from tests.state_backend.helpers import BAKE, workflow
from tests.whole_lives import RUNNER, app

MEBIBYTE = 1 << 20
NO_TEXTS: list[Any] = [
    None, True, 0, 5, 2**64, 5.5, b"x", b"", [], ["witness"], {}, {"$ne": None}, {"$gt": ""},
    {"$exists": True}, {"$regex": ""}, {"_id": "witness"}, {"$where": "true"}, ("witness",),
    re.compile(""), re.compile(b"witness"),
    {"witness"}, ObjectId("0" * 24), Code("true"), datetime(2024, 1, 1, tzinfo=UTC), object(), Exception,
]  # fmt: skip
PIECES = [
    "$", ".", "$ne", "a.b", "$where", "\0", "\ud800", "\udfff", "\ud83d\ude00", "😀", "é", "é", "\U0010ffff",
    "\ufeff", "\u202e", ".*", "^", "[", "(?i)", "\\", "'", '"', "\n", " ", "{", "}", "witness", "WITNESS",
    "__proto__", "%", "_", ":", ";", "~", "../", "null", "None", "0", "-1", "1e309", "system.", "\x7f",
    "\x1b[2J",
]  # fmt: skip
EDGES_OF_TIME = [
    datetime.max, datetime.min, datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime(1970, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
]  # fmt: skip


def hostile_text(dice: random.Random) -> str:
    """Return a text of what is special to somebody; one of a hundred is of a mebibyte."""
    text = "".join(dice.choices(PIECES, k=dice.randint(0, 4)))
    return (text or "x") * (MEBIBYTE // max(len(text), 1)) if dice.random() < 0.01 else text


@dataclass(frozen=True)
class Door:
    """A way into a store: stores a value under a text that is handed in, or under which it finds nothing."""

    name: str
    store: Callable[[Any, str], object]
    find: Callable[[Any], object]
    keeps: bool = True  # the text that is stored
    takes_none: bool = False  # for any, or for nobody, and so an empty text


def doors() -> Iterator[Door]:
    """Return doors that find what was stored as the text that was stored, in whatever shape, or None."""
    backend: Any = app.state_backend
    orchestrator: Any = app.orchestrator
    trigger: Any = app.trigger
    data: Any = app.client_data_store
    broker: Any = app.broker
    yield Door("a result", backend._set_result, backend._get_result)
    yield Door("an exception", backend._set_exception, backend._get_exception)
    yield Door(
        "outcomes",
        backend._set_result,
        lambda key: [each.result[0] for each in backend.get_outcomes([key]).values() if each.result],
    )
    yield Door("client data", data._store, data._retrieve)
    yield Door(
        "a workflow's key",
        lambda key, text: backend.set_workflow_data(workflow("run"), key, text),
        lambda key: backend.get_workflow_data(workflow("run"), key),
    )
    yield Door(
        "a workflow's id",
        lambda key, text: backend._workflows.set_data(key, "key", text),
        lambda key: backend._workflows.get_data(key, "key"),
    )
    yield Door(
        "an invocation's id",
        lambda key, text: backend._upsert_invocations([_entry(key, text)]),
        lambda key: (found := backend._get_invocation(key)) and found[1].serialized_arguments.get("text"),
    )
    yield Door(
        "invocations' ids",
        lambda key, text: backend._upsert_invocations([_entry(key, text)]),
        lambda key: [
            call.serialized_arguments["text"] for _, call in backend.get_stored_invocations([key]).values()
        ],
    )
    yield Door(
        "a parent's id",
        lambda key, text: backend._upsert_invocations([_entry(text, text, parent=key)]),
        lambda key: list(backend.get_child_invocations(key)),
        takes_none=True,
    )
    yield Door(
        "an event's id at an invocation",
        lambda key, text: backend._upsert_invocations([_entry(text, text, event=key)]),
        lambda key: list(backend.get_invocations_by_parent_event(key)),
        takes_none=True,
    )
    yield Door(
        "a workflow of invocations",
        lambda key, text: backend.store_workflow_sub_invocation(key, InvocationId(text)),
        lambda key: list(backend.get_workflow_sub_invocations(key)),
    )
    yield Door(
        "a history", _add_history, lambda key: [each.runner_context_id for each in backend.get_history(key)]
    )
    yield Door(
        "histories",
        _add_history,
        lambda key: [
            each.runner_context_id for found in backend.get_histories([key]).values() for each in found
        ],
    )
    yield Door(
        "a runner's context",
        lambda key, text: backend._store_runner_context(RunnerContext("ThreadRunner", key, None, 1, text, 2)),
        lambda key: (found := backend._get_runner_context(key)) and found.hostname,
    )
    yield Door(
        "a status",
        lambda key, text: orchestrator._invocations.register([_registered(key, text)]),
        lambda key: orchestrator.get_invocation_status_record(key).runner_id,
    )
    yield Door(
        "who is waited for",
        lambda key, text: orchestrator.blocking_control.waiting_for_results(key, [InvocationId(text)]),
        lambda key: [each for found in orchestrator.get_waited_for([key]).values() for each in found],
    )
    yield Door(
        "a queue's invocation",
        lambda key, _: broker._route_invocation(key, "default", 0.0),
        lambda key: list(broker.queued_among([key])),
        keeps=False,
    )
    yield Door("an event's id", lambda key, text: trigger.store_event(_event(key, text)), _payload_of_event)
    yield Door(
        "an event's code",
        lambda key, text: trigger.store_event(_event(text, text, code=key)),
        lambda key: [each.payload["text"] for each in trigger.get_events(event_code=key)],
        takes_none=True,
    )
    yield Door(
        "an emitter's id",
        lambda key, text: trigger.store_event(_event(text, text, emitter=key)),
        lambda key: [each.payload["text"] for each in trigger.get_events_emitted_by_invocation(key)],
        takes_none=True,
    )


def _entry(key: Any, text: str, parent: Any = None, event: Any = None) -> tuple[InvocationDTO, CallDTO]:
    call_id = CallId(BAKE, "args")
    return InvocationDTO(key, call_id, None, parent, event), CallDTO(call_id, {"text": text, "$ne": "a.b"})


def _registered(key: Any, text: str) -> Any:
    from pynenc_mongo.orchestrator.documents import encode_invocation

    return encode_invocation(
        key, BAKE, CallId(BAKE, "args"), InvocationStatusRecord(InvocationStatus.PENDING, text)
    )


def _add_history(key: Any, text: str) -> None:
    record = InvocationStatusRecord(InvocationStatus.REGISTERED, RUNNER.runner_id)
    app.state_backend._add_histories([key], InvocationHistory(key, record, text))


def _event(key: Any, text: str, code: Any = "a code", emitter: Any = None) -> EventRecord:
    return EventRecord(
        event_id=key,
        event_code=code,
        timestamp=datetime.now(UTC),
        payload={"text": text, "$ne": {"a.b": None}},
        emitted_by_invocation_id=emitter,
    )


def _payload_of_event(key: Any) -> object:
    found = app.trigger.get_event(key)
    return found and found.payload["text"]


def visitors() -> list["Visitor"]:
    """Return one for each door."""
    made = list(map(Visitor, doors()))
    for each in made:
        each.begin()
    return made


class Visitor:
    """Enters by a door with hostile values, and looks at what it gets, and at the witness."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._number = 0
        self._witness = ""
        door.store("witness", f"the witness of {door.name}")

    def begin(self) -> None:
        """Note what the witness is, once all doors have theirs: some lead to one collection."""
        self._witness = repr(self._door.find("witness"))

    def knock(self, value: Any) -> list[str]:
        """Ask for what is no text, and store it: return what is wrong with the answers."""
        if value is None and self._door.takes_none:
            return []
        wrong = [
            said
            for what, call in (
                ("finds", self._door.find),
                ("stores", lambda key: self._door.store(key, f"stolen by {self._door.name}")),
            )
            if (said := self._answer(what, call, value))
        ]
        if repr(self._door.find("witness")) != self._witness:
            wrong.append(f"{self._door.name} with {value!r:.80} changes the witness")
        return wrong

    def _answer(self, what: str, call: Callable[[Any], object], value: Any) -> str:
        try:
            found = call(value)
        except (PynencMongoError, KeyError):
            return ""
        except Exception as error:  # which is what is looked for
            return f"{self._door.name} {what} {value!r:.80} with {error!r:.200}"
        if what == "stores" or found is None or found == []:
            return ""
        return f"{self._door.name} {what} {found!r:.80} with {value!r:.80}"

    def store(self, text: str) -> tuple[bool, list[str]]:
        """Store something under a text: return whether it was taken, and what is wrong with what is found."""
        self._number += 1
        value = f"{self._door.name} {self._number}"
        if text == "witness" or (not text and self._door.takes_none):
            return False, []
        try:
            before = self._door.find(text)
        except (PynencMongoError, KeyError):
            before = None
        try:
            self._door.store(text, value)
        except PynencMongoError:
            return False, self._still(text, before)
        except Exception as error:  # which is what is looked for
            return False, [f"{self._door.name} stores {text!r:.80} with {error!r:.200}"]
        found = self._door.find(text)
        if not self._door.keeps:
            value = text
        is_there = value in found if isinstance(found, list) else found in (value, before or value)
        wrong = [] if is_there else [f"{self._door.name} finds {found!r:.80} of {value!r} under {text!r:.80}"]
        if repr(self._door.find("witness")) != self._witness:
            wrong.append(f"{self._door.name} with {text!r:.80} changes the witness")
        return True, wrong

    def _still(self, text: str, before: object) -> list[str]:
        """Return what is wrong where nothing was stored."""
        try:
            now = self._door.find(text)
        except (PynencMongoError, KeyError):
            now = None
        return [] if now == before else [f"{self._door.name} refuses {text!r:.80}, and finds {now!r:.80}"]
