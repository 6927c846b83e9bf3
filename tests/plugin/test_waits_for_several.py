"""`pynenc_wait` takes one invocation, a group, or several; coroutines wait by its twins."""

import pytest

from tests.plugin.helpers import WAITING_SHOP, make_shop, run

SEVERAL = """
    import pytest
    from pynenc.invocation import InvocationStatus
    from pytest_pynenc_mongo import RunnerError
    from shop.app import app, double, fail, when

    def test_a_group_in_its_own_order(pynenc_wait, pynenc_worker, tmp_path):
        first, last = str(tmp_path / "first"), str(tmp_path / "last")
        group = when.parallelize([(last,), (first,)])
        open(first, "x").close()
        assert pynenc_wait(group.invocations[1]) == first
        open(last, "x").close()
        assert pynenc_wait(group) == [last, first]

    def test_a_list_an_iterator_and_nothing(pynenc_wait, pynenc_worker):
        assert pynenc_wait([double(1), double(2)]) == [2, 4]
        assert pynenc_wait(double(x) for x in range(3)) == [0, 2, 4]
        assert pynenc_wait([double(4)]) == [8]
        assert pynenc_wait([]) == []
        for wrong in (double, [double(1), double]):
            with pytest.raises(TypeError, match=r"Task\\(func=double\\) is not an invocation: what a call"):
                pynenc_wait(wrong)

    def test_the_same_one_twice(pynenc_wait, pynenc_worker):
        once = double(3)
        assert pynenc_wait([once, double(4), once]) == [6, 8, 6]

    def test_of_two_apps(pynenc_wait, pynenc_worker, pynenc_app_factory, pynenc_worker_factory):
        tea = pynenc_app_factory(app_id="tea")
        pynenc_worker_factory(tea)
        brew = tea.task(double.func)
        assert pynenc_wait([double(1), brew(2), double(3)]) == [2, 4, 6]

    def test_a_failure_is_raised_while_others_run(pynenc_wait, pynenc_worker, tmp_path):
        sign = tmp_path / "sign"
        other = when(str(sign))
        with pytest.raises(ValueError, match="sold out"):
            pynenc_wait([other, fail("sold out")])
        assert not other.status.is_final()
        sign.touch()
        pynenc_wait(other)

    def test_a_status_of_each(pynenc_wait, pynenc_worker, tmp_path):
        sign = tmp_path / "sign"
        group = when.parallelize([(str(sign),), (str(sign),)])
        pynenc_wait.status(group, InvocationStatus.RUNNING)
        assert {each.status for each in group} == {InvocationStatus.RUNNING}
        sign.touch()
        pynenc_wait.status(list(group), InvocationStatus.SUCCESS)
        pynenc_wait.status(group, InvocationStatus.RUNNING)

    def test_the_time_is_over(pynenc_wait, pynenc_worker, tmp_path):
        sign = tmp_path / "sign"
        group = [double(1), when(str(sign)), when(str(sign))]
        with pytest.raises(RunnerError, match="after 0.3 s when is .*, and 1 more of its group are not over"):
            pynenc_wait(group, timeout=0.3)
        sign.touch()
        pynenc_wait(group)

    def test_nobody_runs_them(pynenc_app, pynenc_wait):
        with pytest.raises(RunnerError, match="nobody runs app 'shop': request"):
            pynenc_wait(double.parallelize([(1,), (2,)]))

    def test_tasks_that_run_where_their_result_is_read(pynenc_app, pynenc_wait, monkeypatch):
        monkeypatch.setenv("PYNENC__DEV_MODE_FORCE_SYNC_TASKS", "true")
        pynenc_app._conf = None
        assert pynenc_wait(double(1)) == 2
        assert pynenc_wait(double.parallelize([(1,), (2,)])) == [2, 4]
        with pytest.raises(ValueError, match="sold out"):
            pynenc_wait(fail("sold out"))
        with pytest.raises(RunnerError, match="double is registered, and nothing changes that by itself: it"):
            pynenc_wait.status(double(1), InvocationStatus.SUCCESS)

    @pytest.mark.pynenc_mongo(eager=True)
    def test_tasks_that_run_at_the_call(pynenc_app, pynenc_wait):
        assert pynenc_wait([double(1), double(2)]) == [2, 4]
        for status in (InvocationStatus.REGISTERED, InvocationStatus.RUNNING, InvocationStatus.SUCCESS):
            pynenc_wait.status(double(1), status)
        pynenc_wait.status(fail("sold out"), InvocationStatus.FAILED)
        with pytest.raises(RunnerError, match="double is success, and nothing changes that by itself"):
            pynenc_wait.status(double(1), InvocationStatus.RETRY)
"""

COROUTINES = """
    import asyncio
    import freezegun
    import pytest
    from pynenc.invocation import InvocationStatus
    from pytest_pynenc_mongo import RunnerError
    from shop.app import app, double, fail, when

    def test_results(pynenc_wait, pynenc_worker):
        async def results():
            one = await pynenc_wait.async_result(double(1))
            some = await pynenc_wait.async_result(double.parallelize([(1,), (2,)]))
            with pytest.raises(ValueError, match="sold out"):
                await pynenc_wait.async_result([double(1), fail("sold out")])
            return one, some, await pynenc_wait.async_result([double(3)])

        assert asyncio.run(results()) == (2, [2, 4], [6])

    def test_others_go_on_meanwhile(pynenc_wait, pynenc_worker, tmp_path):
        sign = tmp_path / "sign"

        async def open_when_it_runs(task):
            await pynenc_wait.async_status(task, InvocationStatus.RUNNING)
            sign.touch()

        async def both():
            task = when(str(sign))
            result, _ = await asyncio.gather(pynenc_wait.async_result(task), open_when_it_runs(task))
            await pynenc_wait.async_idle()
            return result

        assert asyncio.run(both()) == str(sign)

    def test_conditions_may_be_coroutines(pynenc_wait, pynenc_worker):
        answers = iter([False, False, True])

        async def next_answer():
            return next(answers)

        async def until():
            await pynenc_wait.async_until(next_answer)
            await pynenc_wait.async_until(lambda: True)
            with pytest.raises(RunnerError, match="after 0.1 s the kettle is cold"):
                await pynenc_wait.async_until(lambda: False, 0.1, lambda: "the kettle is cold")

        asyncio.run(until())
        assert not list(answers)

    def test_nobody_runs_it(pynenc_app, pynenc_wait, monkeypatch):
        # the thread of the wait is none in which somebody may run tasks
        monkeypatch.setattr("pytest_pynenc_mongo.outsiders._THREAD_GRACE_SECONDS", 1e9)
        with pytest.raises(RunnerError, match="nobody runs app 'shop': request"):
            asyncio.run(pynenc_wait.async_result(double(1), timeout=5))

    def test_a_frozen_clock_stops_no_deadline(pynenc_wait, pynenc_worker):
        with freezegun.freeze_time("2040-01-01"):
            assert asyncio.run(pynenc_wait.async_result(double(1))) == 2
            with pytest.raises(RunnerError, match="after 0.1 s what was waited for did not happen"):
                asyncio.run(pynenc_wait.async_until(lambda: False, timeout=0.1))

    def test_a_wait_is_cancelled(pynenc_wait, pynenc_worker, tmp_path):
        sign = tmp_path / "sign"

        async def give_up():
            async with asyncio.timeout(0.1):
                await pynenc_wait.async_result(when(str(sign)))

        with pytest.raises(TimeoutError):
            asyncio.run(give_up())
        sign.touch()
        pynenc_wait.idle()
"""


def test_results_and_statuses_of_several(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_shop(pytester, source=WAITING_SHOP)
    pytester.makepyfile(SEVERAL)
    run(pytester, *on_engine).assert_outcomes(passed=10)


def test_coroutines_wait(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_shop(pytester, source=WAITING_SHOP)
    pytester.makepyfile(COROUTINES)
    run(pytester, *on_engine).assert_outcomes(passed=6)
