"""Results and exceptions: what a task left behind, of any size."""

import pytest
from pynenc.identifiers.invocation_id import InvocationId

from pynenc_mongo import errors
from pynenc_mongo.errors import MissingPartsError, PynencMongoError
from pynenc_mongo.state_backend.mongo_state_backend import ChunkPrefix
from tests.commands import CommandLog
from tests.state_backend.helpers import Backend, noise, parts_of
from tests.storage.helpers import raised

ONE = InvocationId("invocation one")

ERRORS = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, PynencMongoError)
]


def test_a_result_comes_back(state_backend: Backend) -> None:
    for result in (None, 0, "", "text", [1, {"$set": {"a.b": None}}], "nul\0", "😀"):
        state_backend.set_result(ONE, result)
        assert state_backend.get_result(ONE) == result


def test_a_later_result_replaces_the_earlier_one(frugal_backend: Backend) -> None:
    for text in ("small", noise(500), noise(300, 1), "small again"):
        frugal_backend._set_result(ONE, text)
        assert frugal_backend._get_result(ONE) == text
    assert parts_of(frugal_backend) == {}


def test_text_that_bson_cannot_hold_comes_back(state_backend: Backend) -> None:
    state_backend._set_result(ONE, "lone \ud800 surrogate")
    state_backend._set_exception(ONE, "\udfff")
    assert (state_backend._get_result(ONE), state_backend._get_exception(ONE)) == (
        "lone \ud800 surrogate",
        "\udfff",
    )


def test_an_exception_comes_back_with_its_type_and_message(state_backend: Backend) -> None:
    state_backend.set_exception(ONE, ValueError("no such cake"))
    back = state_backend.get_exception(ONE)
    assert (type(back), str(back)) == (ValueError, "no such cake")


def test_result_and_exception_of_one_invocation_are_two_things(state_backend: Backend) -> None:
    state_backend._set_result(ONE, "result")
    state_backend._set_exception(ONE, "exception")
    assert (state_backend._get_result(ONE), state_backend._get_exception(ONE)) == ("result", "exception")


@pytest.mark.parametrize("kind", ["result", "exception"])
def test_a_missing_outcome_is_a_key_error_that_names_the_invocation(
    state_backend: Backend, kind: str
) -> None:
    state_backend._set_result(InvocationId("another"), "result")
    error = raised(KeyError, lambda: getattr(state_backend, f"get_{kind}")(ONE))
    app_id = state_backend.app.app_id
    assert f"no {kind} is stored for invocation invocation one of app {app_id}" in str(error)


def test_an_outcome_costs_one_command_to_write_and_one_to_read(
    state_backend: Backend, commands: CommandLog
) -> None:
    state_backend._set_result(ONE, "result")
    state_backend._get_result(ONE)
    assert commands.names("_results") == ["update", "find"]


def test_a_result_whose_part_is_gone_is_reported_with_the_invocation(frugal_backend: Backend) -> None:
    frugal_backend._set_result(ONE, noise(500))
    frugal_backend._payloads._parts().delete_many({"_id": {"$in": sorted(parts_of(frugal_backend))[:1]}})
    error = raised(MissingPartsError, lambda: frugal_backend.get_result(ONE))
    assert ONE in str(error)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_of_this_package_comes_back_from_a_task_with_its_message(
    state_backend: Backend, error: type[PynencMongoError]
) -> None:
    message = f"what {error.__name__} says, with a $ and a remedy"
    state_backend.set_exception(ONE, error(message))
    back = state_backend.get_exception(ONE)
    assert (type(back), str(back)) == (error, message)
    assert str(state_backend.deserialize_exception(state_backend.serialize_exception(back))) == message


def test_every_error_of_this_package_is_covered_above() -> None:
    assert {error.__name__ for error in ERRORS} >= {
        "PynencMongoError",
        "MongoConfigError",
        "MongoUnreachableError",
        "MongoStoreNotSharedError",
        "MissingPartsError",
    }


def test_the_kinds_of_payload_keep_their_public_names() -> None:
    assert list(ChunkPrefix) == ["args", "result", "exception"]
