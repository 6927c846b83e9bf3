"""`pynenc_mongo_failpoint`: commands of a test's apps fail, nobody else's, and none after the test."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests import secantus_main
from tests.plugin.helpers import make_shop, output, run

SHOP = """
    from pynenc import PynencBuilder

    few = {"num_processes": 1, "min_processes": 1, "max_processes": 1}
    app = PynencBuilder().app_id("shop").memory().custom_config(**few).build()

    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    @app.task
    def app_name() -> str:
        return app.state_backend.conf.mongo_app_name
"""
CONFTEST = """
    import pytest

    @pytest.fixture
    def pop(pynenc_app):
        '''Take the one message that is queued, by one findAndModify; say how that went.'''
        pynenc_app.broker.route_invocation("id", "default", 0.0)

        def pop():
            try:
                return pynenc_app.broker.retrieve_invocation()
            except Exception as error:
                return type(error).__name__

        return pop

    @pytest.fixture
    def queued(pynenc_mongo_db):
        return lambda: pynenc_mongo_db["shop.broker_messages"].count_documents({})
"""
STRIKES = """
    import pytest
    from pytest_pynenc_mongo import FailPointError
    from shop.app import add, app_name

    RETRYABLE = ("RetryableWriteError",)

    @pytest.mark.parametrize(
        ("fault", "outcome", "left"),
        [
            ({"error": 91}, "MongoOutageError", 1),
            ({"error": 20}, "MongoRefusedError", 1),
            ({"error": 20, "labels": RETRYABLE}, "MongoOutageError", 1),
            ({"closes": "before"}, "MongoOutageError", 1),
            ({"closes": "after"}, "MongoOutageError", 0),
            ({"write_concern_error": 64}, "MongoOutageError", 0),
        ]
    )
    def test_faults(pop, queued, pynenc_mongo_failpoint, fault, outcome, left):
        with pynenc_mongo_failpoint("findAndModify", "delete", times=1, **fault) as failpoint:
            assert failpoint.count == 0
            assert pop() == outcome
            assert failpoint.count == 1
            assert queued() == left
            assert pop() == ("id" if left else None)
        assert failpoint.count == 1

    @pytest.mark.pynenc_mongo(config={"mongo_timeout_seconds": 0.2})
    def test_a_delay(pop, queued, pynenc_mongo_failpoint):
        with pynenc_mongo_failpoint("findAndModify", delay_seconds=1) as failpoint:
            assert pop() == "MongoOutageError"
            assert failpoint.count == 1
            assert queued() == 1
        # what was held is done by now: it would take the message of a later test
        assert queued() == 0

    def test_always_and_after_some(pop, pynenc_mongo_failpoint):
        with pynenc_mongo_failpoint(error=20) as failpoint:
            assert [pop() for _ in range(3)] == ["MongoRefusedError"] * 3
        with pynenc_mongo_failpoint("findAndModify", error=20, skip=2) as late:
            assert [pop() for _ in range(3)] == ["id", None, "MongoRefusedError"]
        assert (failpoint.count, late.count) == (3, 1)

    def test_nobody_else_is_struck(pop, queued, pynenc_mongo_failpoint, pynenc_mongo_client, pynenc_mongo_db):
        with pynenc_mongo_failpoint(error=20) as failpoint:
            pynenc_mongo_db["mine"].insert_one({})
            assert pynenc_mongo_client[pynenc_mongo_db.name]["mine"].find_one()
            assert queued() == 1
            assert failpoint.count == 0

    # in each process that runs tasks the app has the name that fail points know it by
    @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
    @pytest.mark.parametrize(
        "runner_cls",
        [
            pytest.param(name, marks=pytest.mark.pynenc_mongo(runner=name))
            for name in ("ThreadRunner", "ProcessRunner")
        ]
    )
    def test_names(request, runner_cls, executor, pynenc_app, pynenc_mongo_failpoint, pynenc_mongo_database):
        request.getfixturevalue(executor)
        assert app_name().result == pynenc_mongo_database.run_name

    def test_no_other_test_s_app_has_it(pynenc_app):
        assert app_name.func() == "pynenc"

    @pytest.mark.pynenc_mongo(worker_scope="session")
    def test_a_shared_worker_has_none(pynenc_worker):
        assert app_name().result == "pynenc"

    @pytest.mark.pynenc_mongo(worker_scope="session")
    def test_a_shared_worker_has_it_where_it_is_asked_for(
        pynenc_worker, pynenc_mongo_failpoint, pynenc_mongo_database
    ):
        assert app_name().result == pynenc_mongo_database.run_name

    def test_a_worker_is_struck(pynenc_app, pynenc_worker_factory, pynenc_mongo_failpoint, pynenc_wait):
        call = add(1, 2)
        with pynenc_mongo_failpoint("update", error=91, times=2) as failpoint:
            pynenc_worker_factory(pynenc_app)
            assert pynenc_wait(call) == 3
        assert failpoint.count == 2

    def test_one_at_a_time(pop, pynenc_mongo_failpoint):
        with pynenc_mongo_failpoint("findAndModify", error=20) as failpoint:
            message = "armed already .findAndModify: error 20., and a server has one"
            with pytest.raises(FailPointError, match=message):
                pynenc_mongo_failpoint("insert", closes="after").__enter__()
            assert pop() == "MongoRefusedError"
        with pynenc_mongo_failpoint("insert", error=20):
            assert pop() == "id"
        with failpoint:
            assert pop() == "MongoRefusedError"
            assert failpoint.count == 1
"""


@pytest.mark.thorough("embedded")
@pytest.mark.timeout(120)
def test_commands_fail_as_they_are_told(pytester: pytest.Pytester, on_each_engine: tuple[str, ...]) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(STRIKES)
    run(pytester, *on_each_engine, seconds=100).assert_outcomes(passed=18)


LEFT_ON = """
    import pytest

    POINTS = ("failpoint.failCommand", "failpoint.failCommandAfter")
    kept = []

    @pytest.fixture(autouse=True)
    def nothing_leaks(pynenc_mongo_client):
        '''Where a fail point leaks into the next test, this fails.'''
        for point in POINTS:
            state = pynenc_mongo_client.admin.command({"getParameter": 1, point: 1})[point]
            assert state["mode"] == 0, "leaks"

    @pytest.fixture
    def arm(pynenc_mongo_failpoint):
        return lambda closes: pynenc_mongo_failpoint("findAndModify", closes=closes)

    @pytest.fixture(params=["before", "after"])
    def armed(request, arm):
        with arm(request.param):
            yield

    def test_in_a_fixture(armed, pop):
        assert pop() == "MongoOutageError"

    def test_fails(arm, pop):
        with arm("after"):
            pop()
            assert pop() == "a cake"

    def test_skips(arm):
        with arm("before"):
            pytest.skip("on purpose")

    def test_a_generator_is_kept(arm, pop):
        def block():
            with arm("before"):
                yield pop()

        kept.append(block())
        assert next(kept[-1]) == "MongoOutageError"

    def test_its_block_is_never_left(arm, pop):
        arm("after").__enter__()
        assert pop() == "MongoOutageError"
        assert pop() == "a pie"

    @pytest.fixture
    def broken(armed):
        raise ValueError("broken")

    def test_its_setup_fails(broken):
        pass

    def test_it_is_never_armed(pynenc_app, pynenc_mongo_failpoint):
        pynenc_mongo_failpoint("find", error=20)

    def test_it_comes_late(pynenc_app, request):
        request.getfixturevalue("pynenc_mongo_failpoint")

    def test_nothing_has_leaked(pop):
        assert pop() == "id"

    def test_leaks(pop, pynenc_mongo_client, pynenc_mongo_database):
        data = {"failCommands": ["findAndModify"], "errorCode": 20, "appName": "pynenc"}
        pynenc_mongo_client.admin.command(
            {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data}
        )

    def test_after_it():
        pass

    def test_somebody_else_s_stays(pynenc_app):
        pass
"""


@pytest.mark.timeout(120)
def test_no_fail_point_outlasts_its_test(pytester: pytest.Pytester, on_own_engine: tuple[str, ...]) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(LEFT_ON)
    result = run(pytester, *on_own_engine, seconds=100)
    # the last two see the leak of the one before them
    result.assert_outcomes(passed=6, failed=3, skipped=1, errors=5)
    text = output(result)
    assert text.count("AssertionError: leaks") == 2
    assert "(find: error 20) was made and never armed: use it by `with`" in text
    assert "asked for by getfixturevalue, when apps had their names: make it an argument of the test" in text
    # a failed test says what was made to fail
    assert text.count("- pynenc fail points -") == 4
    assert text.count("findAndModify: connection closed after it; struck 2 times") == 2


SHARED = """
    import pytest

    def test_skips(pop, pynenc_mongo_failpoint):
        with pynenc_mongo_failpoint("find", error=91):
            pytest.fail("it struck")

    def test_skips_after(pop, pynenc_mongo_failpoint):
        with pynenc_mongo_failpoint("find", closes="after"):
            pytest.fail("it struck")
"""


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        (
            secantus_main.unbreakable,
            (
                "allows no fail points (no such command: 'configureFailPoint'): start it by mongod --set",
                "closes no connection after a command (no such command: 'configureFailPoint'): use mongo",
            ),
        ),
        (
            secantus_main.standalone,
            (
                "allows no fail points (it does not say how often one struck)",
                "closes no connection after a command (it does not say how often one struck)",
            ),
        ),
    ],
    ids=["not allowed", "not counted"],
)
def test_a_server_that_cannot_is_no_failure(
    pytester: pytest.Pytester, tmp_path: Path, kind: secantus_main.Kind, reasons: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(SHARED)
    with secantus_main.running(kind, tmp_path) as url:
        result = run(pytester, f"--pynenc-mongo-url={url}", "-rs")
        result.assert_outcomes(skipped=2)
        text = " ".join(output(result).split())
        for reason in reasons:
            assert f"MongoDB at {url.rstrip('/')}" in text
            assert reason in text
        with MongoClient[Any](url) as client:  # SecantusDB's own was switched off again
            assert client.shop.things.find_one() is None


TAKEN = """
    from pytest_pynenc_mongo import FailPointError
    import pytest

    def test_somebody_s_is_armed(pop, pynenc_mongo_failpoint):
        with pytest.raises(FailPointError, match="somebody else's, app name 'till', and a server has one"):
            pynenc_mongo_failpoint("findAndModify", closes="before").__enter__()

    def test_somebody_takes_it(pynenc_mongo_failpoint, pynenc_mongo_client, pynenc_app):
        command = {"configureFailPoint": "failCommand"}
        pynenc_mongo_client.admin.command({**command, "mode": "off"})
        with pytest.raises(FailPointError, match="somebody else's, app name 'till'"):
            with pynenc_mongo_failpoint("findAndModify", closes="before"):
                data = {"failCommands": ["find"], "errorCode": 20, "appName": "till"}
                pynenc_mongo_client.admin.command({**command, "mode": "alwaysOn", "data": data})

    def test_theirs_stays(pynenc_mongo_client):
        state = pynenc_mongo_client.admin.command({"getParameter": 1, "failpoint.failCommand": 1})
        assert state["failpoint.failCommand"]["data"]["appName"] == "till"
"""
NAMED = """
    def test_a_name_in_the_url(pynenc_app, pynenc_mongo_failpoint):
        pass
"""
INTERRUPTED = """
    def test_ctrl_c(pynenc_app, pynenc_mongo_failpoint):
        pynenc_mongo_failpoint("find", closes="before").__enter__()
        raise KeyboardInterrupt
"""


def test_a_server_that_others_use(pytester: pytest.Pytester, mongomock_url: str) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makeconftest(CONFTEST)
    tests = pytester.makepyfile(test_taken=TAKEN, test_named=NAMED, test_interrupted=INTERRUPTED).parent
    point = {"configureFailPoint": "failCommand"}
    data = {"failCommands": ["find"], "errorCode": 20, "appName": "till"}

    def run_on(url: str, name: str) -> pytest.RunResult:
        return run(pytester, f"--pynenc-mongo-url={url}", str(tests / f"test_{name}.py"))

    with MongoClient[Any](mongomock_url) as client:
        client.admin.command({**point, "mode": "alwaysOn", "data": data})
        try:
            run_on(mongomock_url, "taken").assert_outcomes(passed=3)
            client.admin.command({**point, "mode": "off"})
            assert run_on(mongomock_url, "interrupted").ret == pytest.ExitCode.INTERRUPTED
            state = client.admin.command({"getParameter": 1, "failpoint.failCommand": 1})
            assert state["failpoint.failCommand"]["mode"] == 0
        finally:
            client.admin.command({**point, "mode": "off"})
    named = run_on(f"{mongomock_url}&appName=shop", "named")
    named.assert_outcomes(errors=1)
    assert "names its clients (appName), and a fail point could not tell this test's apps" in output(named)
