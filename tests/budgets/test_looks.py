"""What a look at an app costs, once a test has failed; and that what it meets is no failure of its own."""

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from pynenc import Pynenc
from pynenc.identifiers.invocation_id import InvocationId
from pynenc.identifiers.task_id import TaskId
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord

from pynenc_mongo.errors import MongoOutageError
from pynenc_mongo.orchestrator.invocations import Registered
from pynenc_mongo.storage import client
from pytest_pynenc_mongo import observing, story
from pytest_pynenc_mongo.observing import observe
from tests.budgets.phases import live
from tests.commands import CommandLog

MOST_COMMANDS = 20


def test_a_look_takes_as_many_commands_for_many_tasks_as_for_one(
    used_app: Pynenc, commands: CommandLog
) -> None:
    commands.take()
    assert len(observe(used_app).own) == 1
    for_one = commands.take_texts()
    for _ in range(10):
        live(used_app, commands)
    commands.take()
    assert len(observe(used_app).own) == 11
    assert commands.take_texts() == for_one
    assert len(for_one) <= MOST_COMMANDS
    assert not [command for command in for_one if not command.startswith(("find", "distinct", "ping"))]


def test_what_cannot_be_read_is_said_and_the_rest_is_there(used_app: Pynenc) -> None:
    with mock.patch.object(used_app.trigger, "get_all_triggers", side_effect=RuntimeError("no such trigger")):
        seen = observe(used_app)
    assert seen.unread == ("the triggers could not be read: RuntimeError: no such trigger",)
    assert story.lines(seen)[0] == seen.unread[0]
    assert len(seen.own) == 1


def test_after_an_outage_nothing_more_is_asked(used_app: Pynenc, commands: CommandLog) -> None:
    commands.take()
    outage = MongoOutageError("no answer")
    with mock.patch.object(used_app.orchestrator, "get_registered", side_effect=outage):
        seen = observe(used_app)
    assert seen.unread == ("the invocations could not be read: MongoOutageError: no answer",)
    assert commands.take_texts() == ["ping"]


def test_a_server_that_has_gone_is_asked_nothing(
    used_app: Pynenc, url: str, commands: CommandLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.take()
    monkeypatch.setattr(client, "how_it_ended", lambda _: "mongomock (pid 7) ended with SIGKILL")
    seen = observe(used_app)
    assert story.lines(seen) == ["nothing could be read: mongomock (pid 7) ended with SIGKILL"]
    assert commands.take_texts() == []


def test_of_many_those_are_told_that_failed_and_those_that_came_first() -> None:
    task, start = TaskId("shop.app", "recurse"), datetime(2026, 1, 1, tzinfo=UTC)

    def registered(second: int, status: InvocationStatus) -> Registered:
        at = start + timedelta(seconds=second)
        record = InvocationStatusRecord(status, None, at)
        return Registered(InvocationId(str(second)), task, record, at, 0, has_slot=False)

    done = [registered(second, InvocationStatus.SUCCESS) for second in range(10)]
    waiting = [registered(second, InvocationStatus.PAUSED) for second in range(10, 200)]
    failed = registered(200, InvocationStatus.FAILED)
    told = observing._worth_telling([failed, *reversed(waiting), *reversed(done)])
    assert told[0] == failed
    assert told[1:] == waiting[: len(told) - 1]
    assert 20 < len(told) < 100
