"""A server that nobody can stop for the others."""

import socket
import struct
import threading
from typing import Any

import pytest
from bson import decode, encode
from pymongo import MongoClient, WriteConcern
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, OperationFailure, WriteError

from pynenc_mongo.mongomock_server import cursors
from pynenc_mongo.mongomock_server.cursors import Cursors
from pynenc_mongo.mongomock_server.process import MongomockServer
from pynenc_mongo.mongomock_server.replies import CommandError
from tests.mongomock_server.lines import Client, answer, is_closed, message, next_answer, raw_line

_MIB = 1024 * 1024


GARBAGE = {
    "text": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a negative length": struct.pack("<iiii", -1, 1, 0, 2013),
    "a header only": struct.pack("<iiii", 16, 1, 0, 2013),
    "100 MB": struct.pack("<iiii", 100_000_000, 1, 0, 2013),
    "an unknown operation": struct.pack("<iiii", 20, 1, 0, 2002) + b"abcd",
    "an unknown required flag": message({"ping": 1, "$db": "admin"}, flags=1 << 5),
    "an unknown section": struct.pack("<iiiiIB", 22, 1, 0, 2013, 0, 7) + b"x",
    "a document longer than its message": struct.pack("<iiiiIBi", 26, 1, 0, 2013, 0, 0, 500) + b"x",
    "broken BSON": struct.pack("<iiiiIBi", 31, 1, 0, 2013, 0, 0, 10) + b"\xff" * 6,
    "no command": struct.pack("<iiiiI", 20, 1, 0, 2013, 0),
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_costs_its_own_connection_only(
    mongomock_server: MongomockServer, client: Client, sent: bytes
) -> None:
    with raw_line(mongomock_server) as line:
        line.sendall(sent)
        assert is_closed(line)
    assert client.admin.command("ping")["ok"] == 1


def test_half_a_message_and_a_half_open_connection_stop_nobody(
    mongomock_server: MongomockServer, client: Client
) -> None:
    whole = message({"ping": 1, "$db": "admin"})
    with raw_line(mongomock_server) as half, raw_line(mongomock_server) as silent:
        half.sendall(whole[:-3])
        silent.shutdown(socket.SHUT_WR)
        assert client.admin.command("ping")["ok"] == 1
        half.sendall(whole[-3:])
        assert answer(half)["ok"] == 1
        assert is_closed(silent)


def test_whoever_does_not_read_stops_nobody(mongomock_server: MongomockServer, client: Client) -> None:
    client.shop.large.insert_many([{"_id": number, "text": "x" * _MIB} for number in range(8)])
    with raw_line(mongomock_server) as line:
        for _ in range(4):
            line.sendall(message({"find": "large", "$db": "shop"}))
        assert client.shop.large.count_documents({}) == 8
        assert len(answer(line)["cursor"]["firstBatch"]) == 8


def test_two_hundred_connections_are_answered(mongomock_server: MongomockServer) -> None:
    lines = [socket.socket(socket.AF_UNIX) for _ in range(200)]
    try:
        for line in lines:
            line.settimeout(10.0)
            line.connect(str(mongomock_server.socket_path))
        for line in lines:
            line.sendall(message({"ping": 1, "$db": "admin"}))
        assert [answer(line)["ok"] for line in lines] == [1.0] * 200
    finally:
        for line in lines:
            line.close()


def test_a_connection_that_is_closed_while_it_is_answered_leaves_no_trace(
    mongomock_server: MongomockServer, client: Client
) -> None:
    client.shop.large.insert_many([{"_id": number, "text": "x" * _MIB} for number in range(8)])
    for _ in range(20):
        with raw_line(mongomock_server) as line:
            line.sendall(message({"find": "large", "$db": "shop"}))
    closed = threading.Event()
    for _ in range(250):
        if client.admin.command("serverStatus")["connections"]["current"] < 10:
            break
        closed.wait(0.02)
    else:
        pytest.fail("the server still counts connections that are closed")


def test_an_old_handshake_is_answered(mongomock_server: MongomockServer) -> None:
    body = struct.pack("<i", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) + encode({"isMaster": 1})
    with raw_line(mongomock_server) as line:
        line.sendall(struct.pack("<iiii", 16 + len(body), 7, 0, 2004) + body)
        stream = line.makefile("rb")
        length, _, to, operation = struct.unpack("<iiii", stream.read(16))
        reply = decode(stream.read(length - 16)[20:])
    assert (to, operation, reply["ismaster"]) == (7, 1, True)


def test_a_checksum_is_passed_over(mongomock_server: MongomockServer) -> None:
    body = struct.pack("<IB", 1, 0) + encode({"ping": 1, "$db": "admin"}) + b"\x12\x34\x56\x78"
    with raw_line(mongomock_server) as line:
        line.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
        assert answer(line)["ok"] == 1


def test_it_says_that_it_is_a_standalone_and_mongomock(client: Client) -> None:
    hello = client.admin.command("hello")
    assert (hello["isWritablePrimary"], "setName" in hello, "msg" in hello) == (True, False, False)
    assert client.server_info()["mongomock"]
    assert client.admin.command("serverStatus")["process"] == "mongomock"
    assert client.topology_description.topology_type_name == "Single"


def test_a_document_of_16_mib_is_stored_and_a_larger_one_refused_by_the_server(
    mongomock_server: MongomockServer, client: Client
) -> None:
    room = 16 * _MIB - len(encode({"_id": 1, "text": ""}))
    client.shop.large.insert_one({"_id": 1, "text": "x" * room})
    assert client.shop.large.find_one({"_id": 1}) == {"_id": 1, "text": "x" * room}
    with pytest.raises(WriteError) as refused:
        client.shop.large.insert_one({"_id": 2, "text": "x" * (room + 1)})
    assert refused.value.code == 10334
    with pytest.raises(WriteError) as grown:
        client.shop.large.update_one({"_id": 1}, {"$set": {"more": 1}})
    assert grown.value.code == 10334
    assert client.shop.large.find_one({"_id": 1}, {"text": 0}) == {"_id": 1}
    with pytest.raises(DocumentTooLarge):  # the driver's own limit, told by hello
        client.shop.large.insert_one({"_id": 3, "text": "x" * (room + 17 * 1024)})


def test_replies_are_cut_into_batches_that_a_message_holds(client: Client) -> None:
    client.shop.large.insert_many([{"_id": number, "text": "x" * 5 * _MIB} for number in range(8)])
    first = client.shop.command("find", "large", sort={"_id": 1})["cursor"]
    assert [each["_id"] for each in first["firstBatch"]] == [0, 1, 2]
    more = client.shop.command("getMore", first["id"], collection="large")["cursor"]
    assert [each["_id"] for each in more["nextBatch"]] == [3, 4, 5]
    assert [each["_id"] for each in client.shop.large.find().sort("_id")] == list(range(8))


def test_cursors_are_read_killed_and_unknown(client: Client) -> None:
    client.shop.things.insert_many([{"_id": number} for number in range(300)])
    first = client.shop.command("find", "things")["cursor"]
    assert (len(first["firstBatch"]), first["ns"]) == (101, "shop.things")
    killed = client.shop.command("killCursors", "things", cursors=[first["id"], 5])
    assert (killed["cursorsKilled"], killed["cursorsNotFound"]) == ([first["id"]], [5])
    with pytest.raises(OperationFailure) as gone:
        client.shop.command("getMore", first["id"], collection="things")
    assert gone.value.code == 43
    assert client.shop.command("find", "things", batchSize=0)["cursor"]["firstBatch"] == []
    assert client.shop.command("find", "things", batchSize=2, singleBatch=True)["cursor"]["id"] == 0
    assert len(list(client.shop.things.find(batch_size=7))) == 300


def test_a_cursor_is_read_in_its_own_collection(client: Client) -> None:
    client.shop.things.insert_many([{"_id": number} for number in range(5)])
    opened = client.shop.command("find", "things", batchSize=2)["cursor"]["id"]
    with pytest.raises(OperationFailure) as refused:
        client.shop.command("getMore", opened, collection="others")
    assert refused.value.code == 43
    assert len(client.shop.command("getMore", opened, collection="things")["cursor"]["nextBatch"]) == 3


def test_a_cursor_that_nobody_reads_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    open_cursors, documents = Cursors(), [encode({"_id": number}) for number in range(3)]
    first, second = (open_cursors.first_batch("shop.things", documents, 1)["cursor"]["id"] for _ in range(2))
    assert open_cursors.next_batch(first, "shop.things", 1)["ok"] == 1
    monkeypatch.setattr(cursors, "_IDLE_SECONDS", 0.0)
    third = open_cursors.first_batch("shop.things", documents, 1)["cursor"]["id"]
    for forgotten in (first, second):
        with pytest.raises(CommandError, match="not found"):
            open_cursors.next_batch(forgotten, "shop.things", 1)
    assert open_cursors.next_batch(third, "shop.things", 1)["ok"] == 1


def test_what_a_cursor_found_does_not_change_any_more(client: Client) -> None:
    client.shop.things.insert_many([{"_id": number, "n": 0} for number in range(5)])
    with client.shop.things.find(batch_size=2) as cursor:
        next(cursor)
        client.shop.things.update_many({}, {"$set": {"n": 1}})
        assert [each["n"] for each in cursor] == [0, 0, 0, 0]


def test_unacknowledged_writes_have_no_reply_and_are_done(client: Client) -> None:
    things = client.shop.get_collection("things", write_concern=WriteConcern(w=0))
    with client.start_session() as session:  # the same connection is not promised, the order on one is
        del session
        for number in range(10):
            things.insert_one({"_id": number})
    for _ in range(500):
        if client.shop.things.count_documents({}) == 10:
            return
    pytest.fail("unacknowledged writes did not arrive")


def test_unknown_commands_options_and_stages_are_refused_by_name(client: Client) -> None:
    commands: dict[str, dict[str, Any]] = {
        "an unknown command": {"fly": 1},
        "a collation": {"find": "things", "collation": {"locale": "de"}},
        "an array filter": {
            "findAndModify": "things",
            "query": {},
            "update": {"$set": {"a.$[x]": 1}},
            "arrayFilters": [{"x": 1}],
        },
        "a capped collection": {"create": "capped", "capped": True, "size": 1000},
        "a stage": {"aggregate": "things", "pipeline": [{"$fly": {}}], "cursor": {}},
        "no cursor": {"aggregate": "things", "pipeline": []},
        "a hint of no index": {"find": "things", "hint": "no_such_index"},
        "users": {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": b""},
    }
    refused: dict[str, int | None] = {}
    for name, command in commands.items():
        client.shop.things.insert_one({})
        with pytest.raises(OperationFailure) as error:
            client.shop.command(command)
        refused[name] = error.value.code
    assert refused == {
        "an unknown command": 59,
        "a collation": 238,
        "an array filter": 238,
        "a capped collection": 238,
        "a stage": 40324,
        "no cursor": 9,
        "a hint of no index": 2,
        "users": 18,
    }


def test_sessions_are_accepted_and_transactions_refused_as_a_standalone_refuses_them(client: Client) -> None:
    with client.start_session() as session:
        client.shop.things.insert_one({"_id": 1}, session=session)
        assert client.shop.things.find_one({}, session=session) == {"_id": 1}
        with pytest.raises(OperationFailure) as refused, session.start_transaction():
            client.shop.things.insert_one({"_id": 2}, session=session)
    assert (refused.value.code, refused.value.details["codeName"]) == (20, "IllegalOperation")  # type: ignore[index]


def test_more_than_one_copy_is_refused_as_a_standalone_refuses_it(client: Client) -> None:
    things = client.shop.get_collection("things", write_concern=WriteConcern(w=2))
    with pytest.raises(OperationFailure) as refused:
        things.insert_one({})
    assert refused.value.code == 2
    client.shop.get_collection("things", write_concern=WriteConcern(w="majority")).insert_one({})


def test_errors_of_a_batch_have_a_servers_shape(client: Client) -> None:
    client.shop.things.create_index([("n", 1), ("m", -1)], unique=True, name="pair")
    client.shop.things.insert_one({"_id": 1, "n": 1, "m": 2})
    with pytest.raises(BulkWriteError) as failed:
        client.shop.things.insert_many(
            [{"_id": 1}, {"_id": 2, "n": 2}, {"_id": 3, "n": 1, "m": 2}], ordered=False
        )
    first, second = failed.value.details["writeErrors"]
    assert failed.value.details["nInserted"] == 1
    assert (first["index"], first["code"], first["keyPattern"], first["keyValue"]) == (
        0,
        11000,
        {"_id": 1},
        {"_id": 1},
    )
    assert (second["index"], second["keyPattern"], second["keyValue"]) == (
        2,
        {"n": 1, "m": -1},
        {"n": 1, "m": 2},
    )
    assert second["errmsg"].startswith(
        "E11000 duplicate key error collection: shop.things index: pair dup key"
    )


def test_a_lost_connection_is_one_to_the_driver(client: Client, mongomock_server: MongomockServer) -> None:
    with MongoClient[dict[str, Any]](mongomock_server.url, retryReads=False) as other:
        fail = {"failCommands": ["find"], "closeConnection": True}
        other.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=fail)
        with pytest.raises(AutoReconnect):
            other.shop.things.find_one()
        assert other.shop.things.find_one() is None


@pytest.mark.parametrize("told", [5, {"application": 5}, {"application": {"name": {}}}, None])
def test_a_handshake_that_tells_nonsense_of_its_client_is_answered(
    mongomock_server: MongomockServer, told: object
) -> None:
    with raw_line(mongomock_server) as line:
        line.sendall(
            message({"hello": 1, "client": told, "$db": "admin"}) + message({"ping": 1, "$db": "admin"})
        )
        stream = line.makefile("rb")
        answers = [next_answer(stream) for _ in range(2)]
    assert answers[0]["ok"] == 1 or answers[0]["codeName"] in ("UnknownError", "TypeMismatch")
    assert (answers[1]["ok"], mongomock_server.log) == (1, "")
