"""The options: which one wins, and what a user reads who got one wrong."""

import re
import sys
from fnmatch import fnmatch

import pytest

from pytest_pynenc_mongo import apps, options
from pytest_pynenc_mongo.errors import AppPathError
from pytest_pynenc_mongo.options import Options
from tests.plugin.helpers import closed_port, make_ini, output, run

CONNECT_SECONDS = 5.0
SCHEMES = "mongodb://, mongodb+srv://, mongomock://, embedded://"
MONGOMOCK, EMBEDDED = "mongomock://", "embedded://"
URL_VARIABLE = "PYTEST_PYNENC_MONGO_URL"
PRINTS_URL = """
    def test_url(pynenc_mongo_url, pynenc_mongo_engine):
        assert pynenc_mongo_engine.url == pynenc_mongo_url
        print("engine:", pynenc_mongo_engine.name, "from:", pynenc_mongo_engine.url_source)
"""
LEAVES_A_MARK = """
    import pathlib

    def test_one(pynenc_app):
        pathlib.Path("ran.txt").touch()

    def test_two(pynenc_app):
        pathlib.Path("ran.txt").touch()
"""


@pytest.mark.parametrize(
    ("option", "variable", "ini", "url", "source"),
    [
        (MONGOMOCK, EMBEDDED, EMBEDDED, MONGOMOCK, "--pynenc-mongo-url"),
        ("", MONGOMOCK, EMBEDDED, MONGOMOCK, URL_VARIABLE),
        ("", "", EMBEDDED, EMBEDDED, "ini pynenc_mongo_url"),
        ("", "", "", MONGOMOCK, "default"),
    ],
    ids=["option", "environment", "ini", "default"],
)
def test_the_nearest_source_of_the_url_wins(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    variable: str,
    ini: str,
    url: str,
    source: str,
) -> None:
    make_ini(pytester, f"pynenc_mongo_url = {ini}")
    monkeypatch.setenv(URL_VARIABLE, variable)
    chosen = configured(pytester, *([f"--pynenc-mongo-url={option}"] if option else []))
    assert (chosen.url, chosen.url_source) == (url, source)


def test_it_is_the_url_of_the_engine(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(PRINTS_URL)
    monkeypatch.setenv(URL_VARIABLE, MONGOMOCK)
    make_ini(pytester, f"pynenc_mongo_url = {EMBEDDED}")
    result = run(pytester, "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*engine: mongomock from: {URL_VARIABLE}*"])


def configured(pytester: pytest.Pytester, *arguments: str) -> Options:
    """Return what a run would be configured with, whose directory is that of `pytester`."""
    return pytester.parseconfigure(*arguments).stash[options.KEY]


@pytest.mark.parametrize("source", ["--pynenc-mongo-url", URL_VARIABLE, "ini pynenc_mongo_url"])
def test_a_malformed_url_is_refused_by_the_name_of_its_source(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    url = "mongodb://ann:secret@"
    arguments = []
    if source == URL_VARIABLE:
        monkeypatch.setenv(URL_VARIABLE, url)
    elif source.startswith("ini"):
        make_ini(pytester, f"pynenc_mongo_url = {url}")
    else:
        arguments = [f"{source}={url}"]
    refused(pytester, f"{source}: malformed MongoDB URL 'mongodb://ann:***@'", *arguments)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mongodb://h.example/?w=0", "*asks for w=0: *Leave the option out*"),
        ("mongodb://h.example/?tls=true&JOURNAL=false", "*asks for journal=false: *Leave the option out*"),
        (
            "postgres://ann:secret@db/shop",
            f"malformed MongoDB URL 'postgres://ann:***@db/shop': it must begin with one of {SCHEMES}; ",
        ),
        ("embeded://", "'embeded://': it must begin with one of *, embedded://; "),
        ("localhost:27017", "'localhost:27017': it must begin with one of *, embedded://; "),
        ("mongodb://ann:secret@:27017/shop", "'mongodb://ann:***@:27017/shop': it names no host"),
        ("mongodb://ann:secret@db/sh.op", "MongoDB refuses the database name 'sh.op'"),
        (f"mongodb://ann:secret@db/{'x' * 64}", "it is 64 bytes long"),
        (
            "embedded://somewhere",
            "'embedded://somewhere' names a place, but what embedded:// starts has none",
        ),
        ("mongomock:///shop", "'mongomock:///shop' names a place, but what mongomock:// starts has none"),
        ("embedded://ann:secret@somewhere", "'embedded://ann:***@somewhere' names a place"),
    ],
    ids=[
        "w=0",
        "journal=false",
        "scheme",
        "scheme with a typo",
        "no scheme",
        "no host",
        "database name",
        "long database name",
        "embedded somewhere",
        "mongomock somewhere",
        "embedded with a password",
    ],
)
def test_a_url_that_cannot_work_is_refused(pytester: pytest.Pytester, url: str, message: str) -> None:
    refused(pytester, f"--pynenc-mongo-url: *{message}", f"--pynenc-mongo-url={url}")


@pytest.mark.parametrize("path", ["shop.app", "shop.app:", "shop/app.py:app", "shop.app:app.tasks"])
def test_an_app_path_of_another_form_is_refused(pytester: pytest.Pytester, path: str) -> None:
    make_ini(pytester, f"pynenc_app = {path}")
    refused(pytester, f"ini pynenc_app: '{path}' is not of the form package.module:attribute")


def test_embedded_without_secantusdb_says_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # find_spec() finds no module whose entry is None
    monkeypatch.setitem(sys.modules, "secantus", None)
    message = (
        "embedded:// (SecantusDB in a child process) needs the module 'secantus', which is not installed: "
        "pip install 'pytest-pynenc-mongo[[]embedded]'"
    )
    refused(pytester, f"--pynenc-mongo-url: {message}", f"--pynenc-mongo-url={EMBEDDED}")


def refused(pytester: pytest.Pytester, message: str, *arguments: str) -> None:
    """Check that no run is configured, with a message (a pattern); how pytest prints it is tested below."""
    with pytest.raises(pytest.UsageError) as caught:
        configured(pytester, *arguments)
    said = str(caught.value)
    assert fnmatch(said, f"{message}*"), said
    assert "\n" not in said
    assert "secret" not in said


def test_what_is_refused_is_one_message_and_no_test_runs(pytester: pytest.Pytester) -> None:
    ends_before_it_begins(
        pytester,
        "ERROR: --pynenc-mongo-url: malformed MongoDB URL 'mongodb://ann:***@'",
        "--pynenc-mongo-url=mongodb://ann:secret@",
    )


def ends_before_it_begins(pytester: pytest.Pytester, message: str, *arguments: str) -> None:
    """Check that a run ends with one message, exit code 4, no traceback and no test."""
    pytester.makepyfile(LEAVES_A_MARK)
    result = run(pytester, *arguments)
    says_plainly(result, message)
    assert "secret" not in output(result)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (pytester.path / "ran.txt").exists()


def says_plainly(result: pytest.RunResult, message: str) -> None:
    """Check that a run says `message` (a pattern) on one line, once, and shows no traceback."""
    lines = result.stderr.lines + result.stdout.lines
    pytest.LineMatcher(lines).fnmatch_lines([f"*{message}*"])
    for sign_of_a_traceback in ("Traceback", "INTERNALERROR", "During handling of", "pytest_pynenc_mongo/"):
        assert sign_of_a_traceback not in output(result)


BROKEN_MODULES = {
    "__init__": "",
    "app": "from pynenc import Pynenc\n\napp = Pynenc(config_values={'app_id': 'stall'})\nlabel = 'tea'\n",
    "broken": "app = None\nRATE = 1 / 0\n",
    "importing": "import nowhere\n",
    "misspelt": "app = (\n",
    "in_library": "import json\n\nRATES = json.loads('')\n",
}
BROKEN_APPS = [
    pytest.param(
        "stall.nowhere:app",
        "importing 'stall.nowhere' failed with ModuleNotFoundError: No module named 'stall.nowhere'; "
        "name its folder in pytest's ini pythonpath, or install it",
        id="module",
    ),
    pytest.param(
        "stall.broken:app",
        "importing 'stall.broken' failed with ZeroDivisionError: division by zero, at src/stall/broken.py:2: "
        "RATE = 1 / 0",
        id="import",
    ),
    pytest.param(
        "stall.importing:app",
        "importing 'stall.importing' failed with ModuleNotFoundError: No module named 'nowhere', "
        "at src/stall/importing.py:1: import nowhere",
        id="import of another",
    ),
    pytest.param(
        "stall.misspelt:app",
        "failed with SyntaxError: '(' was never closed, at src/stall/misspelt.py:1: app = (",
        id="syntax",
    ),
    pytest.param(
        "stall.in_library:app",
        "failed with JSONDecodeError: *, at src/stall/in_library.py:3: RATES = json.loads('')",
        id="import that fails in a library",
    ),
    pytest.param("stall.app:nothing", "there is no such attribute; apps there: app", id="attribute"),
    pytest.param("stall.app:label", "is no Pynenc app, it is str; apps there: app", id="no app"),
]


@pytest.fixture
def stall(pytester: pytest.Pytester) -> None:
    """A package of the user's with modules that are wrong in one way each."""
    package = pytester.path / "src" / "stall"
    package.mkdir(parents=True)
    for name, source in BROKEN_MODULES.items():
        (package / f"{name}.py").write_text(source)


@pytest.mark.usefixtures("stall")
@pytest.mark.parametrize(("path", "message"), BROKEN_APPS)
def test_an_app_path_that_leads_nowhere_says_why(pytester: pytest.Pytester, path: str, message: str) -> None:
    pytester.syspathinsert(pytester.path / "src")
    with pytest.raises(AppPathError) as caught:
        apps.load(path)
    assert fnmatch(str(caught.value), f"ini pynenc_app = '{path}': *{message}"), caught.value


BROKEN_PATH = "stall.broken:app"
BROKEN = f"ini pynenc_app = '{BROKEN_PATH}': *at src/stall/broken.py:2: RATE = 1 / 0"


@pytest.mark.usefixtures("stall")
def test_an_app_path_that_leads_nowhere_ends_the_run_before_it_begins(pytester: pytest.Pytester) -> None:
    make_ini(pytester, "pythonpath = src", f"pynenc_app = {BROKEN_PATH}")
    ends_before_it_begins(pytester, f"ERROR: {BROKEN}")


@pytest.mark.usefixtures("stall")
def test_an_app_path_that_leads_nowhere_fails_each_test_under_xdist(pytester: pytest.Pytester) -> None:
    make_ini(pytester, "pythonpath = src", f"pynenc_app = {BROKEN_PATH}")
    pytester.makepyfile(LEAVES_A_MARK)
    result = run(pytester, "-n", "2")
    result.assert_outcomes(errors=2)
    says_plainly(result, BROKEN)
    assert not (pytester.path / "ran.txt").exists()


@pytest.mark.usefixtures("stall")
def test_an_app_path_that_leads_nowhere_is_no_matter_where_no_test_wants_it(
    pytester: pytest.Pytester,
) -> None:
    make_ini(pytester, "pythonpath = src", f"pynenc_app = {BROKEN_PATH}")
    pytester.makepyfile("def test_something_else(): pass")
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_waited_for_once(pytester: pytest.Pytester) -> None:
    port = closed_port()
    # not a part of the set-up, whose time is looked at
    pytester.makeconftest("import pymongo, pynenc")
    pytester.makepyfile(LEAVES_A_MARK, test_more=LEAVES_A_MARK)
    url = f"mongodb://ann:secret@127.0.0.1:{port}/"
    result = run(pytester, f"--pynenc-mongo-url={url}", "--durations=0", "--durations-min=0.5")
    result.assert_outcomes(errors=1, skipped=3)
    says_plainly(result, f"{url.replace('secret', '***')} (--pynenc-mongo-url): start one there, or correct")
    assert "secret" not in output(result)
    (waited,) = re.findall(r"([\d.]+)s setup", result.stdout.str())
    assert float(waited) < CONNECT_SECONDS + 2
    assert not (pytester.path / "ran.txt").exists()


@pytest.mark.parametrize("wanted", ["pynenc_app", "pynenc_mongo_client"])
def test_an_own_url_is_waited_for_as_long_as_the_option_says(pytester: pytest.Pytester, wanted: str) -> None:
    url = f"mongodb://127.0.0.1:{closed_port()}/"
    pytester.makeconftest(
        f"""
        import pymongo, pynenc, pytest

        @pytest.fixture(scope="session")
        def pynenc_mongo_url():
            return {url!r}
        """
    )
    pytester.makepyfile(LEAVES_A_MARK.replace("pynenc_app", wanted))
    result = run(pytester, "--pynenc-mongo-timeout=1", "--durations=0", "--durations-min=0.5")
    result.assert_outcomes(errors=1, skipped=1)
    says_plainly(result, f"no MongoDB answers at {url} (fixture pynenc_mongo_url): start one there, or")
    (waited,) = re.findall(r"([\d.]+)s setup", result.stdout.str())
    assert 1.0 <= float(waited) < CONNECT_SECONDS


@pytest.mark.thorough
@pytest.mark.slow
def test_a_server_that_does_not_answer_is_one_failure_a_run_under_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LEAVES_A_MARK, test_more=LEAVES_A_MARK, test_other="def test_other(): pass")
    url = f"mongodb://127.0.0.1:{closed_port()}/"
    result = run(pytester, f"--pynenc-mongo-url={url}", "--pynenc-mongo-timeout=1", "-n", "2", "-rs")
    result.assert_outcomes(errors=1, skipped=3, passed=1)
    says_plainly(result, f"{url} (--pynenc-mongo-url): start one there, or correct")
    result.stdout.fnmatch_lines(
        ["SKIPPED*no MongoDB, see the first test that needed it: no MongoDB answers*"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_one_line_says_which_mongodb_a_run_uses(
    pytester: pytest.Pytester, arguments: tuple[str, ...], embedded_url: str
) -> None:
    pytester.makepyfile(
        "def test_one(pynenc_mongo_database): pass\ndef test_other(pynenc_mongo_database): pass"
    )
    run_id = "[0-9a-f]" * 8
    place = "\\*" if arguments else "main"
    result = run(pytester, f"--pynenc-mongo-url={embedded_url}", *arguments)
    result.assert_outcomes(passed=2)
    (place_of_it,) = [at for at, line in enumerate(result.stdout.lines) if line.startswith("pynenc-mongo: ")]
    lines = result.stdout.lines[place_of_it : place_of_it + 2]
    assert max(map(len, lines)) <= 80
    expected = (
        f"pynenc-mongo: {re.escape(embedded_url)}, from --pynenc-mongo-url;\n"
        f"  database pynenc_test_{run_id}_{place}; keep=never"
    )
    assert re.fullmatch(expected, "\n".join(lines))


def test_a_header_has_no_line_of_more_than_80_columns(pytester: pytest.Pytester) -> None:
    hosts = ",".join(f"{'shop-' * 10}{number}.example:27017" for number in range(3))
    pytester.makepyfile("def test_one(pynenc_mongo_url): pass")
    arguments = (f"--pynenc-mongo-url=mongodb://{hosts}/", f"--pynenc-mongo-db={'d' * 60}")
    result = pytester.runpytest_inprocess("--collect-only", *arguments)
    (begin,) = [at for at, line in enumerate(result.stdout.lines) if line.startswith("pynenc-mongo: ")]
    header = [line for line in result.stdout.lines[begin:] if line.startswith((" ", "pynenc-mongo"))]
    assert max(map(len, header)) <= 80
    told = "".join(line.strip() for line in header)
    assert hosts in told
    assert f"database {'d' * 60},collections" in told


def test_asked_for_ids_a_run_prints_ids(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(pynenc_app): pass")
    lines = pytester.runpytest_inprocess("--collect-only", "-q").stdout.lines
    assert next(line for line in lines if line).endswith("::test_one")
    assert not any("pynenc-mongo" in line for line in lines)
    told = pytester.runpytest_inprocess("--collect-only").stdout.lines
    assert any("pynenc-mongo: " in line for line in told)


def test_a_run_without_our_fixtures_says_nothing_of_mongodb(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_other(): pass")
    assert "pynenc-mongo:" not in pytester.runpytest_inprocess().stdout.str()


ABOUT_PYTEST = [("--help",), ("--markers",), ("--fixtures", "-q"), ("--version",), ("--version", "--version")]


@pytest.mark.parametrize("arguments", ABOUT_PYTEST, ids=" ".join)
def test_a_wrong_option_does_not_hide_what_pytest_tells_of_itself(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    expected = pytester.runpytest_inprocess(*arguments)
    monkeypatch.setenv(URL_VARIABLE, "nonsense")
    told = pytester.runpytest_inprocess(*arguments)
    assert told.ret == pytest.ExitCode.OK
    # but for how long it took
    assert re.sub(r" in [\d.]+s", "", told.stdout.str()) == re.sub(r" in [\d.]+s", "", expected.stdout.str())


def test_the_marker_is_listed_whole(pytester: pytest.Pytester) -> None:
    lines = pytester.runpytest_inprocess("--markers").stdout.lines
    (line,) = [line for line in lines if line.startswith("@pytest.mark.pynenc_mongo(")]
    # pytest breaks a marker's line at the first colon
    assert line.startswith(
        "@pytest.mark.pynenc_mongo(app=, runner=, config=, eager=, keep=, timeout=, worker_scope=): what "
    )
    assert line.endswith("worker_scope='module', how long the process of pynenc_worker lives")


def test_two_apps_in_a_module_are_told_the_ini_and_the_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_shop="""
        from pynenc import Pynenc

        shop, bar = (Pynenc(config_values={"app_id": name}) for name in ("shop", "bar"))

        def test_one(pynenc_app): ...
        """
    )
    result = run(pytester)
    result.assert_outcomes(errors=1)
    says_plainly(
        result,
        "test_shop holds 2 Pynenc apps (shop, bar): name the one under test in the ini pynenc_app, or for "
        "one test by the marker pynenc_mongo(app=...): test_shop:shop, for example",
    )


TYPED_INI = """
    pynenc_mongo_timeout = {number}
    pynenc_mongo_runner_timeout = 1.5
    pynenc_mongo_sweep = false
    pynenc_mongo_keep = "failed"
"""
native_toml = pytest.mark.skipif(pytest.version_tuple < (9, 0), reason="pytest 9 brings native TOML")


@pytest.mark.parametrize(
    "table", [pytest.param("[tool.pytest]", marks=native_toml), "[tool.pytest.ini_options]"]
)
def test_toml_may_give_numbers_and_booleans(pytester: pytest.Pytester, table: str) -> None:
    pytester.makepyprojecttoml(table + TYPED_INI.format(number=7))
    chosen = configured(pytester)
    assert (chosen.timeout_seconds, chosen.runner_timeout_seconds, chosen.sweep) == (7.0, 1.5, False)
    assert chosen.keep == "failed"


@pytest.mark.parametrize("number", ["0", "true", '"soon"'])
@pytest.mark.parametrize(
    "table", [pytest.param("[tool.pytest]", marks=native_toml), "[tool.pytest.ini_options]"]
)
def test_what_is_no_number_is_refused_in_toml_too(pytester: pytest.Pytester, table: str, number: str) -> None:
    pytester.makepyprojecttoml(table + TYPED_INI.format(number=number))
    refused(pytester, "*pynenc_mongo_timeout")


@pytest.mark.parametrize("number", ["0", "soon", "nan"])
def test_what_is_no_number_is_refused_in_an_ini(pytester: pytest.Pytester, number: str) -> None:
    make_ini(pytester, f"pynenc_mongo_timeout = {number}")
    refused(pytester, f"ini pynenc_mongo_timeout: *'{number}*'")  # pytest 9.0 has its own words
