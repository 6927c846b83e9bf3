"""A wait for what nobody runs ends by itself, with one sentence."""

import pytest

from tests.plugin import waits
from tests.plugin.helpers import make_ini, run

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

    def test_it_says_so_at_once(pynenc_app, monkeypatch):
        import pynenc.runner.base_runner as module

        pauses = []
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=pauses.append))
        with refused(NOBODY):
            brew().result
        assert pauses == []

    def test_a_thread_that_does_something_else(pynenc_app):
        end = threading.Event()
        threading.Thread(target=end.wait).start()
        try:
            with refused(NOBODY):
                brew().result
        finally:
            end.set()
"""


def test_nobody_runs_the_app(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], in_mode: tuple[str, ...]
) -> None:
    waits.make(pytester, test_nobody=NOBODY)
    run(pytester, *on_engine, *in_mode).assert_outcomes(passed=11)


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
    """The control."""
    waits.make(pytester, test_somebody=SOMEBODY)
    # of the app that is not on the test database
    theirs = ("Running in", "atomic", "keys will default to True", "The yaml backend")
    ignored = [part for text in theirs for part in ("-W", f"ignore:{text}")]
    run(pytester, *on_engine, *ignored).assert_outcomes(passed=5)


OTHER_APPS = """
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
"""


def test_an_app_that_this_test_does_not_run_is_named(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], in_mode: tuple[str, ...]
) -> None:
    waits.make(pytester, test_others=OTHER_APPS)
    make_ini(pytester, "pythonpath = src")
    (pytester.path / "src" / "other.py").write_text(
        "from pynenc import Pynenc\napp = Pynenc(config_values={'app_id': 'other'})\n"
    )
    run(pytester, *on_engine, *in_mode).assert_outcomes(passed=3)
