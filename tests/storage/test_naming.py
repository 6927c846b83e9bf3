import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pynenc_mongo.conf.address import DATABASE_NAME_LIMIT_BYTES
from pynenc_mongo.state_backend.documents import COMPONENT, SPECS
from pynenc_mongo.storage.naming import collection_prefix, compound_key

NAMESPACE_LIMIT_BYTES = 255  # https://www.mongodb.com/docs/manual/reference/limits/

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates included
nasty = st.sampled_from(
    [
        "",
        ".",
        "..",
        "$",
        "\0",
        "system",
        "system.",
        "_system",
        "system.buckets",
        "shop",
        "shop.",
        "shop.state_backend_",
        "a" * 48,
        "a" * 49,
        "a" * 5000,
        "-shop",
        "1shop",
        "shop\n",
        "schön",
        "\ud83d\ude00",
        "😀",
    ]
)
# ids that look like the prefix of another id
lookalikes = st.one_of(any_text, nasty).map(collection_prefix).flatmap(lambda p: st.sampled_from([p, p[:-1]]))
app_ids = st.one_of(any_text, nasty, lookalikes, st.from_regex(r"[a-z_-]{1,50}", fullmatch=True))


@given(app_ids, app_ids)
@example("\ud83d\ude00", "😀")
@example("shop", "shop2")
@example("shop", "shop.x")
def test_no_prefix_is_the_beginning_of_another_apps(one: str, other: str) -> None:
    assume(one != other)
    assert not collection_prefix(other).startswith(collection_prefix(one))
    assert not collection_prefix(one).startswith(collection_prefix(other))


@given(app_ids)
def test_a_prefix_is_safe_in_a_collection_name(app_id: str) -> None:
    prefix = collection_prefix(app_id)
    assert re.fullmatch(r"[A-Za-z0-9_~-]+\.", prefix)  # no `$`, no NUL, no `..`
    assert prefix[0].isalpha() or prefix[0] == "_"
    assert not prefix.startswith("system.")


@given(app_ids)
def test_a_prefix_leaves_room_for_every_collection_of_the_longest_database(app_id: str) -> None:
    longest = max(len(f"{COMPONENT}_{spec.name}") for spec in SPECS)
    prefix = collection_prefix(app_id).encode()
    assert len(prefix) <= 59
    assert DATABASE_NAME_LIMIT_BYTES + len(".") + len(prefix) + longest <= NAMESPACE_LIMIT_BYTES


@pytest.mark.parametrize("app_id", ["shop", "my-app_2", "_x", "a" * 48])
def test_a_plain_id_stays_readable(app_id: str) -> None:
    assert collection_prefix(app_id) == f"{app_id}."


def test_an_id_that_is_not_plain_can_still_be_recognised() -> None:
    assert collection_prefix("my shop.v2").startswith("_my-shop-v2~")


@given(st.lists(any_text), st.lists(any_text))
@example(["a", "b"], ["a,b"])
@example(['a", "b'], ["a", "b"])
@example([], [""])
@example(["1"], ["1", ""])
@example(["\ud83d\ude00"], ["😀"])
def test_two_different_tuples_never_share_a_compound_key(one: list[str], other: list[str]) -> None:
    assume(one != other)
    assert compound_key(*one) != compound_key(*other)


@given(st.lists(any_text))
@example(["\ud800"])
def test_a_compound_key_is_text_that_bson_holds(parts: list[str]) -> None:
    assert compound_key(*parts).encode("utf-8").decode("utf-8") == compound_key(*parts)
