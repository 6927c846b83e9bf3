"""What a test asks a fail point for: refused with one sentence, or put as a server takes it."""

import re
from typing import Any

import pytest

from pytest_pynenc_mongo.errors import FailPointError
from pytest_pynenc_mongo.faults import Wish


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"commands": ["updat"], "error": 91}, "no app sends a command 'updat'; did you mean 'update'?"),
        ({"commands": ["findandmodify"], "error": 91}, "did you mean 'findAndModify'?"),
        ({"commands": ["hello"], "error": 91}, "no app sends a command 'hello'; these are: aggregate, "),
        ({"commands": ["update"]}, "no fault is chosen: give error, closes, write_concern_error or delay_se"),
        ({"error": 91, "closes": "before"}, "error and closes exclude each other"),
        ({"closes": "after", "write_concern_error": 64}, "closes and write_concern_error exclude each other"),
        ({"closes": "during"}, "closes is 'during': it is 'before' or 'after' the command"),
        ({"error": "NotPrimary"}, "error is 'NotPrimary': it is one of MongoDB's codes, 91 for example"),
        ({"error": 0}, "error is 0: it is one of MongoDB's codes"),
        ({"write_concern_error": -1}, "write_concern_error is -1: it is one of MongoDB's codes"),
        ({"delay_seconds": -1.0}, "delay_seconds is -1.0: no command is answered earlier"),
        ({"error": 91, "times": 0}, "times is 0: give 1 or more, or leave it out for always"),
        ({"error": 91, "skip": 0}, "skip is 0: give 1 or more, or leave it out to strike at once"),
        ({"error": 91, "times": 2.5}, "times is 2.5: give 1 or more"),
        ({"error": 91, "times": 1, "skip": 1}, "times and skip exclude each other"),
        (
            {"closes": "before", "labels": ("Custom",)},
            "labels are an error's: give error or write_concern_error",
        ),
        ({"error": 91, "labels": "Custom"}, "labels is 'Custom': give a tuple of them, ('Custom',)"),
        ({"commands": ["find"], "write_concern_error": 64}, "'find' has no write concern: name some of "),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(FailPointError, match=re.escape(message)):
        Wish(**wish).fault()


EVERY = ["aggregate", "distinct", "find", "getMore", "listCollections"]
WRITES = ["createIndexes", "delete", "findAndModify", "insert", "update"]


@pytest.mark.parametrize(
    ("wish", "mode", "data", "words"),
    [
        (
            {"commands": ["update", "insert"], "error": 91, "labels": ("Custom",), "times": 2},
            {"times": 2},
            {"failCommands": ["update", "insert"], "errorCode": 91, "errorLabels": ["Custom"]},
            "update, insert: error 91, 2 times at most",
        ),
        (
            {"closes": "before", "skip": 3},
            {"skip": 3},
            {"failCommands": [*EVERY, *WRITES], "closeConnection": True},
            "each command: connection closed before it, 3 pass",
        ),
        (
            {"write_concern_error": 64},
            "alwaysOn",
            {"failCommands": WRITES, "writeConcernError": {"code": 64, "errmsg": "by a fail point"}},
            "each write: write concern error 64",
        ),
        (
            {"commands": ["find"], "delay_seconds": 0.25},
            "alwaysOn",
            {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 250},
            "find: 0.25 s of delay",
        ),
    ],
    ids=["error", "closed", "write concern error", "delay"],
)
def test_what_a_server_is_told(wish: dict[str, Any], mode: Any, data: dict[str, Any], words: str) -> None:
    fault = Wish(**wish).fault()
    assert (fault.point, fault.mode, fault.data, fault.words) == ("failCommand", mode, data, words)


def test_no_mongod_closes_a_connection_after_a_command() -> None:
    fault = Wish(commands=["find"], closes="after", delay_seconds=1).fault()
    assert (fault.point, fault.is_mongodb_s) == ("failCommandAfter", False)
    assert fault.data == {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 1000}
