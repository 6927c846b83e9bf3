"""A wait for a result ends after a time, and says what is known of it; the user's line is shown, not ours."""

import pytest
from pynenc.identifiers.invocation_id import InvocationId

from pytest_pynenc_mongo import apps, awaiting, clock, marker
from pytest_pynenc_mongo.errors import RunnerError
from pytest_pynenc_mongo.waiting import Wait
from tests.plugin import waits
from tests.plugin.helpers import make_shop, output, run

LATE = """
    from pynenc.invocation import InvocationStatus
    from shop.app import hang

    each_way = pytest.mark.parametrize("way", ["pynenc_runner", "pynenc_worker"])

    @pytest.fixture(autouse=True)
    def in_a_directory_of_its_own(tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    @pytest.fixture
    def ended():
        yield
        open("end", "x").close()

    @pytest.mark.pynenc_mongo(timeout=0.5)
    @each_way
    def test_it_takes_too_long(pynenc_app, pynenc_wait, request, way):
        who = request.getfixturevalue(way)
        request.getfixturevalue("ended")
        task = hang("started")
        pynenc_wait.status(task, InvocationStatus.RUNNING)
        pid = getattr(who, "pid", os.getpid())
        known = rf"hang is running since \\d\\.\\d s, ThreadRunner has it in process {pid}, which lives"
        longer = r"To wait longer: ini pynenc_mongo_result_timeout or marker pynenc_mongo\\(.*\\)"
        with refused(rf"no result after 0.5 s: {known}. {longer}"):
            task.result
        with refused(rf"after 0.3 s {known}"):
            pynenc_wait(task, timeout=0.3)
        begin = monotonic()
        with pytest.raises(RunnerError):
            task.result
        assert 0.5 <= monotonic() - begin

    def test_the_variable_wins_over_the_ini(pynenc_app, pynenc_worker, ended):
        with refused("no result after 0.2 s: hang is .*"):
            hang("started").result
"""


def test_it_takes_too_long(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    on_engine: tuple[str, ...],
    in_mode: tuple[str, ...],
) -> None:
    """The marker wins over the environment, that over the ini."""
    waits.make(pytester, "pynenc_mongo_result_timeout = 30", test_late=LATE)
    monkeypatch.setenv("PYTEST_PYNENC_MONGO_RESULT_TIMEOUT", "0.2")
    run(pytester, *on_engine, *in_mode).assert_outcomes(passed=3)


def test_the_user_s_line_and_the_sentence_are_shown(pytester: pytest.Pytester) -> None:
    make_shop(pytester, "pynenc_mongo_result_timeout = 0.2", source=waits.SHOP)
    pytester.makepyfile(
        """
        import asyncio
        import unittest
        import pytest
        from shop.app import brew, hang

        def test_result(pynenc_app):
            assert brew().result == "tea"

        def test_results(pynenc_app):
            assert list(brew.parallelize([()]).results) == ["tea"]

        def test_wait(pynenc_app, pynenc_wait):
            assert pynenc_wait(brew()) == "tea"

        def test_idle(pynenc_app, pynenc_wait):
            brew()
            pynenc_wait.idle()

        def test_until(pynenc_app, pynenc_wait):
            pynenc_wait.until(lambda: False, timeout=0.1)

        class Tests(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def app(self, pynenc_app):
                pass

            def test_unit(self):
                assert brew().result == "tea"

        def test_deadline(pynenc_app, pynenc_worker):
            hang("started").result

        @pytest.fixture
        def tea(pynenc_app):
            return brew().result

        def test_fixture(tea):
            pass
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=7, errors=1)
    result.stdout.fnmatch_lines(
        ["E  *RunnerError: nobody runs app 'shop': request pynenc_runner or pynenc_worker"]
    )
    result.stdout.fnmatch_lines(["E  *RunnerError: no result after 0.2 s: hang is *"])
    shown = output(result)
    assert shown.count("E       pytest_pynenc_mongo.errors.RunnerError: ") == 8
    assert "dist_invocation" not in shown
    assert "pytest_pynenc_mongo/" not in shown


def test_what_happens_after_the_deadline_comes_too_late() -> None:
    looks = iter(range(200))  # at one in ten milliseconds
    wait = Wait(apps.new(), timeout=0.05)
    with pytest.raises(RunnerError, match=r"after 0\.05 s it is not the last look"):
        wait.until(lambda: next(looks) == 199, describe=lambda: "it is not the last look")


def test_a_wait_for_a_result_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now, guard, app, ids = [0.0], awaiting.Guard(5), apps.new(), [InvocationId("never")]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    monkeypatch.setattr(guard, "refuse_in_vain", lambda *_: None)
    monkeypatch.setattr(guard, "what_is_known", lambda *_: "it hangs")
    for now[0] in (0.0, 1.5, 3.0, 4.5, 5.0):
        guard.check(app, ids)
    now[0] = 5.1
    with pytest.raises(RunnerError, match=r"no result after 5 s: it hangs\."):
        guard.check(app, ids)


@pytest.mark.parametrize("timeout", ["soon", 0, -1, True])
def test_a_deadline_that_is_none_is_refused(timeout: object) -> None:
    mark = pytest.mark.pynenc_mongo(timeout=timeout).mark
    assert marker.what_is_wrong(mark).startswith(f"@pytest.mark.pynenc_mongo: timeout is {timeout!r}")


AFTERWARDS = """
    from pynenc.invocation import dist_invocation
    from pynenc.runner import BaseRunner

    NAMES = ["waiting_for_results", "async_waiting_for_results"]
    BEFORE = [vars(BaseRunner)[name] for name in NAMES]

    def is_as_before():
        return [vars(BaseRunner)[name] for name in NAMES] == BEFORE

    def test_during(pynenc_app, pynenc_runner):
        assert not is_as_before()

    def test_afterwards():
        assert is_as_before()
        assert "__tracebackhide__" not in vars(dist_invocation)
"""
HISTORY = """
    import threading
    from pynenc.invocation import InvocationStatus
    from shop.app import brew

    def statuses(app, tea):
        history = app.state_backend.get_history(tea.invocation_id)
        return [entry.status_record.status.value for entry in history]

    def test_history(pynenc_app, pynenc_runner, pynenc_wait, monkeypatch):
        seen, backend = threading.Event(), pynenc_app.state_backend
        add = backend.add_history

        def add_late(invocation_id, record, runner):
            if record.status == InvocationStatus.SUCCESS:
                assert seen.wait(10)
            add(invocation_id, record, runner)

        monkeypatch.setattr(backend, "add_history", add_late)
        tea = brew()
        assert tea.result == "tea"
        assert statuses(pynenc_app, tea) == ["registered", "pending", "running"]
        seen.set()
        pynenc_wait.status(tea, InvocationStatus.SUCCESS)
        assert statuses(pynenc_app, tea) == ["registered", "pending", "running", "success"]
"""


def test_afterwards_pynenc_waits_as_before_and_history_may_lag_a_result_by_one_write(
    pytester: pytest.Pytester,
) -> None:
    make_shop(pytester, source=waits.SHOP)
    pytester.makepyfile(test_afterwards=AFTERWARDS, test_history=HISTORY)
    run(pytester).assert_outcomes(passed=3)
