"""Where the plugin comes from, and what works beside it or without it."""

import re

import pytest

from tests.plugin.helpers import EMBEDDED, run

USES_THE_CHAIN = """
    import os
    from pynenc import Pynenc

    app = Pynenc(config_values={"app_id": "shop"})

    @app.task
    def pid():
        return os.getpid()

    def test_worker(pynenc_worker):
        assert pid().result == pynenc_worker.pid

    def test_runner(pynenc_app, pynenc_runner):
        assert pynenc_app is app
        assert pid().result == os.getpid()
"""


def test_the_chain_works_without_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(USES_THE_CHAIN)
    run(pytester, "-p", "no:xdist").assert_outcomes(passed=2)


def test_the_chain_works_where_plugins_are_named_one_by_one(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(USES_THE_CHAIN)
    run(pytester, "-p", "pytest_pynenc_mongo.plugin").assert_outcomes(passed=2)


def test_an_embedded_server_of_which_only_the_url_is_used_stops_at_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_url(pynenc_mongo_url): assert pynenc_mongo_url")
    result = run(pytester, EMBEDDED)
    result.assert_outcomes(passed=1)
    (in_pytest,) = re.findall(r"1 passed in ([\d.]+)s", result.stdout.str())
    # the rest is the start and the end of Python
    assert result.duration - float(in_pytest) < 8


def test_a_conftest_may_name_the_plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest("pytest_plugins = ['pytest_pynenc_mongo.plugin']")
    pytester.makepyfile(USES_THE_CHAIN)
    run(pytester, "-k", "test_runner").assert_outcomes(passed=1, deselected=1)


def test_without_the_plugin_a_run_has_neither_its_options_nor_its_fixtures(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # even one that it would refuse
    monkeypatch.setenv("PYTEST_PYNENC_MONGO_URL", "nonsense")
    pytester.makepyfile(
        """
        import pytest

        def test_options(pytestconfig):
            with pytest.raises(ValueError):
                pytestconfig.getoption("pynenc_mongo_url")

        def test_fixtures(request):
            with pytest.raises(pytest.FixtureLookupError):
                request.getfixturevalue("pynenc_app")
        """
    )
    run(pytester, "-p", "no:pytest_pynenc_mongo").assert_outcomes(passed=2)
