"""How a text becomes a payload and a payload the text, on a store that hypothesis may write to at will."""

import base64
import random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymongo.collection import Collection

from pynenc_mongo.storage.payloads import Payload, Payloads
from tests.storage.helpers import collection_at, documents_in, new_name

any_text = st.text(st.characters(exclude_categories=()))  # lone surrogates included

Parts = Collection[Any]


@pytest.fixture(scope="module")
def parts(mongomock_url: str) -> Parts:
    return collection_at(mongomock_url, new_name(), "parts")


def payloads_of(part_bytes: int, parts: Parts) -> Payloads:
    return Payloads(lambda: parts, part_bytes)


@given(st.one_of(any_text, any_text.map(lambda text: text * 50)), st.integers(1, 64))
@example("", 1)
@example("\ud800", 100)
@example("\ud83d\ude00", 100)
@example("😀", 4)
@example("😀", 3)
@example("\0", 1)
@example("a" * 10_000, 1)
def test_every_text_comes_back_and_its_parts_go(parts: Parts, text: str, part_bytes: int) -> None:
    payloads = payloads_of(part_bytes, parts)
    payload = payloads.store(text, parts, "a key", "payload")
    assert len(documents_in(parts)) == payload.get("parts", 0)
    assert payloads.load(payload, "a test") == text
    payloads.discard(payload)
    assert documents_in(parts) == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "text"),
        ("x" * 100, "text"),
        ("é" * 50, "text"),
        ("é" * 51, "zlib"),
        ("x" * 101, "zlib"),
        ("lone \ud800", "zlib"),
        (base64.b64encode(random.Random(0).randbytes(300)).decode(), "generation"),
    ],
)
def test_a_text_is_inline_or_compressed_or_in_parts_by_its_size_in_bytes(
    parts: Parts, text: str, kind: str
) -> None:
    payloads = payloads_of(100, parts)
    payload = payloads.store(text, parts, "a key", "payload")
    assert set(payload) - {"parts"} == {kind}
    assert payloads.load(payload, "a test") == text
    payloads.discard(payload)


@given(st.binary(min_size=200, max_size=400), st.integers(1, 50))
def test_no_part_and_no_inline_payload_is_larger_than_allowed(
    parts: Parts, noise: bytes, part_bytes: int
) -> None:
    payloads = payloads_of(part_bytes, parts)
    payload: Payload = payloads.store(noise.hex(), parts, "a key", "payload")
    pieces = [part["data"] for part in documents_in(parts).values()]
    assert all(len(piece) <= part_bytes for piece in [*pieces, payload.get("zlib", b"")])
    payloads.discard(payload)


def test_two_payloads_of_one_text_share_no_part(parts: Parts) -> None:
    payloads = payloads_of(1, parts)
    one, other = (payloads.store("twice", parts, key, "payload") for key in ("one", "other"))
    payloads.discard(one)
    assert payloads.load(other, "a test") == "twice"
    payloads.discard(other)
