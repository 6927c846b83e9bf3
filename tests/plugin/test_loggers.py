"""pynenc's loggers are pytest's during a test; a worker's log is in the report of a test that failed."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, make_shop, output, run
from tests.reproducible import in_thorough_runs

SAY = """
    @app.task
    def say(word: str) -> None:
        app.logger.warning("somebody says %s", word)
"""


def make(pytester: pytest.Pytester, *ini_lines: str) -> None:
    make_shop(pytester, *ini_lines, source=dedent(SHOP) + dedent(SAY))


def test_caplog_sees_what_pynenc_and_tasks_log(pytester: pytest.Pytester) -> None:
    make(pytester)
    pytester.makepyfile(
        """
        import logging
        import pytest
        from pynenc.identifiers.task_id import TaskId
        from shop.app import add, say

        LOGGER = logging.getLogger("pynenc.shop")

        def test_warnings(pynenc_app, pynenc_runner, caplog):
            say("tea").result
            assert [record.getMessage() for record in caplog.records] == ["somebody says tea"]
            assert caplog.records[0].name == pynenc_app.logger.name == "pynenc.shop"
            assert (LOGGER.handlers, LOGGER.propagate) == ([], True)

        def test_what_the_test_asks_for(pynenc_app, pynenc_runner, caplog):
            with caplog.at_level("INFO"):
                add(1, 2).result
            told = [record.getMessage() for record in caplog.records]
            assert len([text for text in told if text.endswith("status:running")]) == 1
            assert not [text for text in told if "core_tasks" in text]
            assert "\\x1b" not in caplog.text

        @pytest.mark.pynenc_mongo(config={"logging_level": "error"})
        def test_an_app_s_own_level_is_kept(pynenc_app, pynenc_runner, caplog):
            caplog.set_level("DEBUG")
            say("tea").result
            assert [record for record in caplog.records if record.name == "pynenc.shop"] == []

        @pytest.mark.parametrize("level", ["INFO", "DEBUG"])
        def test_a_core_task_is_told_in_detail_only(pynenc_app, pynenc_runner, caplog, level):
            caplog.set_level(level)
            pynenc_app.get_task(TaskId("pynenc.core_tasks", "recover_pending_invocations"))().result
            told = [record for record in caplog.records if "core_tasks" in record.getMessage()]
            assert {record.levelname for record in told} == ({"DEBUG"} if level == "DEBUG" else set())
        """,
        test_after="""
        import logging

        def test_nothing_of_it_is_left():
            logger = logging.getLogger("pynenc.shop")
            assert (logger.handlers, logger.filters, logger.propagate, logger.level) == ([], [], True, 0)
        """,
    )
    run(pytester).assert_outcomes(passed=6)


FAILS = """
    import pytest
    from shop.app import say

    @pytest.fixture(params=%s)
    def pynenc_app_config(request):
        return {"runner_cls": request.param}

    @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
    def test_one(pynenc_app, request, executor):
        request.getfixturevalue(executor)
        say("tea").result
        raise LookupError("as it must")
"""


@pytest.mark.slow
def test_a_report_has_each_record_once(pytester: pytest.Pytester, some_runners: tuple[str, ...]) -> None:
    """Of a runner in the test process and in a worker."""
    make(pytester, "log_format = <%(levelname)s> %(message)s")
    pytester.makepyfile(FAILS % (some_runners,))
    shown = output(run(pytester, "-n", "2"))
    assert shown.count("<WARNING> somebody says tea\n") == 2 * len(some_runners)
    assert shown.count("somebody says tea") == 2 * len(some_runners)
    assert "\x1b" not in shown
    assert "Logging error" not in shown
    assert shown.count("- pynenc_worker ") == len(some_runners)


def test_live_logs_show_them(pytester: pytest.Pytester) -> None:
    make(pytester, "log_cli = true")
    pytester.makepyfile(
        """
        from shop.app import say

        def test_one(pynenc_app, pynenc_runner):
            say("tea").result
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1)
    assert output(result).count("somebody says tea") == 1
    result.stdout.re_match_lines([r"WARNING  pynenc\.shop:app\.py:\d+ somebody says tea"])


CONTROLLED = """
    from pynenc.conf.config_task import ConcurrencyControlType

    @app.task(running_concurrency=ConcurrencyControlType.TASK, reroute_on_concurrency_control=True)
    def pour(cup: int) -> int:
        threading.Event().wait(0.5)
        return cup
"""


@pytest.mark.slow
@pytest.mark.parametrize("fixture", [in_thorough_runs(["pynenc_runner"]), "pynenc_worker"])
def test_a_controlled_task_that_fails_its_test_fills_a_screen(
    pytester: pytest.Pytester, fixture: str
) -> None:
    make_shop(pytester, source=dedent(SHOP) + dedent(CONTROLLED))
    pytester.makepyfile(
        f"""
        from shop.app import pour

        def test_one(pynenc_app, {fixture}):
            assert sorted(pour.parallelize([(n,) for n in range(4)]).results) == []
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    assert len(output(result).splitlines()) < 80
