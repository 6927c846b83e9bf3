"""`pynenc_mongo_worker_scope`: one worker's process for several tests, one after the other."""

import os
import signal
from pathlib import Path

import pytest

from tests.plugin.helpers import (
    SHOP,
    Marked,
    looks_for_processes,
    make_shop,
    output,
    run,
    start,
    wait_until,
)
from tests.reproducible import in_thorough_runs

pytestmark = looks_for_processes

MORE = """
    import threading
    from pathlib import Path

    calls: list[str] = []

    @app.task
    def count() -> int:
        calls.append("call")
        return len(calls)

    @app.task
    def mode() -> str:
        return os.environ.get("SHOP_MODE", "none")

    @app.task
    def here() -> str:
        return os.getcwd()

    @app.task
    def start_method() -> str | None:
        import multiprocessing

        return multiprocessing.get_start_method(allow_none=True)

    @app.task
    def stop() -> None:
        breakpoint()

    @app.task
    def slow(oven: str, later: str) -> str:
        Path(later).touch()
        while not Path(oven).exists():
            threading.Event().wait(0.01)
        ordered(1)
        return "done"

    @app.task
    def ordered(number: int) -> int:
        return number

    @app.task
    def leave_a_thread() -> None:
        threading.Thread(target=threading.Event().wait, name="poller", daemon=True).start()

    @app.task
    def leave_a_process() -> None:
        import subprocess

        subprocess.Popen(["sleep", "60"])

    @app.task
    def exit() -> None:
        os._exit(3)
"""
CONFTEST = """
    import pytest

    pids = []

    @pytest.fixture
    def note(pynenc_worker):
        pids.append(pynenc_worker.pid)
        return pynenc_worker
"""
TESTS = """
    import pytest
    from conftest import pids
    from shop.app import add, count, pid, stop

    def test_first(note):
        assert [count().result, count().result] == [1, 2]
        assert pid().result == note.pid
        assert "the shop is open" in note.log

    def test_the_same_process(note):
        assert note.pid == pids[0]
        assert count().result == 3
        assert "the shop is open" not in note.log
        with pytest.raises(RuntimeError, match="has no terminal"):
            stop().result

    def test_its_database_is_empty(note, pynenc_app, pynenc_event):
        assert list(pynenc_app.orchestrator.get_existing_invocations(pid)) == []
        # triggers are registered, and the runner is another one
        assert [each.result for each in pynenc_event("ordered", {})] == ["shipped"]

    def test_without_a_worker_nobody_runs_tasks(pynenc_app, pynenc_wait):
        invocation = add(1, 2)
        with pytest.raises(Exception, match="nobody runs app 'shop'"):
            pynenc_wait(invocation)
        assert pynenc_app.broker.count_invocations() == 1

    def test_nothing_of_the_test_before_is_run(note, pynenc_app):
        assert note.pid == pids[0]
        assert pynenc_app.orchestrator.count_invocations() == 0
        assert pynenc_app.broker.count_invocations() == 0

    def test_killed(note):
        assert note.pid == pids[0]
        note.kill()
        assert note.exit_code == -9

    def test_started_anew(note):
        assert note.pid == pids[-1] != pids[0]
        assert count().result == 1
        note.stop()
        assert note.exit_code == 0

    def test_started_anew_again(note):
        assert note.pid not in pids[:-1]
        assert count().result == 1
"""
ITS_OWN = """
    import os
    import pytest
    from conftest import pids
    from shop.app import add, app, count, here, mode, pid, start_method

    start_methods = []

    def test_the_first(note):
        assert count().result == 1
        start_methods.append(start_method().result)

    @pytest.mark.pynenc_mongo(runner="ProcessRunner", config={"max_retries": 7})
    def test_a_config_of_its_own(note):
        assert note.pid == pids[0]
        assert pid().result not in (note.pid, os.getpid())
        assert add.conf.max_retries == 7

    @pytest.mark.pynenc_mongo(runner="PersistentProcessRunner", config={"num_processes": 1})
    def test_persistent_processes(note):
        assert note.pid == pids[0]
        assert pid().result not in (note.pid, os.getpid())

    @pytest.mark.pynenc_mongo(runner="MultiThreadRunner", config={"max_processes": 1})
    def test_threads_in_processes(note):
        assert note.pid == pids[0]
        assert pid().result not in (note.pid, os.getpid())

    def test_another_directory(pynenc_app, monkeypatch, tmp_path, request):
        monkeypatch.chdir(tmp_path)
        worker = request.getfixturevalue("note")
        assert worker.pid == pids[0]
        assert here().result == str(tmp_path)
        # which PersistentProcessRunner has changed
        assert start_method().result == start_methods[0]

    def test_of_its_own(pynenc_app, note, pynenc_worker_factory):
        own = pynenc_worker_factory(pynenc_app)
        assert own.pid not in pids
        seen = set()
        while len(seen) < 2:
            seen |= set(pid.parallelize([()] * 10).results)
        assert seen == {own.pid, note.pid}

    @pytest.mark.pynenc_mongo(worker_scope="function")
    def test_the_marker_wants_its_own(note):
        assert note.pid not in pids[:-1]
        assert count().result == 1

    def test_another_environment(pynenc_app, monkeypatch, request):
        monkeypatch.setenv("SHOP_MODE", "test")
        worker = request.getfixturevalue("note")
        assert worker.pid not in pids[:-1]
        assert mode().result == "test"

    def test_the_environment_as_before(note):
        assert note.pid not in pids[:-1]
        assert mode().result == "none"

    def test_a_resting_one_dies():
        os.kill(pids[-1], 9)

    def test_after_its_death(note):
        assert note.pid not in pids[:-1]
"""
WHY_ANEW = [
    "pynenc_worker: it was started anew for app 'shop': the environment has changed: SHOP_MODE",
    "pynenc_worker: it was started anew for app 'shop': it ended while it rested, with SIGKILL",
]


def test_one_process_runs_the_tasks_of_test_after_test(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester, "pynenc_mongo_worker_scope = session", source=SHOP + MORE)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    run(pytester, *on_engine).assert_outcomes(passed=8)


def test_a_test_has_what_it_wants_of_its_own(pytester: pytest.Pytester) -> None:
    make_shop(pytester, "pynenc_mongo_worker_scope = session", source=SHOP + MORE)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(ITS_OWN)
    result = run(pytester)
    result.assert_outcomes(passed=11)
    assert [line for line in result.stdout.lines if line.startswith("pynenc_worker: ")] == WHY_ANEW


OUTLIVING = """
    import os
    import threading
    from pathlib import Path
    import pytest
    from conftest import pids
    import shop.app
    from shop.app import app, exit, hang, leave_a_process, leave_a_thread, ordered, pid, slow

    def is_new(worker):
        return worker.pid not in pids[:-1]

    def wait_for(condition, pynenc_wait):
        pynenc_wait.until(condition, timeout=20)

    def test_a_task_outlives_it(note, pynenc_wait, tmp_path):
        slow(str(tmp_path / "oven"), str(tmp_path / "started"))
        wait_for((tmp_path / "started").exists, pynenc_wait)
        # the test is over, and the task has still to call another one
        threading.Timer(0.3, (tmp_path / "oven").touch).start()

    def test_finds_nothing_of_it(note, pynenc_wait):
        assert not is_new(note)
        assert list(app.orchestrator.get_existing_invocations(ordered)) == []
        pynenc_wait.idle()

    def test_a_task_hangs(note, pynenc_wait, tmp_path):
        hang(str(tmp_path / "started"))
        wait_for((tmp_path / "started").exists, pynenc_wait)
        note._stop_seconds = 0.5  # the ini would shorten the time to start, too

    def test_finds_a_new_one(note, pynenc_wait):
        assert is_new(note)
        pynenc_wait.idle()

    def test_fails_while_a_task_hangs(note, pynenc_wait, tmp_path):
        hang(str(tmp_path / "started"))
        wait_for((tmp_path / "started").exists, pynenc_wait)
        raise LookupError("as it must")

    def test_finds_a_new_one_again(note):
        assert is_new(note)

    def test_fails(note):
        raise LookupError("as it must")

    def test_that_another_failed_is_no_reason(note):
        assert not is_new(note)
        leave_a_thread().result

    def test_after_a_thread(note):
        assert is_new(note)
        leave_a_process().result

    def test_after_a_process(note):
        assert is_new(note)
        exit()
        while note.is_alive:
            threading.Event().wait(0.01)

    def test_after_a_death(note):
        assert is_new(note)
        with open(shop.app.__file__, "a") as file:
            file.write("\\n# changed")

    def test_after_a_change(note):
        assert is_new(note)
"""
OF_ANOTHER_MODULE = """
    import os
    import pytest
    from conftest import pids

    def test_gets_its_own(note):
        assert note.pid not in pids[:-1]
        with pytest.raises(ProcessLookupError):
            os.kill(pids[-2], 0)
"""
WHY_NOT_KEPT = """
pynenc_worker: it was not kept for the next test: its thread 'poller' goes on
pynenc_worker: it was not kept for the next test: its child process * goes on
pynenc_worker: it was started anew for app 'shop': modules have changed since it imported them
"""


def test_what_outlives_a_test_is_no_matter_to_the_next_one(pytester: pytest.Pytester) -> None:
    make_shop(pytester, "pynenc_mongo_worker_scope = module", source=SHOP + MORE)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_1=OUTLIVING, test_2=OF_ANOTHER_MODULE)
    result = run(pytester)
    result.assert_outcomes(passed=11, failed=2, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_a_task_hangs*",
            "worker * did not stop within 0.5 s and was killed; its log ends with:",
            "*ERROR at teardown of test_after_a_process*",
            "worker * ended with exit code 3; *",
        ]
    )
    result.stdout.fnmatch_lines(WHY_NOT_KEPT.strip().splitlines())
    assert len([line for line in result.stdout.lines if line.startswith("pynenc_worker: ")]) == 3


def test_an_app_that_a_fixture_makes_shares_no_worker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        import pytest

        pids = set()

        def pid() -> int:
            return os.getpid()

        @pytest.mark.pynenc_mongo(worker_scope="session")
        @pytest.mark.parametrize("turn", range(2))
        def test_one(turn, pynenc_app, request):
            task = pynenc_app.task(pid)
            worker = request.getfixturevalue("pynenc_worker")
            assert task().result == worker.pid
            pids.add(worker.pid)
            assert len(pids) == turn + 1
        """,
        test_wrong="""
        import pytest

        @pytest.mark.pynenc_mongo(worker_scope="class")
        def test_wrong(pynenc_app):
            pass
        """,
    )
    refused = run(pytester, "test_wrong.py")
    assert "worker_scope is 'class', not one of function, module, session" in output(refused)
    result = run(pytester, "--ignore=test_wrong.py")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["pynenc_worker: an app that is no module's is one test's alone: name yours in the ini pynenc_app"]
    )


@pytest.mark.parametrize(
    "ended_by",
    [pytest.param(signal.SIGKILL, id="SIGKILL"), in_thorough_runs([signal.SIGINT], "SIGINT")],
)
def test_a_resting_worker_ends_with_its_run(pytester: pytest.Pytester, ended_by: signal.Signals) -> None:
    make_shop(pytester, "pynenc_mongo_worker_scope = session", source=SHOP + MORE)
    pytester.makepyfile(
        """
        import pathlib
        import threading
        from shop.app import pid

        def test_one(pynenc_app, pynenc_worker):
            assert pid().result == pynenc_worker.pid

        def test_two(pynenc_app):
            pathlib.Path("waits").touch()
            threading.Event().wait()
        """
    )
    marked = Marked()
    process = start(pytester, **{marked.name: marked.value})
    try:
        wait_until(Path(pytester.path, "waits").exists, 30.0, "the second test")
        os.killpg(process.pid, ended_by)
        process.wait(20.0)
        wait_until(lambda: not marked.pids(), 5.0, "the end of all")
    finally:
        marked.end()
        process.wait()
