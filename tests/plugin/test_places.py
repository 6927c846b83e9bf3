"""Where each process of a runner runs a task that waits, nothing goes on; one yet to come is free."""

from pynenc import Pynenc
from pynenc.runner.runner_context import RunnerContext

from pytest_pynenc_mongo import places

APP = Pynenc(config_values={"app_id": "shop", "num_processes": 2})
ALONE = Pynenc(config_values={"app_id": "shop", "num_processes": 1})
PERSISTENT = RunnerContext("PersistentProcessRunner", "a runner")
FIRST, SECOND = (RunnerContext("PPRWorker", runner_id, PERSISTENT) for runner_id in ("one", "two"))
THREADS = RunnerContext("ThreadRunner", "another runner")


def test_all_processes_of_a_runner_wait() -> None:
    why = "all 2 of PersistentProcessRunner run tasks that wait: raise num_processes"
    assert places.none_is_free(APP, [PERSISTENT, FIRST, SECOND], {"one", "two"}) == why
    why = "all 1 of PersistentProcessRunner run tasks that wait: raise num_processes"
    assert places.none_is_free(ALONE, [PERSISTENT, FIRST], {"one"}) == why


def test_one_of_them_is_free() -> None:
    assert places.none_is_free(APP, [PERSISTENT, FIRST, SECOND], {"one"}) == ""


def test_one_that_has_given_no_sign_of_life_yet_is_free() -> None:
    assert places.none_is_free(APP, [PERSISTENT, FIRST], {"one"}) == ""


def test_a_runner_of_threads_is_free() -> None:
    assert places.none_is_free(ALONE, [PERSISTENT, FIRST, THREADS], {"one"}) == ""
    assert not places.are_limited([THREADS])
    assert places.are_limited([PERSISTENT, FIRST])
