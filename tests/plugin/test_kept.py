"""Databases that outlive a run: the copies that were asked for, and what a killed run left."""

import re
from typing import Any

import pytest
from pymongo import MongoClient

from tests.plugin.helpers import EMBEDDED, everything, make_shop, output, run

KEEP = "--pynenc-mongo-keep=failed"
TESTS = """
    import os
    from shop.app import add

    def test_passes(pynenc_app):
        add(1, 2)

    def test_fails(pynenc_app):
        add(20, 22)
        raise LookupError("as it must")

    def test_dies(pynenc_app):
        add(1, 2)
        os._exit(3)
"""


@pytest.mark.slow
def test_a_failed_test_s_database_is_kept_until_it_is_swept(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    url = f"--pynenc-mongo-url={embedded_url}"
    with MongoClient[dict[str, Any]](embedded_url) as client:
        bystander = client["pynenc_test_bystander"]
        bystander["orders"].insert_many([{"_id": number, "what": "tea"} for number in range(3)])
        before, all_before = set(client.list_database_names()), everything(client)

        result = run(pytester, url, KEEP, "-n", "2", "-k", "not dies")
        result.assert_outcomes(passed=1, failed=1)
        (kept,) = set(client.list_database_names()) - before
        result.stdout.fnmatch_lines(
            [f"kept {kept}, as *::test_fails left it: mongosh '{embedded_url}' then *"]
        )
        stored = [name for name in client[kept].list_collection_names() if name.startswith("shop.")]
        assert sum(client[kept][name].count_documents({}) for name in stored) >= len(stored) > 2

        # what a killed run left goes by itself, what was kept does not
        assert run(pytester, url, "-k", "dies").ret == 3
        (left,) = set(client.list_database_names()) - before - {kept}
        result = run(pytester, url, "-k", "passes")
        result.stdout.fnmatch_lines([f"dropped {left}, whose run has ended"])
        assert set(client.list_database_names()) - before == {kept}

        result = run(pytester, url, "--pynenc-mongo-sweep", "-k", "passes")
        result.stdout.fnmatch_lines([f"dropped {kept}, whose run has ended"])
        # a run, a crash and a sweep later: no owner's record, no touch
        assert everything(client) == all_before
        client.drop_database("pynenc_test_bystander")


@pytest.mark.parametrize("arguments", [(), (EMBEDDED,)], ids=["mongomock", "embedded"])
def test_nothing_is_promised_of_a_store_that_ends_with_the_run(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    result = run(pytester, KEEP, "-k", "fails", *arguments)
    assert not re.search(r"kept \w+", output(result))
    assert "mongosh" not in output(result)


@pytest.mark.slow
def test_a_kept_database_is_as_the_test_left_it_whichever_fixture_ends_first(
    pytester: pytest.Pytester, embedded_url: str
) -> None:
    make_shop(pytester)
    pytester.makepyfile(
        """
        from shop.app import add

        def test_app_first(pynenc_app, pynenc_mongo_db):
            add(1, 2)

        def test_database_first(pynenc_mongo_db, pynenc_app):
            add(1, 2)

        def test_database_only(pynenc_mongo_db):
            pynenc_mongo_db["notes"].insert_one({"_id": 1})
        """
    )
    with MongoClient[dict[str, Any]](embedded_url) as client:
        before = set(client.list_database_names())
        run(pytester, f"--pynenc-mongo-url={embedded_url}", "--pynenc-mongo-keep=always").assert_outcomes(
            passed=3
        )
        kept = sorted(set(client.list_database_names()) - before)
        stored = [set(client[name].list_collection_names()) for name in kept]
        for name in kept:
            client.drop_database(name)
    assert ["shop.broker_messages" in names for names in stored] == [True, True, False]
    assert stored[2] == {"notes", "pynenc_test_owner"}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_the_end_of_a_run_names_a_database_whose_owner_cannot_be_read(
    pytester: pytest.Pytester, embedded_url: str, arguments: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile("def test_one(pynenc_app): pass\ndef test_two(pynenc_app): pass")
    with MongoClient[dict[str, Any]](embedded_url) as client:
        client["pynenc_test_odd"]["pynenc_test_owner"].insert_one({"_id": "owner", "pid": "all of them"})
        result = run(pytester, f"--pynenc-mongo-url={embedded_url}", *arguments)
        assert "pynenc_test_odd" in client.list_database_names()
        client.drop_database("pynenc_test_odd")
    result.assert_outcomes(passed=2)
    said = [line for line in result.stdout.lines if line.startswith("left ")]
    assert len(said) == 1
    assert said[0].startswith(
        "left pynenc_test_odd alone: its record of its owner (pynenc_test_owner) cannot"
    )
