"""What a look at an app costs, once a test has failed; and that what it meets is no failure of its own."""

from unittest import mock

import pytest
from pynenc import Pynenc

from pynenc_mongo.errors import MongoOutageError
from pynenc_mongo.storage import client
from pytest_pynenc_mongo import story
from pytest_pynenc_mongo.observing import observe
from tests.budgets.test_commands import (  # noqa: F401 - fixtures
    app,
    database,
    live,
    texts,
    url,
    used_app,
)
from tests.commands import CommandLog

MOST_COMMANDS = 20


def test_a_look_takes_as_many_commands_for_many_tasks_as_for_one(
    used_app: Pynenc, commands: CommandLog
) -> None:
    commands.take()
    assert len(observe(used_app).own) == 1
    for_one = texts(commands)
    for _ in range(10):
        live(used_app, commands)
    commands.take()
    assert len(observe(used_app).own) == 11
    assert texts(commands) == for_one
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
    assert texts(commands) == ["ping"]


def test_a_server_that_has_gone_is_asked_nothing(
    used_app: Pynenc, url: str, commands: CommandLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.take()
    monkeypatch.setattr(client, "how_it_ended", lambda _: "mongomock (pid 7) ended with SIGKILL")
    seen = observe(used_app)
    assert story.lines(seen) == ["nothing could be read: mongomock (pid 7) ended with SIGKILL"]
    assert texts(commands) == []
