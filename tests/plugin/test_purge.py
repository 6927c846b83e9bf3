"""What one test does to its database, the next one does not find; what it finds was paid for once."""

from collections.abc import Iterator
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.identifiers.invocation_id import InvocationId

from pytest_pynenc_mongo import apps, wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer, new_name
from pytest_pynenc_mongo.owners import OWNER_COLLECTION
from tests.plugin.helpers import SHOP, make_ini, make_shop, run


@pytest.fixture
def database(any_url: str) -> Iterator[TestDatabase]:
    with TestServer(any_url).lend(new_name("pynenc_test")) as lent:
        yield lent


def use(database: TestDatabase, app: Pynenc) -> None:
    """Have an app store something, as a test does, and clean up after it."""
    with wiring.rewired(app, wiring.settings(database)):
        app.broker.route_invocation(InvocationId("1"), "default", 0.0)
    database.purge()


def names(database: TestDatabase) -> list[str]:
    """Return the collections, but for the owner's."""
    return sorted({*database.handle.list_collection_names()} - {OWNER_COLLECTION})


def test_nothing_is_left_of_an_app_that_no_later_test_uses(database: TestDatabase) -> None:
    for _ in range(3):
        use(database, apps.new())
        assert names(database) == []


def test_the_collections_of_the_apps_that_were_used_last_stay(database: TestDatabase) -> None:
    for app_id in ("a", "b", "c", "a", "d", "e"):
        use(database, apps.new(app_id))
    assert names(database) == [f"{app}.broker_messages" for app in "acde"]
    assert database.handle["a.broker_messages"].index_information().keys() == {"_id_", "queue"}


def test_the_apps_that_stay_are_not_driven_out_by_passing_ones(database: TestDatabase) -> None:
    for app in (apps.new("shop"), *(apps.new() for _ in range(6))):
        use(database, app)
    assert names(database) == ["shop.broker_messages"]


def test_what_a_late_task_of_an_earlier_test_stores_is_gone_after_the_next_one(
    database: TestDatabase,
) -> None:
    late = database.handle["test-0123abcd.state_backend_results"]
    use(database, apps.new())
    late.insert_one({"_id": "late"})
    use(database, apps.new())
    assert names(database) == []


def test_a_database_beside_the_run_s_own_part_is_not_touched(any_url: str) -> None:
    name = new_name("pynenc_test")
    server = TestServer(any_url)
    shared = server.client[f"{name}_shared"]
    with server.lend(name, within=shared.name) as lent:
        shared["orders"].insert_one({"_id": 1})
        shared["shop.broker_messages"].create_index("cups", unique=True)
        shared[f"{lent.collection_prefix}orders"].insert_one({"_id": 1})
        lent.drop_what_has_other_indexes()
        lent.purge()
        assert sorted(shared.list_collection_names()) == [
            "orders",
            f"{lent.collection_prefix}{OWNER_COLLECTION}",
            "shop.broker_messages",
        ]
        assert shared["orders"].count_documents({}) == 1
        assert "cups_1" in shared["shop.broker_messages"].index_information()
    server.client.drop_database(shared.name)
    server.close()


def _unique(messages: Any) -> None:
    messages.create_index("cups", unique=True, name="cups")


def _unlike(messages: Any) -> None:
    messages.drop_index("queue")
    messages.create_index([("queue", -1)], name="queue")


def _without(messages: Any) -> None:
    messages.drop_index("queue")


@pytest.mark.parametrize("change", [_unique, _unlike, _without])
def test_a_collection_of_the_product_with_other_indexes_goes(database: TestDatabase, change: Any) -> None:
    for app_id in ("shop", "bar"):
        use(database, apps.new(app_id))
    change(database.handle["shop.broker_messages"])
    database.drop_what_has_other_indexes()
    assert names(database) == ["bar.broker_messages"]


def test_the_product_s_own_indexes_are_known_for_its_own(database: TestDatabase) -> None:
    """The control: of every collection, as the server describes them."""
    from pytest_pynenc_mongo.purging import _indexes_by_kind

    for kind, indexes in _indexes_by_kind().items():
        if indexes:
            database.handle[f"shop.{kind}"].create_indexes(list(indexes))
        else:
            database.handle.create_collection(f"shop.{kind}")
    before = names(database)
    database.drop_what_has_other_indexes()
    database.purge()
    assert names(database) == before
    assert len(before) == len(_indexes_by_kind()) > 15


CHANGES = """
    import pymongo
    import pytest
    from shop.app import add

    @pytest.fixture
    def messages(pynenc_mongo_db):
        return pynenc_mongo_db["shop.broker_messages"]

    def test_changes(pynenc_app, messages, pynenc_mongo_db):
        add(1, 2)
        messages.create_index("number", unique=True)
        pynenc_mongo_db["orders"].create_index("number", unique=True)
        pynenc_mongo_db["shop.state_backend_history"].rename("archive")
        try:
            pynenc_mongo_db.create_collection("open", viewOn="orders", pipeline=[])
            pynenc_mongo_db.command(
                "collMod", "shop.state_backend_invocations", validator={"never": {"$exists": True}}
            )
        except pymongo.errors.OperationFailure as error:
            assert error.code == 238  # mongomock has neither

    def test_sees_nothing_of_it(pynenc_app, pynenc_runner, messages, pynenc_mongo_db):
        assert not {"orders", "archive", "open"} & {*pynenc_mongo_db.list_collection_names()}
        assert add(1, 2).result == 3
        assert set(messages.index_information()) == {"_id_", "queue"}
        assert not any(each["options"] for each in pynenc_mongo_db.list_collections())
"""


def test_a_test_sees_nothing_of_what_another_one_did_to_the_database(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester)
    pytester.makepyfile(CHANGES)
    run(pytester, *on_engine).assert_outcomes(passed=2)


WANTS_NO_CLIENT = """
    import pytest
    from pytest_pynenc_mongo import requesting

    @pytest.fixture
    def orders(pynenc_app): ...

    @pytest.fixture
    def rows(pynenc_mongo_db): ...

    @pytest.fixture(autouse=True)
    def looked(request, pynenc_use_app):
        yield
        expected = "client" in request.node.name
        assert requesting.may_send_commands(request) is expected

    def test_app(pynenc_app, pynenc_runner, pynenc_wait, orders): ...
    def test_app_got(request): request.getfixturevalue("orders")
    def test_client(pynenc_mongo_client): ...
    def test_client_of_a_fixture(pynenc_app, rows): ...
    @pytest.mark.usefixtures("pynenc_mongo_url")
    def test_client_by_url(): ...
    def test_client_got(request): request.getfixturevalue("pynenc_mongo_client")
"""


def test_indexes_are_looked_at_after_tests_that_had_a_client(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(WANTS_NO_CLIENT)
    run(pytester).assert_outcomes(passed=6)


WRITES_ON = """
    import threading
    import pytest
    from pynenc import PynencBuilder
    from pytest_pynenc_mongo import databases

    stopped, purged = [], []
    shop = PynencBuilder().app_id("shop").memory().build()

    @shop.task
    def watch() -> bool:
        begun.set()
        over.wait(0.3)
        stopped.append(True)
        return True

    begun, over = threading.Event(), threading.Event()

    @pytest.fixture
    def pynenc_app():
        return shop  # one of the user's own making, which knows nothing of pynenc_mongo_db

    @pytest.fixture(autouse=True)
    def purges(monkeypatch):
        purge = databases.TestDatabase.purge
        monkeypatch.setattr(
            databases.TestDatabase, "purge", lambda self: (purged.append(bool(stopped)), purge(self))
        )

    def test_app(pynenc_app, pynenc_runner, pynenc_mongo_db):
        watch()
        assert begun.wait(5)

    def test_database_was_emptied_after_the_runner_had_stopped():
        assert (stopped, purged) == ([True], [True])
"""


def test_the_database_is_emptied_after_runners_have_stopped_in_any_order_of_fixtures(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(WRITES_ON)
    run(pytester).assert_outcomes(passed=2)


OUTLIVES = """
    import pathlib
    import threading
    import pytest
    from pynenc import PynencBuilder

    shop = PynencBuilder().app_id("shop").sqlite("production.db").build()
    begun, over, done = threading.Event(), threading.Event(), threading.Event()

    @shop.task
    def hang() -> None:
        begun.set()
        over.wait(20)

    def test_hangs(pynenc_runner):
        hang()
        assert begun.wait(5)

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_ends_late():
        threads = [each for each in threading.enumerate() if each.name.startswith("ThreadRunner")]
        assert threads
        over.set()
        for each in threads:
            each.join(10)
        assert not pathlib.Path("production.db").exists()

    def test_app_still_serves(pynenc_app):
        assert pynenc_app.broker.count_invocations() == 0
"""


def test_a_task_that_outlives_its_test_does_not_store_in_the_app_s_own_store(
    pytester: pytest.Pytester,
) -> None:
    make_ini(pytester, "pynenc_mongo_runner_timeout = 0.3")
    pytester.makepyfile(OUTLIVES)
    run(pytester).assert_outcomes(passed=3, errors=1)
