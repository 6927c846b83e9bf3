"""A worker that stands still: recovery takes its task, and what it does afterwards changes nothing."""

from pathlib import Path

import pytest

from tests.plugin.helpers import Marked, looks_for_processes, make_shop, run, start, wait_until

pytestmark = looks_for_processes

SOURCE = """
    import os
    import threading
    from pathlib import Path
    from pynenc import Pynenc

    app = Pynenc(config_values={"app_id": "shop", "num_processes": 1, "min_processes": 1, "max_processes": 1})

    @app.task
    def bake(kitchen: str) -> str:
        me = os.environ["BAKER"]
        Path(kitchen, me).touch()
        while not Path(kitchen, "is hot").exists():
            threading.Event().wait(0.01)
        Path(kitchen, f"{me} is done").touch()
        return me
"""
TESTS = """
    import os

    import pytest
    from pytest_pynenc_mongo import RunnerError
    from shop.app import bake

    RUNNERS = %r

    @pytest.mark.parametrize("runner", RUNNERS)
    def test_the_late_one_changes_nothing(
        runner, pynenc_app, pynenc_worker_factory, pynenc_wait, pynenc_recover, tmp_path
    ):
        late = pynenc_worker_factory(pynenc_app, env={"BAKER": "late"}, runner=runner)
        cake = bake(str(tmp_path))
        pynenc_wait.until((tmp_path / "late").exists)
        late.pause()
        assert late.is_alive and repr(late).endswith("paused)")
        assert pynenc_recover() == [cake]
        pynenc_worker_factory(pynenc_app, env={"BAKER": "quick"}, runner="ThreadRunner")
        (tmp_path / "is hot").touch()
        assert pynenc_wait(cake) == "quick"
        assert not (tmp_path / "late is done").exists()
        late.resume()
        pynenc_wait.until(lambda: "(another runner took ownership)" in late.log)
        assert (tmp_path / "late is done").exists()
        history = pynenc_app.state_backend.get_history(cake.invocation_id)
        assert [each.status_record.status.value for each in history] == [
            *("registered", "pending", "running"),
            *("running_recovery", "rerouted", "pending", "running", "success"),
        ]
        assert pynenc_app.state_backend.get_result(cake.invocation_id) == "quick"

    def test_a_paused_one_ends_with_its_test(pynenc_worker):
        pynenc_worker.pause()

    @pytest.mark.pynenc_mongo(worker_scope="session")
    def test_a_shared_one_too(pynenc_worker):
        pynenc_worker.pause()

    def test_it_may_be_killed(pynenc_worker):
        pynenc_worker.pause()
        pynenc_worker.kill()
        assert pynenc_worker.exit_code == -9
        with pytest.raises(RunnerError, match="cannot pause what does not run: worker .* ended with SIGKILL"):
            pynenc_worker.pause()
        pynenc_worker.resume()

    def test_one_that_is_not_paused_goes_on(pynenc_worker, tmp_path, monkeypatch):
        pynenc_worker.resume()
        assert pynenc_worker.is_alive and not pynenc_worker.is_paused
"""


def test_a_worker_may_stand_still(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], some_runners: tuple[str, ...]
) -> None:
    make_shop(pytester, source=SOURCE)
    pytester.makepyfile(TESTS % (some_runners,))
    run(pytester, *on_engine).assert_outcomes(passed=len(some_runners) + 4)


PAUSED = """
    import os
    import threading
    from pathlib import Path

    def test_hangs(pynenc_worker):
        pynenc_worker.pause()
        Path(os.environ["NOTE"]).touch()
        threading.Event().wait()
"""


@pytest.mark.thorough
def test_a_paused_one_ends_with_a_run_that_is_killed(pytester: pytest.Pytester, tmp_path: Path) -> None:
    marked, note = Marked(), tmp_path / "paused"
    make_shop(pytester, source=SOURCE)
    pytester.makepyfile(PAUSED)
    process = start(pytester, NOTE=str(note), TMPDIR=str(tmp_path), **{marked.name: marked.value})
    try:
        wait_until(note.exists, 30, "a paused worker")
        # pytest, mongomock, the fork server, the worker
        assert len(marked.pids()) == 4
        process.kill()
        wait_until(lambda: not marked.pids(), 2, "all gone")
    finally:
        marked.end()
        process.wait()
