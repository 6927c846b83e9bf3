"""More connections than there can be, silent ones, and messages that are announced and never come."""

import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import WriteError

from pynenc_mongo.mongomock_server.commands import State
from pynenc_mongo.mongomock_server.messages import MESSAGE_LIMIT_BYTES
from pynenc_mongo.mongomock_server.process import MongomockServer
from tests.mongomock_server.fuzz import connected, path_in, sizes_at_rest, sizes_of
from tests.mongomock_server.lines import Client, answer, is_closed, message, raw_line
from tests.plugin.helpers import wait_until

PING = message({"ping": 1, "$db": "admin"})
SILENT = 200
# of one connection that says nothing, its thread included: about 40 KiB were measured
SILENT_MIB = 0.15


@contextmanager
def silent_lines(running: MongomockServer, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as lines:
        yield [lines.enter_context(raw_line(running)) for _ in range(count)]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_server_without_file_descriptors_accepts_again_when_others_have_gone(
    starting: Callable[[], MongomockServer],
) -> None:
    running = starting()
    room = 20
    limit = sizes_at_rest(running).descriptors + room
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with silent_lines(running, room) as first:
        for line in first:
            line.sendall(PING)
        assert [answer(line)["ok"] for line in first] == [1.0] * room
        with silent_lines(running, 5) as waiting:
            for line in waiting:
                line.sendall(PING)
            waiting[0].settimeout(0.2)
            with pytest.raises(TimeoutError):  # the control: the limit is one
                waiting[0].recv(1)
            waiting[0].settimeout(5.0)
            first[0].sendall(PING)
            assert answer(first[0])["ok"] == 1.0
            for line in first:
                line.close()
            assert [answer(line)["ok"] for line in waiting] == [1.0] * 5
    assert running.log == ""


def test_a_server_without_threads_closes_what_it_cannot_serve_and_accepts_again(
    serving: Callable[[State], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serving(State())
    start = threading.Thread.start
    refused: list[threading.Thread] = []

    def start_or_refuse(thread: threading.Thread) -> None:
        if thread.name.endswith("(serve)") and len(refused) < 3:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)
    for _ in range(3):
        with connected(path_in(url), 5.0) as line:
            assert is_closed(line)
    with connected(path_in(url), 5.0) as line:
        line.sendall(PING)
        assert answer(line)["ok"] == 1.0


def test_silent_connections_cost_little_and_nobody_else_anything(
    starting: Callable[[], MongomockServer],
) -> None:
    running = starting()
    at_rest = sizes_at_rest(running)
    with silent_lines(running, SILENT):
        wait_until(lambda: sizes_of(running).threads >= at_rest.threads + SILENT, 10.0, "all are accepted")
        with MongoClient[dict[str, Any]](running.url) as client:
            assert client.admin.command("ping")["ok"] == 1
        assert sizes_of(running).mib - at_rest.mib < SILENT * SILENT_MIB
    wait_until(lambda: sizes_of(running)[1:] == at_rest[1:], 10.0, "their threads have ended")


def test_what_is_announced_and_never_comes_takes_no_memory(starting: Callable[[], MongomockServer]) -> None:
    running = starting()
    at_rest = sizes_at_rest(running)
    with silent_lines(running, SILENT) as lines:
        for line in lines:
            line.sendall(struct.pack("<iiii", MESSAGE_LIMIT_BYTES, 1, 0, 2013) + bytes(100))
        wait_until(lambda: sizes_of(running).threads >= at_rest.threads + SILENT, 10.0, "all are accepted")
        with raw_line(running) as line:
            line.sendall(PING)
            assert answer(line)["ok"] == 1.0
        assert sizes_of(running).mib - at_rest.mib < 2 * SILENT * SILENT_MIB


def test_a_position_far_behind_the_end_of_an_array_is_refused(client: Client) -> None:
    """It would have to be filled with nulls up to there."""
    client.shop.things.insert_one({"_id": 1, "a": [1]})
    for place in (1_500_002, 10**9):
        with pytest.raises(WriteError) as refused:
            client.shop.things.update_one({"_id": 1}, {"$set": {f"a.{place}": 1}})
        assert refused.value.code == 34
    client.shop.things.update_one({"_id": 1}, {"$set": {"a.3": 1}})
    stored: Any = client.shop.things.find_one({"_id": 1})
    assert stored["a"] == [1, None, None, 1]
