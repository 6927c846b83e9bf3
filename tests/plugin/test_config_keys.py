"""A test's own config values are those that pynenc and its plugins read; a misspelt one is refused."""

from typing import Any

import pytest
from cistell import ConfigField
from pynenc import Pynenc
from pynenc.conf.config_base import ConfigPynencBase

from pytest_pynenc_mongo import config_keys
from pytest_pynenc_mongo.errors import ConfigError
from tests.plugin.helpers import make_shop, output, run

RUNNERS = "MultiThreadRunner, PersistentProcessRunner, ProcessRunner, ThreadRunner"
OF_YOUR_OWN = "(one of your own must be imported)"


class ConfigOfAnotherPlugin(ConfigPynencBase):
    tea_temperature_celsius = ConfigField(95)


@pytest.fixture(autouse=True)
def plugins_are_loaded() -> None:
    Pynenc(config_values={"app_id": "config-keys"})


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"max_retries": 3, "num_processes": 2, "chunk_threshold": 100, "app_id": "shop"},
        {"tea_temperature_celsius": 80},
        {"task": {"max_retries": 3, "shop.app.pid": {"max_retries": 4}}},
        {"orchestratormongo": {"mongo_timeout_seconds": 3, "blocking_control": False}},
        {"runner_cls": "ProcessRunner"},
        {"runner_cls": "DummyRunner"},
    ],
    ids=["nothing", "several", "another plugin's", "task", "component", "runner", "no runner"],
)
def test_what_something_reads_is_known(config: dict[str, Any]) -> None:
    config_keys.check(config, "marker")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"max_retrys": 3}, "marker: pynenc has no setting 'max_retrys': did you mean 'max_retries'?"),
        (
            {"chunk_treshold": 3},
            "marker: pynenc has no setting 'chunk_treshold': did you mean 'chunk_threshold'?",
        ),
        (
            {"tea_temperature": 80},
            "marker: pynenc has no setting 'tea_temperature': did you mean 'tea_temperature_celsius'?",
        ),
        ({"zzz": 1}, "marker: pynenc has no setting 'zzz', and none with a name like it"),
        (
            {"task": {"max_retrys": 3}},
            "marker: section 'task' has no setting 'max_retrys': did you mean 'max_retries'?",
        ),
        (
            {"task": {"shop.app.pid": {"max_retrys": 3}}},
            "marker: section 'task', 'shop.app.pid' has no setting 'max_retrys': did you mean 'max_retries'?",
        ),
    ],
    ids=["pynenc's", "ours", "another plugin's", "nothing like it", "section", "one task's"],
)
def test_what_nothing_reads_is_refused_with_the_nearest_known_one(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        config_keys.check(config, "marker")
    assert str(refused.value) == message


def test_what_the_app_has_itself_is_known() -> None:
    app = Pynenc(config_values={"app_id": "shop", "tea_house": "x"})
    config_keys.check_all(app, {"marker": {"tea_house": "y"}})
    with pytest.raises(ConfigError, match="marker: pynenc has no setting 'tea_houses'"):
        config_keys.check_all(app, {"marker": {"tea_houses": "y"}})


TYPOS = """
    import pytest
    from shop.app import app

    @pytest.mark.pynenc_mongo(config={"max_retrys": 3})
    def test_marker(pynenc_app): ...

    @pytest.mark.pynenc_mongo(runner="ThreadRuner")
    def test_runner(pynenc_app): ...

    def test_use_app(pynenc_use_app):
        with pynenc_use_app(app, max_retrys=3):
            ...

    def test_factory(pynenc_app_factory):
        pynenc_app_factory(max_retrys=3)

    class TestFixture:
        @pytest.fixture
        def pynenc_app_config(self):
            return {"max_retrys": 3}

        def test_fixture(self, pynenc_app): ...
"""


def test_misspelt_config_values_are_refused_wherever_they_stand(pytester: pytest.Pytester) -> None:
    make_shop(pytester)
    pytester.makepyfile(TYPOS)
    result = run(pytester)
    result.assert_outcomes(failed=2, errors=3)
    for source in ("pynenc_app_config", "marker pynenc_mongo", "keyword arguments"):
        said = f"{source}: pynenc has no setting 'max_retrys': did you mean 'max_retries'?"
        assert said in output(result)
    assert f"there is no runner 'ThreadRuner'; the runners are {RUNNERS} {OF_YOUR_OWN}" in output(result)


UNKNOWN = """
    from pynenc import Pynenc

    app = Pynenc(config_values={"app_id": "tea", "runner_cls": "ThreadRuner"})

    def test_runner(pynenc_runner): ...

    def test_worker(pynenc_worker): ...

    def test_neither(pynenc_app): ...
"""


def test_an_unknown_runner_of_the_app_s_own_lists_the_runners(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(UNKNOWN)
    result = run(pytester)
    result.assert_outcomes(errors=2, passed=1)
    said = "app 'tea': there is no runner 'ThreadRuner'; the runners are MultiThreadRunner, "
    assert len([line for line in result.stdout.lines if line.startswith(said)]) == 2
