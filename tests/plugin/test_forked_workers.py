"""Workers after the first are forked from a process that has imported all, and are processes of their own."""

import sys
from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, WAIT_UNTIL, make_shop, run
from tests.reproducible import in_thorough_runs

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="never forks there")

ABOUT = """
    import multiprocessing
    import sys

    @app.task
    def about() -> dict:
        return {
            "pid": os.getpid(),
            "parent": os.getppid(),
            "group": os.getpgrp(),
            "directory": os.getcwd(),
            "variable": os.environ.get("TEA"),
            "test": os.environ.get("PYTEST_CURRENT_TEST", ""),
            "start method": multiprocessing.get_start_method(allow_none=True),
            "authkey": multiprocessing.current_process().authkey.hex(),
            "loops": app.conf.app_id and app.runner.conf.runner_loop_sleep_time_sec,
            "threads": [thread.name for thread in threading.enumerate()],
            "imported by": IMPORTED_BY,
            "modules imported since": len(sys.modules.keys() - AT_FORK),
        }

    IMPORTED_BY = os.getpid()
    AT_FORK = set()
    os.register_at_fork(after_in_child=lambda: AT_FORK.update(sys.modules))

    TEA_AT_IMPORT = os.environ.get("TEA")

    @app.task
    def tea_at_import() -> str | None:
        return TEA_AT_IMPORT

    @app.task
    def leave(code: int) -> None:
        os._exit(code)

    PRINTED_AT_IMPORT = open(os.environ.get("PRINTED", os.devnull), "a")
    PRINTED_AT_IMPORT.write("imported ")

    @app.task
    def have_something_to_do_at_the_end(folder: str) -> None:
        import atexit
        from pathlib import Path

        global file

        def when_all_is_over() -> None:
            threading.main_thread().join()
            Path(folder, "thread").write_text("done")

        atexit.register(Path(folder, "atexit").write_text, "done")
        # a task's own thread is a daemon, and what it starts would be one as well
        threading.Thread(target=when_all_is_over, daemon=False).start()
        file = open(Path(folder, "file"), "w")
        file.write("done")
        PRINTED_AT_IMPORT.write("run ")

    @app.task
    def use_start_method(name: str) -> None:
        multiprocessing.set_start_method(name, force=True)
"""
FORKED = """
    import os

    import pytest
    from conftest import wait_until
    from shop.app import about, app, have_something_to_do_at_the_end, leave, tea_at_import, use_start_method

    def test_each_is_a_process_of_its_own(pynenc_app_factory, pynenc_app, pynenc_worker_factory):
        found = []
        for _ in range(3):
            worker = pynenc_worker_factory(pynenc_app)
            found.append(about().result)
            assert found[-1]["pid"] == found[-1]["group"] == worker.pid
            assert "Starting ThreadRunner" in worker.log
            worker.stop()
            assert worker.exit_code == 0
            assert worker.log.count("STOPPED  ThreadRunner") == 1
        (parent,) = {one["parent"] for one in found}
        assert parent not in (os.getpid(), 1)
        # which is what makes a further one cheap; a process of its own, below, imports hundreds
        assert {one["imported by"] for one in found} == {parent}
        assert max(one["modules imported since"] for one in found) < 10
        assert len({one["pid"] for one in found}) == len({one["authkey"] for one in found}) == 3

    def test_settings_environment_and_directory_are_the_test_s(
        pynenc_use_app, pynenc_worker_factory, monkeypatch, tmp_path
    ):
        for pause, tea in ((0.011, "green"), (0.012, "black"), (0.013, "green")):
            place = tmp_path / str(pause)
            place.mkdir()
            monkeypatch.chdir(place)
            monkeypatch.setenv("TEA", tea)
            with pynenc_use_app(app, runner_loop_sleep_time_sec=pause):
                worker = pynenc_worker_factory(app)
                found = about().result
                assert (found["directory"], found["variable"], found["loops"]) == (str(place), tea, pause)
                # what modules read when they are imported, too
                assert tea_at_import().result == tea
                assert "test_settings_environment_and_directory" in found["test"]

    def test_a_start_method_ends_with_its_worker(pynenc_app, pynenc_worker_factory):
        before = pynenc_worker_factory(pynenc_app)
        method = about().result["start method"]
        use_start_method("spawn").result
        assert about().result["start method"] == "spawn" != method
        before.stop()
        pynenc_worker_factory(pynenc_app)
        assert about().result["start method"] == method

    def test_what_its_code_has_to_do_at_the_end_is_done(
        pynenc_app, pynenc_worker_factory, monkeypatch, tmp_path
    ):
        monkeypatch.setenv("PRINTED", str(tmp_path / "printed"))
        for number in range(2):
            worker = pynenc_worker_factory(pynenc_app)
            folder = tmp_path / str(number)
            folder.mkdir()
            have_something_to_do_at_the_end(str(folder)).result
            worker.stop()
            assert worker.exit_code == 0
            found = {path.name: path.read_text() for path in folder.iterdir()}
            assert found == dict.fromkeys(("atexit", "thread", "file"), "done")
        # what a module writes when it is imported is written once, as the module is imported once
        assert (tmp_path / "printed").read_text() == "imported run run "

    def test_the_end_of_each_is_told(pynenc_app, pynenc_worker_factory):
        left, killed, beside = [pynenc_worker_factory(pynenc_app) for _ in range(3)]
        os.kill(killed.pid, 9)
        wait_until(lambda: not killed.is_alive)
        assert killed.exit_code == -9
        beside.stop()
        assert (beside.exit_code, left.is_alive, left.exit_code) == (0, True, None)
        leave(7)
        wait_until(lambda: not left.is_alive)
        assert left.exit_code == 7
        left.kill(), killed.kill()

    def test_the_end_of_what_forks_them_ends_nothing_but_its_workers(pynenc_app, pynenc_worker_factory):
        first = pynenc_worker_factory(pynenc_app)
        os.kill(about().result["parent"], 9)
        wait_until(lambda: not first.is_alive)
        assert first.exit_code == -9
        first.kill()
        second = pynenc_worker_factory(pynenc_app)
        assert about().result["pid"] == second.pid
"""


@pytest.mark.slow
def test_a_forked_worker_is_a_process_of_its_own(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester, source=dedent(SHOP) + dedent(ABOUT))
    pytester.makeconftest(WAIT_UNTIL)
    pytester.makepyfile(FORKED)
    run(pytester, *on_engine).assert_outcomes(passed=6)


@pytest.mark.slow
def test_changed_code_is_imported_again(pytester: pytest.Pytester) -> None:
    package = pytester.path / "src" / "shop"
    helped = """
    from shop.prices import PRICE

    @app.task
    def price() -> int:
        return PRICE

    @app.task
    def imported_late() -> int:
        import shop.late
        return shop.late.PRICE
    """
    make_shop(pytester, source=dedent(SHOP) + dedent(helped))
    (package / "prices.py").write_text("PRICE = 1\n")
    pytester.makepyfile(
        f"""
        import pathlib
        from shop.app import imported_late, pid, price

        SHOP = pathlib.Path({str(package)!r})

        def test_a_module_that_changes(pynenc_app, pynenc_worker_factory):
            for number in (1, 22, 333):
                (SHOP / "prices.py").write_text(f"PRICE = {{number}}\\n")
                worker = pynenc_worker_factory(pynenc_app)
                assert price().result == number
                worker.stop()

        def test_a_module_that_comes(pynenc_app, pynenc_worker_factory):
            pynenc_worker_factory(pynenc_app).stop()
            (SHOP / "late.py").write_text("PRICE = 5\\n")
            pynenc_worker_factory(pynenc_app)
            assert imported_late().result == 5

        def test_another_place_for_a_module(pynenc_app, pynenc_worker_factory, monkeypatch, tmp_path):
            (tmp_path / "shop").mkdir()
            (tmp_path / "shop" / "late.py").write_text("PRICE = 7\\n")
            monkeypatch.syspath_prepend(tmp_path)
            monkeypatch.setattr("shop.__path__", [str(tmp_path / "shop"), str(SHOP)])
            pynenc_worker_factory(pynenc_app)
            assert imported_late().result == 7
        """
    )
    run(pytester).assert_outcomes(passed=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "at_import",
    [
        pytest.param("threading.Thread(target=threading.Event().wait, daemon=True).start()", id="thread"),
        in_thorough_runs(["import socket; LINE = socket.socketpair()"], "connection"),
    ],
)
def test_an_app_that_cannot_be_forked_gets_interpreters_of_its_own(
    pytester: pytest.Pytester, at_import: str
) -> None:
    make_shop(pytester, source=dedent(SHOP) + dedent(ABOUT) + f"\n{at_import}\n")
    pytester.makepyfile(
        """
        import os
        from shop.app import about

        def test_one(pynenc_app, pynenc_worker_factory):
            for _ in range(2):
                worker = pynenc_worker_factory(pynenc_app)
                found = about().result
                assert (found["pid"], found["parent"]) == (worker.pid, os.getpid())
                assert found["imported by"] == worker.pid
                assert found["modules imported since"] > 300
                worker.stop()
                assert worker.exit_code == 0
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_what_is_printed_at_import_is_in_each_worker_s_log(pytester: pytest.Pytester) -> None:
    make_shop(pytester, source=dedent(SHOP) + '\nprint("imported by", os.path.basename(__file__))\n')
    pytester.makepyfile(
        """
        def test_one(pynenc_app, pynenc_worker_factory):
            for _ in range(2):
                assert pynenc_worker_factory(pynenc_app).log.count("imported by app.py") == 1
        """
    )
    run(pytester).assert_outcomes(passed=1)
