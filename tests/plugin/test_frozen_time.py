"""Results, deadlines and teardowns come, whatever a test does to time."""

import pytest

from tests.plugin.helpers import make_shop, run

SHOP = """
    import os
    import threading
    from pynenc import PynencBuilder

    # a recovery that time jumps over would take all runners for dead, as it would in production
    PATIENT = {"runner_considered_dead_after_minutes": 1e7, "max_pending_seconds": 1e9}
    app = PynencBuilder().app_id("shop").memory().custom_config(cached_status_time=5.0, **PATIENT).build()

    @app.task
    def brew() -> str:
        threading.Event().wait(0.05)
        return "tea"

    @app.task
    def hang() -> None:
        while not os.path.exists("end"):
            threading.Event().wait(0.01)
"""

TESTS = """
    import os
    import time
    from contextlib import contextmanager
    import freezegun
    import pytest
    import time_machine
    from pytest_pynenc_mongo import RunnerError
    from shop.app import app, brew, hang

    clock = time.clock_gettime

    @contextmanager
    def patched():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.time", lambda: 1e9)
            yield

    FROZEN = {
        "freezegun": lambda: freezegun.freeze_time("2040-01-01"),
        "time-machine": lambda: time_machine.travel("2040-01-01", tick=False),
        "time.time": patched,
    }
    each_way = pytest.mark.parametrize("way", ["pynenc_runner", "pynenc_worker"])

    @pytest.fixture(params=FROZEN)
    def frozen(request):
        return FROZEN[request.param]

    @pytest.fixture(autouse=True)
    def in_a_directory_of_its_own(tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        yield
        open("end", "w").close()

    @pytest.mark.pynenc_mongo(timeout=0.5)
    @each_way
    def test_results_and_deadlines_come(pynenc_app, request, way, frozen, pynenc_wait):
        request.getfixturevalue(way)
        with frozen():
            assert brew().result == "tea"
            assert pynenc_wait(brew()) == "tea"
            assert list(brew.parallelize([(), ()]).results) == ["tea", "tea"]
            pynenc_wait.idle()
            begin = clock(time.CLOCK_MONOTONIC)
            with pytest.raises(RunnerError, match="no result after 0.5 s: hang is (running|pending)"):
                hang().result
            with pytest.raises(RunnerError, match="after 0.2 s hang is"):
                pynenc_wait(hang(), timeout=0.2)
            with pytest.raises(RunnerError, match="after 0.2 s what was waited for"):
                pynenc_wait.until(lambda: False, timeout=0.2)
            assert 0.9 <= clock(time.CLOCK_MONOTONIC) - begin < 3.0
            open("end", "w").close()

    def test_nobody_runs_it(pynenc_app, frozen):
        with frozen(), pytest.raises(RunnerError, match="nobody runs app 'shop'"):
            brew().result

    def test_the_worker_is_dead(pynenc_app, pynenc_worker):
        with freezegun.freeze_time("1999-01-01"):
            pynenc_worker.kill()
            with pytest.raises(RunnerError, match="ended with SIGKILL"):
                brew().result

    @pytest.fixture
    def always(frozen):
        with frozen():
            yield

    @each_way
    def test_what_starts_and_ends_in_frozen_time(always, pynenc_app, request, way):
        request.getfixturevalue(way)
        assert brew().result == "tea"
"""


@pytest.mark.slow
def test_frozen_time(pytester: pytest.Pytester, on_engine: tuple[str, ...], in_mode: tuple[str, ...]) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(TESTS)
    run(pytester, *on_engine, *in_mode).assert_outcomes(passed=16)
