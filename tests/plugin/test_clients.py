"""A test may close the client that it got: later tests get another one, and the app goes on."""

import pytest

from tests.plugin.helpers import make_shop, run

CLOSES = """
    import pytest
    from pymongo import errors
    from shop.app import add

    closed, made = [], []

    @pytest.fixture(scope="session")
    def orders(pynenc_mongo_client):
        made.append(1)
        return pynenc_mongo_client["shop_orders"]["orders"]

    @pytest.fixture
    def closing(request):
        yield
        request.getfixturevalue("pynenc_mongo_client").close()

    def test_closes(pynenc_mongo_client, orders):
        assert orders.count_documents({}) == 0
        with pynenc_mongo_client as client:
            closed.append(client)
        with pytest.raises(errors.InvalidOperation):
            orders.count_documents({})

    def test_gets_another_one(pynenc_mongo_client, orders):
        assert pynenc_mongo_client is not closed[0]
        assert orders.count_documents({}) == 0
        assert len(made) == 2

    def test_closes_in_its_middle(pynenc_app, pynenc_runner, pynenc_mongo_client, pynenc_mongo_db):
        assert add(1, 2).result == 3
        pynenc_mongo_client.close()
        assert add(2, 3).result == 5
        pynenc_mongo_db.client.close()
        assert add(3, 4).result == 7

    def test_closes_in_its_teardown(closing, pynenc_mongo_client):
        assert pynenc_mongo_client.admin.command("ping")["ok"] == 1

    def test_database_works(pynenc_app, pynenc_mongo_db, pynenc_mongo_client):
        assert pynenc_app.broker.count_invocations() == 0
        assert pynenc_mongo_db["orders"].count_documents({}) == 0
        assert pynenc_mongo_client is pynenc_mongo_db.client

    def test_it_stays_as_long_as_nobody_closes_it(pynenc_mongo_client, pynenc_mongo_db, orders):
        assert pynenc_mongo_client is pynenc_mongo_db.client
        assert orders.count_documents({}) == 0
        made_before = len(made)
        assert made_before == 3
"""


def test_later_tests_get_another_client_where_one_was_closed(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(CLOSES)
    run(pytester, *on_engine).assert_outcomes(passed=6)
