"""A wait for a result ends by itself where none can come, with one sentence."""

import pytest

from tests.plugin.helpers import make_ini, make_shop, output, run

SHOP = """
    import os
    import signal
    import sys
    import threading
    import time
    from pynenc import PynencBuilder

    app = PynencBuilder().app_id("shop").memory().build()

    @app.task
    def brew() -> str:
        return "tea"

    @app.task
    def die(how: str, note: str = "died") -> None:
        with open(note, "w") as file:
            file.write(str(time.monotonic()))
        if how == "exit":
            os._exit(3)
        elif how == "SystemExit":
            sys.exit(0)
        os.kill(os.getpid(), getattr(signal, how))

    @app.task
    def wait_for_one_who_dies() -> None:
        die("SIGKILL").result

    @app.task(queue="slow")
    def steep() -> str:
        return "strong"

    @app.task
    def hang(started: str) -> None:
        open(started, "x").close()
        while not os.path.exists("end"):
            threading.Event().wait(0.01)

    @app.task
    def nest(depth: int) -> int:
        if not depth:
            return 0
        inner = nest(depth - 1)
        with open("nested", "w") as file:
            file.write(str(time.monotonic()))
        return inner.result + 1

    @app.task
    def boil(key: str) -> None:
        app.state_backend.get_invocation(key).result

    @app.task
    def pour() -> None:
        boil(pour.invocation.invocation_id).result
"""

# what every test module below begins with
HELP = """
    import asyncio
    import multiprocessing
    import os
    import re
    import subprocess
    import sys
    import threading
    from contextlib import contextmanager
    from pathlib import Path
    from time import monotonic
    import pytest
    from pytest_pynenc_mongo import RunnerError

    @contextmanager
    def refused(sentence, since="died"):
        begin = monotonic()
        with pytest.raises(RunnerError) as caught:
            yield
        end, said = monotonic(), str(caught.value).partition("\\n")[0]
        if os.path.exists(since):
            begin = max(begin, float(Path(since).read_text()))
        took = end - begin
        assert re.fullmatch(sentence, said), said
        assert took < 2.0, took
"""

with_xdist = pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["serial", "xdist"])


def make_module(pytester: pytest.Pytester, source: str) -> None:
    from textwrap import dedent

    pytester.makepyfile(dedent(HELP) + dedent(source))


NOBODY = """
    from shop.app import app, brew

    NOBODY = "nobody runs app 'shop': request pynenc_runner or pynenc_worker"

    def test_result(pynenc_app):
        with refused(NOBODY):
            brew().result

    def test_results(pynenc_app):
        with refused(NOBODY):
            list(brew.parallelize([() for _ in range(3)]).results)

    def test_async_result(pynenc_app):
        with refused(NOBODY):
            asyncio.run(brew().async_result())

    def test_async_results(pynenc_app):
        async def all_of_them():
            return [each async for each in brew.parallelize([() for _ in range(3)]).async_results()]

        with refused(NOBODY):
            asyncio.run(all_of_them())

    def test_wait(pynenc_app, pynenc_wait):
        with refused(NOBODY):
            pynenc_wait(brew())

    def test_wait_for_a_status(pynenc_app, pynenc_wait):
        from pynenc.invocation import InvocationStatus

        with refused(NOBODY):
            pynenc_wait.status(brew(), InvocationStatus.RUNNING)

    def test_wait_until_idle(pynenc_app, pynenc_wait):
        brew()
        with refused(NOBODY):
            pynenc_wait.idle()

    def test_another_app_is_run(pynenc_app_factory, pynenc_worker_factory, pynenc_use_app):
        pynenc_worker_factory(pynenc_app_factory(app_id="tea"))
        with pynenc_use_app(app), refused(NOBODY):
            brew().result

    def test_a_worker_was_killed(pynenc_app, pynenc_worker):
        pynenc_worker.kill()
        with refused(f"worker {pynenc_worker.pid} ended with SIGKILL; .*"):
            brew().result

    def test_it_says_so_at_once(pynenc_app):
        begin = monotonic()
        with refused(NOBODY):
            brew().result
        assert monotonic() - begin < 0.3

    def test_a_thread_that_does_something_else(pynenc_app):
        end = threading.Event()
        threading.Thread(target=end.wait).start()
        try:
            with refused(NOBODY):
                brew().result
        finally:
            end.set()
"""


@with_xdist
def test_nobody_runs_the_app(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    make_module(pytester, NOBODY)
    run(pytester, *on_engine, *arguments).assert_outcomes(passed=11)


SOMEBODY = """
    from shop.app import app, brew

    def test_a_runner_in_a_thread(pynenc_app):
        pynenc_app.conf.runner_cls = "ThreadRunner"
        pynenc_app._runner_instance = None
        invocation = brew()
        runner = pynenc_app.runner
        thread = threading.Thread(target=runner.run)
        late = threading.Timer(0.5, thread.start)
        late.start()
        assert invocation.result == "tea"
        runner.stop_runner_loop()
        thread.join(10)

    def test_a_runner_in_a_child_process(pynenc_app):
        os.environ["PYNENC__RUNNER_CLS"] = "ThreadRunner"
        command = [sys.executable, "-m", "pynenc", "--app", "shop.app", "runner", "start"]
        with subprocess.Popen(command, cwd="src", stderr=subprocess.DEVNULL) as process:
            try:
                assert brew().result == "tea"
            finally:
                process.kill()

    def test_a_runner_of_a_child_s_child(pynenc_app):
        os.environ["PYNENC__RUNNER_CLS"] = "ThreadRunner"
        command = f"{sys.executable} -m pynenc --app shop.app runner start; true"
        options = {"cwd": "src", "stderr": subprocess.DEVNULL, "start_new_session": True}
        with subprocess.Popen(["sh", "-c", command], **options) as process:
            try:
                assert brew().result == "tea"
            finally:
                os.killpg(process.pid, 9)

    def test_nobody_is_needed(pynenc_app, monkeypatch):
        monkeypatch.setenv("PYNENC__DEV_MODE_FORCE_SYNC_TASKS", "true")
        pynenc_app._conf = None
        assert brew().result == "tea"

    def test_an_app_on_its_own_store(pynenc_use_app):
        app.conf.runner_cls = "ThreadRunner"
        runner = app.runner
        thread = threading.Thread(target=runner.run)
        thread.start()
        assert brew().result == "tea"
        runner.stop_runner_loop()
        thread.join(10)
"""


@pytest.mark.slow
def test_somebody_else_may_run_the_app(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_shop(pytester, source=SHOP)
    make_module(pytester, SOMEBODY)
    # of the app that is not on the test database
    theirs = ("Running in", "atomic", "keys will default to True", "The yaml backend")
    ignored = [part for text in theirs for part in ("-W", f"ignore:{text}")]
    run(pytester, *on_engine, *ignored).assert_outcomes(passed=5)


@with_xdist
def test_an_app_that_this_test_does_not_run_is_named(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    make_ini(pytester, "pythonpath = src")
    make_module(
        pytester,
        """
        import importlib

        def test_a_new_app_is_run(pynenc_app, pynenc_runner, pynenc_wait):
            brew = importlib.import_module("shop.app").brew
            sentence = (
                f"brew belongs to app 'shop', this test runs a new app '{pynenc_app.app_id}': "
                "set the ini pynenc_app = shop.app:app"
            )
            pynenc_runner.running = False
            pynenc_wait.until(lambda: pynenc_runner.wait_until_stopped(0))
            with refused(sentence):
                brew().result
            with refused(sentence):
                pynenc_wait(brew())

        @pytest.mark.pynenc_mongo(app="other:app")
        def test_another_app_is_run(pynenc_app, pynenc_worker):
            brew = importlib.import_module("shop.app").brew
            with refused(
                "brew belongs to app 'shop', this test runs app 'other': "
                r"put it on the test database, too: pynenc_use_app\\(app\\)"
            ):
                brew().result

        def test_no_app_is_run(pynenc_use_app):
            brew = importlib.import_module("shop.app").brew
            with refused("brew belongs to app 'shop', which this test does not run: request pynenc_app"):
                brew().result
        """,
    )
    (pytester.path / "src" / "other.py").write_text(
        "from pynenc import Pynenc\napp = Pynenc(config_values={'app_id': 'other'})\n"
    )
    run(pytester, *arguments).assert_outcomes(passed=3)


DEAD = """
    from shop.app import brew, die, wait_for_one_who_dies

    PROCESS_RUNNERS = ["ProcessRunner", "PersistentProcessRunner", "MultiThreadRunner"]

    @pytest.fixture
    def pynenc_app_config(request):
        runner = getattr(request, "param", "ProcessRunner")
        return {"runner_cls": runner, "num_processes": 2, "max_processes": 2}

    @pytest.fixture(autouse=True)
    def in_a_directory_of_its_own(tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    each_runner = pytest.mark.parametrize("pynenc_app_config", PROCESS_RUNNERS, indirect=True)

    def dies(pynenc_wait):
        with refused(r"process \\d+ that ran die ended with SIGSEGV"):
            die("SIGSEGV").result
        with refused(r"process \\d+ that ran die ended with exit code 3"):
            pynenc_wait(die("exit"))

    @each_runner
    def test_in_a_process_of_a_runner(pynenc_app, pynenc_runner, pynenc_wait):
        dies(pynenc_wait)

    @each_runner
    def test_in_a_process_of_a_worker(pynenc_app, pynenc_worker, pynenc_wait):
        dies(pynenc_wait)

    def test_one_of_a_group(pynenc_app, pynenc_worker):
        group = die.parallelize([("SIGKILL",)])
        with refused(r"process \\d+ that ran die ended with SIGKILL"):
            list(group.results)

    def test_of_another_task_that_waits_for_it(pynenc_app, pynenc_runner):
        with refused(r"process \\d+ that ran die ended with SIGKILL"):
            wait_for_one_who_dies().result
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@with_xdist
def test_the_process_that_ran_it_is_dead(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    make_module(pytester, DEAD)
    run(pytester, *on_engine, *arguments, seconds=100).assert_outcomes(passed=8)


STUCK = """
    from pynenc.invocation import InvocationStatus
    from shop.app import app, boil, brew, die, hang, nest, pour, steep

    each_way = pytest.mark.parametrize("way", ["pynenc_runner", "pynenc_worker"])

    @pytest.fixture
    def pynenc_app_config(request):
        return getattr(request, "param", {})

    @pytest.fixture
    def untied(pynenc_mongo_db):
        # so that the waits of those threads end, too
        yield
        pynenc_mongo_db["shop.orchestrator_invocations"].update_many({}, {"$set": {"status": "success"}})

    @pytest.fixture(autouse=True)
    def in_a_directory_of_its_own(tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    @each_way
    def test_nobody_consumes_its_queue(pynenc_app, monkeypatch, request, way):
        monkeypatch.setenv("PYNENC__CONFIGBROKER__QUEUES", "default,slow")
        monkeypatch.setenv("PYNENC__CONFIGRUNNER__QUEUES", "default")
        pynenc_app._reset_cached_components()
        request.getfixturevalue(way)
        assert brew().result == "tea"
        with refused("nobody consumes queue 'slow' of steep, only 'default' is consumed"):
            steep().result

    @each_way
    def test_two_wait_for_each_other(pynenc_app, request, way):
        request.getfixturevalue(way)
        request.getfixturevalue("untied")
        with refused("pour never ends: pour waits for boil, boil waits for pour"):
            pour().result

    def test_another_one_waits_for_two_that_wait_for_each_other(pynenc_app, pynenc_runner, untied):
        first = pour()
        with refused("(boil|pour) never ends: (boil|pour) waits for (boil|pour), (boil|pour) waits for .*"):
            boil(first.invocation_id).result

    def test_the_thread_that_ran_it_is_over(pynenc_app, pynenc_runner):
        with refused("the thread that ran die has ended without a result, as by SystemExit"):
            die("SystemExit").result

    @pytest.mark.pynenc_mongo(
        runner="MultiThreadRunner", config={"min_processes": 1, "max_processes": 1, "max_threads": 1}
    )
    @each_way
    def test_no_process_is_left(pynenc_app, request, way):
        request.getfixturevalue(way)
        with refused(r"process \\d+ that ran die ended with SIGKILL"):
            die("SIGKILL").result
        with refused("nobody is left to run brew: all processes of MultiThreadRunner have ended"):
            brew().result

    @pytest.mark.parametrize(
        ("pynenc_app_config", "places", "remedy"),
        [
            ({"runner_cls": "PersistentProcessRunner", "num_processes": 1}, 1, "num_processes"),
            ({"runner_cls": "ProcessRunner"}, os.cpu_count(), "min_parallel_slots"),
        ],
        ids=["PersistentProcessRunner", "ProcessRunner"],
        indirect=["pynenc_app_config"],
    )
    @each_way
    def test_each_process_waits(pynenc_app, pynenc_app_config, places, remedy, request, way):
        request.getfixturevalue(way)
        runner = pynenc_app_config["runner_cls"]
        sentence = f"nest finds no process: all {places} of {runner} run tasks that wait: raise {remedy}"
        with refused(sentence, since="nested"):
            nest(places).result

    @pytest.mark.pynenc_mongo(config={"runner_cls": "PersistentProcessRunner", "num_processes": 2})
    def test_one_process_is_enough_for_one_who_waits(pynenc_app, pynenc_worker):
        assert nest(1).result == 1

    def test_who_took_it_has_ended(pynenc_app, pynenc_worker_factory, pynenc_wait):
        first = pynenc_worker_factory(pynenc_app)
        assert brew().result == "tea"
        first.kill()
        invocation = brew()
        while pynenc_app.broker.retrieve_invocation() != invocation.invocation_id:
            pass
        pynenc_worker_factory(pynenc_app)
        with refused("brew is in no queue: who took it has ended before it was PENDING"):
            invocation.result

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
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@with_xdist
def test_nothing_comes_of_it(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    make_module(pytester, STUCK)
    run(pytester, *on_engine, *arguments, seconds=100).assert_outcomes(passed=16)


def test_the_user_s_line_and_the_sentence_are_shown(pytester: pytest.Pytester) -> None:
    make_shop(pytester, "pynenc_mongo_result_timeout = 0.2", source=SHOP)
    pytester.makepyfile(
        """
        import asyncio
        import unittest
        import pytest
        from shop.app import brew

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

        @pytest.fixture
        def tea(pynenc_app):
            return brew().result

        def test_fixture(tea):
            pass
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=6, errors=1)
    result.stdout.fnmatch_lines(
        ["E  *RunnerError: nobody runs app 'shop': request pynenc_runner or pynenc_worker"]
    )
    shown = output(result)
    assert shown.count("E       pytest_pynenc_mongo.errors.RunnerError: ") == 7
    assert "dist_invocation" not in shown
    assert "pytest_pynenc_mongo/" not in shown


@pytest.mark.parametrize(
    ("ini", "variable", "marker", "seconds"),
    [
        ("0.2", "", "", 0.2),
        ("30", "0.2", "", 0.2),
        ("30", "30", "timeout=0.2", 0.2),
    ],
    ids=["ini", "environment", "marker"],
)
def test_the_deadline_can_be_said(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    ini: str,
    variable: str,
    marker: str,
    seconds: float,
) -> None:
    make_shop(pytester, f"pynenc_mongo_result_timeout = {ini}", source=SHOP)
    if variable:
        monkeypatch.setenv("PYTEST_PYNENC_MONGO_RESULT_TIMEOUT", variable)
    pytester.makepyfile(
        f"""
        import pytest
        from shop.app import hang

        @pytest.mark.pynenc_mongo({marker})
        def test_it(pynenc_app, pynenc_worker):
            try:
                hang("started").result
            finally:
                open("end", "x").close()
        """
    )
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E  *RunnerError: no result after {seconds} s: hang is *"])


@pytest.mark.parametrize("timeout", ["'soon'", "0", "-1", "True"])
def test_a_deadline_that_is_none_is_refused(pytester: pytest.Pytester, timeout: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.pynenc_mongo(timeout={timeout})
        def test_it(pynenc_app):
            pass
        """
    )
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *::test_it: @pytest.mark.pynenc_mongo: timeout is {timeout}*"])


def test_afterwards_pynenc_waits_as_before(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(
        """
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
    )
    run(pytester).assert_outcomes(passed=2)


def test_history_may_lag_a_result_by_one_write(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(
        """
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
    )
    run(pytester).assert_outcomes(passed=1)


DYING_AT_START = """
    import multiprocessing
    import os
    import pytest
    from pytest_pynenc_mongo import RunnerError
    from shop.app import brew

    @pytest.mark.pynenc_mongo(runner="ProcessRunner")
    def test_it(pynenc_app, pynenc_runner, monkeypatch):
        import pynenc.runner.process_runner as module

        monkeypatch.setattr(module, "run_invocation", lambda *arguments: os._exit(7))
        with pytest.raises(RunnerError, match=r"process \\d+ that was to run brew ended with exit code 7"):
            brew().result
"""


def test_a_process_that_dies_before_the_task_runs_is_named(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(DYING_AT_START)
    run(pytester, *on_engine).assert_outcomes(passed=1)


def test_a_group_is_waited_for_while_one_of_it_may_end(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SHOP)
    make_module(
        pytester,
        """
        from pynenc.invocation.dist_invocation import DistributedInvocationGroup
        from shop.app import die, hang

        @pytest.mark.pynenc_mongo(runner="ProcessRunner")
        def test_it(pynenc_app, pynenc_worker, pynenc_wait):
            dead, at_work = die("SIGKILL"), hang("started")
            pynenc_wait.until(lambda: os.path.exists("started"))
            with refused(r"process \\d+ that ran die ended with SIGKILL"):
                dead.result
            results = DistributedInvocationGroup(hang, [dead, at_work]).results
            # longer than the two looks that find the dead one
            threading.Timer(1.0, Path("end").touch).start()
            assert next(results) is None
            with refused(r"process \\d+ that ran die ended with SIGKILL", since="end-of-wait"):
                next(results)
        """,
    )
    run(pytester, *on_engine).assert_outcomes(passed=1)
