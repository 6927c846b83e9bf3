"""`pynenc_assert` says what tasks have done, and what instead, in one headline."""

import pytest

from tests.plugin.helpers import make_shop, output, run

SHOP = """
    import os
    import threading
    from pynenc import PynencBuilder
    from pynenc.trigger.trigger_builder import on_event

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def brew(cups: int, strong: bool = False) -> int:
        return cups

    @app.task
    def steep(order: dict) -> None:
        pass

    @app.task(max_retries=2, retry_for=(OSError,))
    def spill(times: int) -> int:
        if spill.invocation.num_retries < times:
            raise OSError("spilt")
        return times

    @app.task
    def when(sign: str) -> None:
        while not os.path.exists(sign):
            threading.Event().wait(0.01)

    @app.task(triggers=on_event("ordered"))
    def ship() -> str:
        return "shipped"

    @app.task
    def order(tea: int) -> None:
        app.trigger.emit_event("ordered", {"tea": tea})
"""
HELP = """
    import os
    import re
    from contextlib import contextmanager
    from unittest.mock import ANY
    import pytest
    from pynenc.invocation import InvocationStatus
    from pytest_pynenc_mongo import RunnerError
    from shop.app import app, brew, order, ship, spill, steep, when

    @contextmanager
    def refused(headline):
        with pytest.raises(AssertionError) as caught:
            yield
        assert re.fullmatch(headline, str(caught.value)), str(caught.value)
"""

CALLS = """
    def test_called(pynenc_app, pynenc_assert):
        with refused("brew was never called"):
            pynenc_assert.called(brew)
        calls = [brew(2), brew(3, strong=True)]
        steep({})
        assert pynenc_assert.called(brew) == calls
        assert pynenc_assert.called(brew, times=2) == calls
        assert pynenc_assert.called(ship, times=0) == []
        with refused("brew was called 2 times, not once"):
            pynenc_assert.called(brew, times=1)

    def test_called_with(pynenc_app, pynenc_assert):
        first, second, third = brew(2), brew(3, True), brew(2, strong=False)
        assert pynenc_assert.called_with(brew, 2) == [first, third]
        assert pynenc_assert.called_with(brew, cups=3, strong=ANY) == [second]
        with refused(
            r"brew was called 3 times, never with cups=4, strong=False:\\n"
            r"  cups is 2 instead of 4 \\(2 times\\)\\n"
            r"  cups is 3 instead of 4, strong is True instead of False"
        ):
            pynenc_assert.called_with(brew, 4)
        with pytest.raises(TypeError, match="unexpected keyword argument 'milk'"):
            pynenc_assert.called_with(brew, 2, milk=True)
        with refused("steep was never called"):
            pynenc_assert.called_with(steep, {})

    def test_values_are_compared_and_large_ones_too(pynenc_app, pynenc_assert):
        large = {"tea": ["x" * 100_000]}
        steep(large)
        pynenc_assert.called_with(steep, {"tea": ["x" * 100_000]})
        with refused(r"(?s)steep was called once, never .*\\n  order\\['tea'\\]\\[0\\] is 'x+\\.+x+' .*"):
            pynenc_assert.called_with(steep, {"tea": ["y"]})

    @pytest.mark.pynenc_mongo(config={"argument_print_mode": "hidden"})
    def test_what_pynenc_hides_stays_hidden(pynenc_app, pynenc_assert):
        brew(2)
        with refused(r"brew was called once, never with \\.\\.\\.:\\n  other arguments"):
            pynenc_assert.called_with(brew, 3)

    def test_few_of_many_are_told(pynenc_app, pynenc_assert):
        brew.parallelize([(cups,) for cups in range(20)])
        with refused(r"(?s)brew was called 20 times, never .*( is \\d+ instead of 20\\n.*){5}and 15 more"):
            pynenc_assert.called_with(brew, 20)

    def test_an_app_that_is_elsewhere(pynenc_use_app, pynenc_app_factory):
        from pytest_pynenc_mongo import Assert

        elsewhere = Assert(pynenc_app_factory())
        with pytest.raises(RunnerError, match="app 'shop' is not on the test database: request"):
            elsewhere.called(brew)
        with pytest.raises(RunnerError, match="app 'shop' is not on the test database"):
            Assert(app).none_failed()

    @pytest.mark.pynenc_mongo(config={"dev_mode_force_sync_tasks": True})
    def test_an_app_that_stores_nothing(pynenc_app, pynenc_assert):
        brew(2).result
        with pytest.raises(RunnerError, match="app 'shop' stores no invocation: dev_mode_"):
            pynenc_assert.called(brew)
"""

RUNS = """
    RUNNERS = os.environ["RUNNERS"].split()[1:]

    @pytest.fixture
    def pynenc_app_config(request):
        runner = getattr(request, "param", "ThreadRunner")
        return {"runner_cls": runner, "num_processes": 1, "min_processes": 1, "max_processes": 1}

    def test_how_often(pynenc_app, pynenc_runner, pynenc_wait, pynenc_assert):
        once, thrice = brew(2), spill(2)
        pynenc_wait([once, thrice])
        pynenc_assert.ran(once)
        pynenc_assert.ran(thrice, times=3)
        with refused(r"spill\\(times=2\\) ran 3 times, not once: spill is success.*"):
            pynenc_assert.ran([once, thrice])
        with refused("there is no invocation to look at"):
            pynenc_assert.ran([])

    def test_not_yet(pynenc_app, pynenc_assert, pynenc_worker):
        pynenc_worker.stop()
        call = brew(2)
        with refused(r"brew\\(cups=2, .*\\) has not run: brew is registered since .*, nobody has taken it"):
            pynenc_assert.ran_in(call, pynenc_worker)
        pynenc_assert.ran(call, times=0)

    def test_in_a_worker(pynenc_app, pynenc_worker, pynenc_worker_factory, pynenc_wait, pynenc_assert):
        calls = brew.parallelize([(1,), (2,)])
        pynenc_wait(calls)
        pynenc_assert.ran_in(calls, pynenc_worker)
        pynenc_assert.ran_in_another_process(calls)
        other = pynenc_worker_factory(pynenc_app)
        with refused(
            rf"brew\\(.*\\) ran in ThreadRunner, process {pynenc_worker.pid}, not in worker {other.pid}"
        ):
            pynenc_assert.ran_in(calls, other)
        with refused(rf".* ran in .*, process {pynenc_worker.pid}, not in the test process, {os.getpid()}"):
            pynenc_assert.ran_in_this_process(calls)

    @pytest.mark.pynenc_mongo(worker_scope="module")
    def test_in_a_shared_worker(pynenc_app, pynenc_worker, pynenc_wait, pynenc_assert):
        call = brew(1)
        pynenc_wait(call)
        pynenc_assert.ran_in(call, pynenc_worker)

    each_runner = pytest.mark.parametrize("pynenc_app_config", RUNNERS, indirect=True)

    @each_runner
    def test_in_a_process_of_a_worker(pynenc_app, pynenc_worker, pynenc_wait, pynenc_assert):
        call = brew(1)
        pynenc_wait(call)
        pynenc_assert.ran_in(call, pynenc_worker)
        pynenc_assert.ran_in_another_process(call)

    @each_runner
    def test_in_a_process_of_a_runner(pynenc_app, pynenc_runner, pynenc_wait, pynenc_assert):
        call = brew(1)
        pynenc_wait(call)
        pynenc_assert.ran_in(call, pynenc_runner)
        pynenc_assert.ran_in_another_process(call)
        with refused(r".* ran in \\w+, (process|a child of process) \\d+, not in the test process, .*"):
            pynenc_assert.ran_in_this_process(call)

    def test_in_a_runner(pynenc_app, pynenc_runner, pynenc_wait, pynenc_assert):
        call = brew(1)
        pynenc_wait(call)
        pynenc_assert.ran_in(call, pynenc_runner)
        pynenc_assert.ran_in_this_process(call)
        with refused(rf".* ran in ThreadRunner, process {os.getpid()}, not in another process"):
            pynenc_assert.ran_in_another_process(call)

    def test_none_failed(pynenc_app, pynenc_runner, pynenc_wait, pynenc_assert):
        pynenc_wait([brew(1), spill(1)])
        pynenc_assert.none_failed()
        for call in (spill(9), spill(8)):
            pynenc_wait.status(call, InvocationStatus.FAILED)
        with refused("spill failed with OSError: spilt; 1 more failed, too"):
            pynenc_assert.none_failed()

    def test_all_final_and_nothing_queued(pynenc_app, pynenc_worker, pynenc_wait, pynenc_assert, tmp_path):
        calls = [brew(1), when(str(tmp_path / "sign"))]
        pynenc_wait.status(calls[1], InvocationStatus.RUNNING)
        pynenc_assert.queue_empty()
        with refused(r"when is running since .* s, ThreadRunner has it in process \\d+, which lives"):
            pynenc_wait(calls[0])
            pynenc_assert.all_final()
        (tmp_path / "sign").touch()
        pynenc_wait.idle()
        pynenc_assert.all_final()
        pynenc_worker.stop()
        calls = [brew(1), brew(2)]
        with refused(r"brew is registered since .* s, nobody has taken it; 1 more not over, either"):
            pynenc_assert.all_final()
        with refused("2 messages wait in the queues"):
            pynenc_assert.queue_empty()
        with refused("2 messages wait in queue 'default'"):
            pynenc_assert.queue_empty("default")
"""

EVENTS = """
    def test_emitted(pynenc_app, pynenc_worker, pynenc_wait, pynenc_event, pynenc_assert):
        with refused("event 'ordered' was never emitted"):
            pynenc_assert.emitted("ordered")
        pynenc_wait([order(1), order(2)])
        payloads = [event.payload for event in pynenc_assert.emitted("ordered")]
        assert sorted(payload["tea"] for payload in payloads) == [1, 2]
        assert len(pynenc_assert.emitted("ordered", times=2)) == 2
        assert pynenc_assert.emitted("sold", times=0) == []
        (event,) = pynenc_assert.emitted("ordered", {"tea": 2}, times=1)
        assert event.payload == {"tea": 2}
        with refused(
            "event 'ordered' was emitted 2 times, never with tea=3:\\n  tea is . instead of 3\\n  tea is . .*"
        ):
            pynenc_assert.emitted("ordered", {"tea": 3})
        with refused("event 'ordered' was emitted with tea=1 once, not 2 times"):
            pynenc_assert.emitted("ordered", {"tea": 1}, times=2)

    def test_triggered(pynenc_app, pynenc_worker, pynenc_event, pynenc_assert):
        shipped = pynenc_event("ordered", {"tea": 2})
        assert pynenc_assert.triggered("ordered", ship) == shipped
        once = "event 'ordered', emitted once, triggered ship once"
        with refused(f"{once}: ship was triggered once, not 2 times"):
            pynenc_assert.triggered("ordered", ship, times=2)
        with refused(f"{once}: brew was never triggered"):
            pynenc_assert.triggered("ordered", brew)
        pynenc_event("sold", {})
        with refused("event 'sold', emitted once, triggered nothing: ship was never triggered"):
            pynenc_assert.triggered("sold", ship)
"""

FAILING = """
    from shop.app import brew

    def test_calls(pynenc_app, pynenc_assert):
        brew(2)
        pynenc_assert.called_with(brew, 3)
"""


def make_module(pytester: pytest.Pytester, source: str) -> None:
    from textwrap import dedent

    make_shop(pytester, source=SHOP)
    pytester.makepyfile(dedent(HELP) + dedent(source))


@pytest.mark.parametrize(
    ("source", "passed", "by_runner"),
    [(CALLS, 7, 0), (RUNS, 7, 2), (EVENTS, 2, 0)],
    ids=["calls", "runs", "events"],
)
def test_what_is_so_passes_and_else_a_headline_says_what_is(
    pytester: pytest.Pytester,
    on_engine: tuple[str, ...],
    some_runners: tuple[str, ...],
    source: str,
    passed: int,
    by_runner: int,
) -> None:
    make_module(pytester, source)
    run(pytester, *on_engine).assert_outcomes(passed=passed + by_runner * len(some_runners[1:]))


def test_a_failure_shows_the_user_s_line_the_headline_and_the_story_once(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(FAILING)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       pynenc_assert.called_with(brew, 3)",
            "E       AssertionError: brew was called once, never with cups=3, strong=False:",
            "E         cups is 2 instead of 3",
            "*- pynenc -*",
            "*  brew(cups=2, strong=False)  registered*",
        ]
    )
    text = output(result).partition("short test summary")[0]
    assert "asserting.py" not in text
    assert text.count("brew was called once") == 1
    assert text.count("brew(cups=2, strong=False)") == 1
