"""A wait for what a process had in its hands that is dead ends by itself, with one sentence that says how."""

import pytest

from tests.plugin import waits
from tests.plugin.helpers import run

DEAD = """
    from pynenc.invocation.dist_invocation import DistributedInvocationGroup
    from shop.app import brew, die, hang, wait_for_one_who_dies

    PROCESS_RUNNERS = os.environ["RUNNERS"].split()[1:]

    @pytest.fixture
    def pynenc_app_config(request):
        runner = getattr(request, "param", "ProcessRunner")
        # PersistentProcessRunner starts another one, MultiThreadRunner does not
        return {"runner_cls": runner, "num_processes": 1, "max_processes": 2}

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

    @pytest.mark.pynenc_mongo(runner="ProcessRunner")
    def test_before_the_task_runs(pynenc_app, pynenc_runner, monkeypatch):
        import pynenc.runner.process_runner as module

        monkeypatch.setattr(module, "run_invocation", lambda *arguments: os._exit(7))
        with pytest.raises(RunnerError, match=r"process \\d+ that was to run brew ended with exit code 7"):
            brew().result

    @pytest.mark.pynenc_mongo(runner="ProcessRunner")
    def test_a_group_is_waited_for_while_one_of_it_may_end(pynenc_app, pynenc_worker, pynenc_wait):
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

    @pytest.mark.pynenc_mongo(runner="ThreadRunner")
    def test_the_thread_that_ran_it_is_over(pynenc_app, pynenc_runner):
        with refused("the thread that ran die has ended without a result, as by SystemExit"):
            die("SystemExit").result

    @pytest.mark.parametrize("way", ["pynenc_runner", "pynenc_worker"])
    @pytest.mark.pynenc_mongo(
        runner="MultiThreadRunner", config={"min_processes": 1, "max_processes": 1, "max_threads": 1}
    )
    def test_no_process_is_left(pynenc_app, request, way):
        request.getfixturevalue(way)
        with refused(r"process \\d+ that ran die ended with SIGKILL"):
            die("SIGKILL").result
        with refused("nobody is left to run brew: all processes of MultiThreadRunner have ended"):
            brew().result

    @pytest.mark.pynenc_mongo(runner="ThreadRunner")
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
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_who_ran_it_has_ended(
    pytester: pytest.Pytester,
    on_engine: tuple[str, ...],
    in_mode: tuple[str, ...],
    some_runners: tuple[str, ...],
) -> None:
    waits.make(pytester, test_dead=DEAD)
    passed = 8 + 2 * len(some_runners[1:])
    run(pytester, *on_engine, *in_mode, seconds=100).assert_outcomes(passed=passed)
