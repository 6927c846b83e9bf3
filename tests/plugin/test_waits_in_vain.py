"""A wait for what others keep from running ends by itself, with one sentence that says what they do."""

import pytest

from tests.plugin import waits
from tests.plugin.helpers import run

IN_VAIN = """
    from shop.app import boil, brew, nest, pour, steep

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
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_comes_of_it(
    pytester: pytest.Pytester, on_engine: tuple[str, ...], in_mode: tuple[str, ...]
) -> None:
    waits.make(pytester, test_in_vain=IN_VAIN)
    run(pytester, *on_engine, *in_mode, seconds=100).assert_outcomes(passed=10)
