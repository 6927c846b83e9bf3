"""Where warnings are errors, and where none is shown: what pynenc itself warns of is no matter of a test."""

from textwrap import dedent

import pytest

from tests.plugin.helpers import make_ini, run

TEA = """
    import os
    import warnings
    import pytest
    from pynenc import Pynenc

    app = Pynenc(config_values={"app_id": "tea"})

    @app.task
    def brew(cups: int) -> tuple[int, int]:
        return cups * 2, os.getpid()

    @app.task
    def warn() -> None:
        warnings.warn("keys will default to True in jsonpickle 5.0.0", DeprecationWarning)

    def test_worker(pynenc_worker):
        assert brew(3).result == (6, pynenc_worker.pid) != (6, os.getpid())

    def test_without_a_runner(pynenc_app):
        brew(3)
"""
NOTHING_ELSE = """
    @pytest.mark.parametrize("runs", ["pynenc_runner", "pynenc_worker"])
    def test_the_user_s_own_is_an_error(pynenc_app, runs, request):
        request.getfixturevalue(runs)
        with pytest.raises(DeprecationWarning):
            warn().result
"""


def test_pynenc_s_own_warnings_are_not_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEA)
    # as a user starts it, without -W
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=50)
    result.assert_outcomes(passed=2, warnings=0)
    result.stdout.no_fnmatch_line("*warnings summary*")


@pytest.mark.slow
def test_where_warnings_are_errors_only_the_user_s_own_are(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ini(pytester)
    monkeypatch.setenv("PYTHONWARNINGS", "error::DeprecationWarning")
    pytester.makepyfile(dedent(TEA) + dedent(NOTHING_ELSE))
    run(pytester).assert_outcomes(passed=4)
