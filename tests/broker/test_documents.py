"""Messages sort by priority, then in the order of routing."""

from hypothesis import given
from hypothesis import strategies as st

from pynenc_mongo.broker.documents import encode_message

priorities = st.floats(allow_nan=False) | st.integers(-1000, 1000)


def key(place: str, priority: float) -> str:
    return encode_message(place, "invocation", "default", priority)["_id"]


@given(one=priorities, other=priorities)
def test_the_higher_priority_comes_first(one: float, other: float) -> None:
    assert (key("first", one) < key("first", other)) == (one > other)


@given(priority=priorities)
def test_of_one_priority_the_one_routed_first_comes_first(priority: float) -> None:
    assert key("1", priority) < key("2", priority)


def test_both_zeros_are_one_priority() -> None:
    assert key("1", -0.0) == key("1", 0.0)
