"""`pynenc_cron` and `pynenc_event`: what the clock or an event starts, started now."""

import pytest

from tests.plugin.helpers import make_shop, output, run

SOURCE = """
    import os
    from pynenc import PynencBuilder
    from pynenc.trigger import TriggerBuilder
    from pynenc.trigger.trigger_builder import on_cron, on_event

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def pid() -> int:
        return os.getpid()

    @app.task(triggers=on_cron("0 3 * * *").with_args_static({"year": 2026}))
    def audit(year: int) -> str:
        return f"audited {year}"

    @app.task(triggers=on_cron("0 3 * * *"))
    def clean() -> str:
        return "clean"

    @app.task(triggers=[on_cron("0 9 * * *"), on_cron("0 17 * * *")])
    def ring() -> int:
        return os.getpid()

    def first_run(context):
        (valid,) = context.valid_conditions.values()
        return {"at": valid.context.timestamp.isoformat(), "last": valid.context.last_execution.isoformat()}

    @app.task(triggers=on_cron("5 5 * * 5").with_args_from_trigger_context(first_run))
    def note(at: str, last: str) -> tuple[str, str]:
        return at, last

    @app.task(triggers=on_cron("7 7 * * *").on_event("asked"))
    def answer() -> str:
        return "42"

    def order(context):
        return {"item": context.payload["item"]}

    @app.task(triggers=on_event("ordered").with_args_from_event(order))
    def pack(item: str) -> str:
        return f"a parcel of {item}"

    @app.task(triggers=on_event("ordered", {"express": True}))
    def hurry() -> int:
        return os.getpid()
"""
CRON = """
    import os
    import pytest
    from datetime import UTC, datetime
    from shop.app import answer, app, audit, clean, note, pid, ring
    from pytest_pynenc_mongo import RunnerError

    def count(app):
        return app.orchestrator.count_invocations()

    @pytest.fixture(params=["pynenc_runner", "pynenc_worker"])
    def executor(request, pynenc_app):
        return request.getfixturevalue(request.param)

    def test_a_cron_fires_with_its_arguments(pynenc_app, executor, pynenc_cron, pynenc_wait):
        invocation = pynenc_cron.fire(audit)
        assert invocation.task.task_id == audit.task_id
        assert pynenc_wait(invocation) == "audited 2026"
        # clean has the same schedule
        assert count(pynenc_app) == 1

    def test_it_fires_as_often_as_it_is_fired(pynenc_app, executor, pynenc_cron, pynenc_wait):
        first, second = pynenc_cron.fire(clean), pynenc_cron.fire(clean)
        assert first != second
        assert pynenc_wait(first) == pynenc_wait(second) == "clean"
        assert pynenc_wait(pynenc_cron.fire(audit)) == "audited 2026"
        assert count(pynenc_app) == 3

    def test_it_fires_in_pynenc_s_context(pynenc_app, executor, pynenc_cron, pynenc_wait):
        before = pynenc_app.trigger.get_last_cron_execution("cron_5 5 * * 5")
        at, last = pynenc_wait(pynenc_cron.fire(note))
        assert datetime.fromisoformat(last) == before
        assert datetime.fromisoformat(at) > before
        assert pynenc_app.trigger.get_last_cron_execution("cron_5 5 * * 5") == datetime.fromisoformat(at)
        later = datetime.max.replace(tzinfo=UTC)
        (run,) = pynenc_app.trigger.get_trigger_runs_in_timerange(datetime.fromisoformat(at), later)
        assert run.task_id_key == note.task_id.key

    def test_one_of_several(pynenc_app, pynenc_worker, pynenc_cron, pynenc_wait):
        assert pynenc_wait(pynenc_cron.fire(ring, "0 17 * * *")) == pynenc_worker.pid
        assert count(pynenc_app) == 1

    def test_on_a_clock_that_stands_still(pynenc_app, executor, pynenc_cron, pynenc_wait, monkeypatch):
        from pytest_pynenc_mongo import firing

        class Still(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime(2026, 1, 1, tzinfo=tz)

        monkeypatch.setattr(firing, "datetime", Still)
        assert pynenc_cron.fire(clean) != pynenc_cron.fire(clean)
"""
REFUSALS = """
    import pytest
    from shop.app import answer, app, pid, ring

    def test_nobody(pynenc_app, pynenc_cron):
        pynenc_cron.fire(ring)

    def test_nobody_for_an_event(pynenc_app, pynenc_event):
        pynenc_event("ordered")

    def test_no_cron(pynenc_runner, pynenc_cron):
        pynenc_cron.fire(pid)

    def test_two(pynenc_runner, pynenc_cron):
        pynenc_cron.fire(ring)

    def test_not_this_one(pynenc_runner, pynenc_cron):
        pynenc_cron.fire(ring, "0 3 * * *")

    def test_more(pynenc_runner, pynenc_cron):
        pynenc_cron.fire(answer)

    def test_dead(pynenc_worker, pynenc_cron):
        pynenc_worker.kill()
        pynenc_cron.fire(ring, "0 9 * * *")

    @pytest.mark.pynenc_mongo(config={"atomic_service_check_interval_minutes": 5})
    def test_late(pynenc_app, pynenc_runner, pynenc_cron, pynenc_wait):
        # one look, and the next one in five minutes
        pynenc_wait.until(lambda: pynenc_app.orchestrator.get_active_runners())
        pynenc_cron.fire(ring, "0 9 * * *", timeout=1)
        pynenc_cron.fire(ring, "0 9 * * *", timeout=1)
"""
SENTENCES = (
    "RunnerError: nobody runs app 'shop': request pynenc_runner or pynenc_worker",
    "RunnerError: shop.app.pid has no cron: give it one, @app.task(triggers=on_cron('0 3 * * *'))",
    "RunnerError: shop.app.ring has 2 crons, '0 17 * * *', '0 9 * * *': name the one to fire, fire(task,",
    "RunnerError: shop.app.ring has no cron '0 3 * * *', but '0 17 * * *', '0 9 * * *'",
    "RunnerError: cron '7 7 * * *' of shop.app.answer has fired, but its trigger waits for more: event#asked",
    "RunnerError: after 1 s no runner of app 'shop' has looked after its triggers",
)
EVENT = """
    import os
    import pytest
    from shop.app import answer, app, hurry, pack, pid

    @pytest.fixture(params=["pynenc_runner", "pynenc_worker"])
    def executor(request, pynenc_app):
        return request.getfixturevalue(request.param)

    def test_an_event_returns_what_it_triggers(pynenc_app, executor, pynenc_event, pynenc_wait):
        (parcel,) = pynenc_event("ordered", {"item": "tea"})
        assert pynenc_wait(parcel) == "a parcel of tea"
        both = pynenc_event("ordered", {"item": "cake", "express": True})
        assert {each.task.task_id for each in both} == {pack.task_id, hurry.task_id}
        assert pynenc_app.orchestrator.count_invocations() == 3

    def test_none_is_an_answer(pynenc_app, executor, pynenc_event):
        assert pynenc_event("nobody listens") == []
        # one of two that its trigger waits for
        assert pynenc_event("asked") == []
        assert pynenc_app.trigger.count_events() == 2
        assert pynenc_app.orchestrator.count_invocations() == 0

    def test_the_second_of_two_that_a_trigger_waits_for(executor, pynenc_event, pynenc_cron, pynenc_wait):
        assert pynenc_event("asked") == []
        assert pynenc_wait(pynenc_cron.fire(answer)) == "42"
"""


@pytest.fixture(autouse=True)
def shop(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SOURCE)


@pytest.mark.slow
def test_a_cron_fires_when_a_test_says_so(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    pytester.makepyfile(CRON)
    run(pytester, *on_engine).assert_outcomes(passed=9)


@pytest.mark.thorough
@pytest.mark.slow
def test_every_runner_s_loop_makes_it_run(pytester: pytest.Pytester, some_runners: tuple[str, ...]) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from shop.app import app, audit, pack

        @pytest.fixture(params={some_runners[1:]})
        def pynenc_app_config(request):
            return {{"runner_cls": request.param, "num_processes": 1, "min_processes": 1, "max_processes": 1}}

        @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
        def test_both(request, executor, pynenc_app, pynenc_cron, pynenc_event, pynenc_wait):
            request.getfixturevalue(executor)
            assert pynenc_wait(pynenc_cron.fire(audit)) == "audited 2026"
            (parcel,) = pynenc_event("ordered", {{"item": "tea"}})
            assert pynenc_wait(parcel) == "a parcel of tea"
        """
    )
    run(pytester).assert_outcomes(passed=2 * len(some_runners[1:]))


@pytest.mark.slow
def test_an_event_is_emitted_and_waited_for(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    pytester.makepyfile(EVENT)
    run(pytester, *on_engine).assert_outcomes(passed=6)


@pytest.mark.slow
def test_what_cannot_fire_is_refused_in_a_sentence(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    pytester.makepyfile(REFUSALS)
    result = run(pytester, *on_engine)
    result.assert_outcomes(failed=8)
    for sentence in SENTENCES:
        assert sentence in output(result)
    assert "ended with SIGKILL" in output(result)
