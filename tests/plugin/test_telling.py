"""When a story is told and where: each failure once, no test that passes; whatever else the test does."""

import re
from textwrap import dedent

import pytest

from tests.plugin.helpers import SHOP, make_shop, output, run

TASKS = """
    @app.task
    def unlock(code: str) -> None:
        raise PermissionError("no")
"""
TESTS = """
    import asyncio
    import pytest
    from freezegun import freeze_time
    from pynenc import Pynenc
    from shop.app import add, app, fail, hang, pid, unlock

    @pytest.fixture
    def spoilt(pynenc_app, pynenc_worker):
        assert add(1, 2).result == 4

    def test_setup(spoilt):
        pass

    def test_teardown(pynenc_app, pynenc_worker, pynenc_wait):
        pynenc_wait(add(1, 2))
        pynenc_worker._child.kill()

    def test_block(pynenc_use_app, pynenc_worker_factory):
        with pynenc_use_app(app):
            pynenc_worker_factory(app)
            assert add(2, 2).result == 5

    def test_two_apps(pynenc_app, pynenc_worker, pynenc_app_factory):
        pynenc_app_factory(app_id="bar")
        assert add(3, 2).result == 6

    @freeze_time("2001-01-01")
    def test_frozen(pynenc_app, pynenc_worker):
        assert add(4, 2).result == 7

    @pytest.mark.pynenc_mongo(config={"argument_print_mode": "keys"})
    def test_secret(pynenc_app, pynenc_worker):
        unlock("open " + "sesame").result

    def test_no_app():
        assert not "pynenc"

    @pytest.mark.xfail
    def test_expected(pynenc_app, pynenc_worker):
        fail().result

    @pytest.mark.parametrize("way", ["result", "results", "async_result", "pynenc_wait"])
    def test_note(pynenc_app, pynenc_worker, pynenc_wait, way):
        get = {
            "result": lambda: fail().result,
            "results": lambda: list(fail.parallelize([()]).results),
            "async_result": lambda: asyncio.run(fail().async_result()),
            "pynenc_wait": lambda: pynenc_wait(fail()),
        }[way]
        with pytest.raises(ValueError) as raised:
            get()
        (note,) = raised.value.__notes__
        assert note.endswith('in fail\\n    raise ValueError("sold out")\\nValueError: sold out')
        assert "site-packages" not in note

    def test_passes(pynenc_app, pynenc_worker):
        assert repr(pynenc_worker) == f"Worker(pid={pynenc_worker.pid}, app='shop', alive)"
        assert add(5, 2).result == 7
"""
# which tests somebody looked at
CONFTEST = """
    import pytest
    from pytest_pynenc_mongo import observing

    observe = observing.observe
    looked = []

    @pytest.fixture(autouse=True)
    def each(request, monkeypatch):
        looked.clear()
        yield

    def observed(app):
        looked.append(app)
        return observe(app)

    observing.observe = observed

    def pytest_runtest_logfinish(nodeid):
        with open("looked.txt", "a") as file:
            file.write(f"{nodeid.rpartition('::')[2]} {len(looked)}\\n")
"""


def story_of(printed: str, test: str) -> list[str]:
    """Return the titles of the sections of a failed test, and the lines of its stories."""
    block = re.split(rf"^_+ (?:ERROR at \w+ of )?{test} _+$", printed, flags=re.MULTILINE)[1]
    block = re.split(r"^_{5,}.*|^={5,}.*", block, flags=re.MULTILINE)[0]
    return [line for line in block.splitlines() if not line.startswith("E ")]


@pytest.mark.slow
def test_each_failure_tells_once_and_nothing_else_does(
    pytester: pytest.Pytester, on_engine: tuple[str, ...]
) -> None:
    make_shop(pytester, source=dedent(SHOP) + dedent(TASKS))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = run(pytester, *on_engine)
    result.assert_outcomes(failed=5, errors=2, passed=6, xfailed=1)
    printed = output(result)
    assert len(re.findall("^-+ pynenc(?: shop)? -+$", printed, flags=re.MULTILINE)) == 6
    for test in ("test_setup", "test_block", "test_frozen"):
        story = story_of(printed, test)
        assert "the one invocation of app 'shop' ended well" in story
        assert len([line for line in story if re.match(r"-+ pynenc_worker \d+", line)]) == 1
    assert [
        line
        for line in story_of(printed, "test_teardown")
        if re.match(r"worker \d+: .* ended with SIGKILL", line)
    ]
    two = story_of(printed, "test_two_apps")
    assert "no task of app 'bar' was called" in two
    titles = [line.strip("- ") for line in two if re.fullmatch("-{5,} .* -{5,}", line)]
    assert titles[:2] == ["pynenc shop", "pynenc bar"]
    secret = "\n".join(story_of(printed, "test_secret"))
    assert "unlock(code)" in secret
    assert "sesame" not in secret.partition("- pynenc -")[2]
    assert "- pynenc" not in "\n".join(story_of(printed, "test_no_app"))
    looked = dict(line.split() for line in (pytester.path / "looked.txt").read_text().splitlines())
    assert {test for test, times in looked.items() if times != "0"} == {
        "test_setup",
        "test_teardown",
        "test_block",
        "test_two_apps",
        "test_frozen",
        "test_secret",
    }
