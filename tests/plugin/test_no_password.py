"""A server's password is in nothing that a run writes, but in files that its user alone may read."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import secantus_main
from tests.plugin.helpers import MODES, make_shop, output, run
from tests.secantus_main import KEY_PASSWORD, PASSWORD

SECRETS = (PASSWORD.encode(), KEY_PASSWORD.encode())
SHOP = """
    import os
    from pynenc import PynencBuilder

    few = {"num_processes": 1, "min_processes": 1, "max_processes": 1}
    app = PynencBuilder().app_id("shop").memory().custom_config(**few).build()

    @app.task
    def fail() -> None:
        app.logger.warning("what the app is: %r %s", app.config_values, app)
        print(app, app.config_values, app.conf, app.state_backend.conf)
        raise ValueError(f"{app.config_values}")

    @app.task
    def die() -> None:
        os._exit(3)
"""
# every one of them fails, and shows what it has
FAILING = """
    import re
    import urllib.request
    from pathlib import Path

    import pytest
    from shop.app import die, fail

    def test_what_there_is(
        pynenc_app, pynenc_mongo_url, pynenc_mongo_engine, pynenc_mongo_database, pynenc_mongo_client
    ):
        values, conf = pynenc_app.config_values, pynenc_app.state_backend.conf
        url, address = conf.mongo_url, conf.address()
        print(pynenc_app, values, conf, address, pynenc_mongo_engine, pynenc_mongo_database)
        pynenc_app.logger.warning("%r", [values, conf, address, pynenc_mongo_database])
        assert (values, url, address, pynenc_mongo_client) == pynenc_mongo_url

    @pytest.mark.parametrize("runner_cls", ["ThreadRunner", "ProcessRunner"])
    @pytest.mark.parametrize("executor", ["pynenc_runner", "pynenc_worker"])
    def test_a_task_fails(request, pynenc_app_config, pynenc_app, executor, runner_cls):
        request.getfixturevalue(executor)
        fail().result

    @pytest.fixture
    def pynenc_app_config(request):
        chosen = getattr(request.node, "callspec", None)
        return {"runner_cls": chosen.params["runner_cls"]} if chosen else {}

    @pytest.mark.pynenc_mongo(worker_scope="session")
    def test_a_shared_worker_dies(pynenc_worker):
        die().result

    def test_a_worker_of_its_own(pynenc_app, pynenc_worker_factory):
        worker = pynenc_worker_factory(pynenc_app, env={"TEA": "green"})
        print(worker, worker.log)
        fail().result

    def test_no_client(pynenc_app, monkeypatch):
        from pymongo.errors import ConfigurationError
        from pynenc_mongo.storage import client

        def refuse(*_, **__):
            raise ConfigurationError("no client today")

        with monkeypatch.context() as patch:
            client.close_all()
            patch.setattr(client, "_Client", refuse)
            fail()

    def test_a_command_is_refused(pynenc_app, pynenc_mongo_db):
        pynenc_mongo_db.command("there is none")

    def test_the_store_refuses(pynenc_app, monkeypatch):
        from pymongo.collection import Collection

        for name in ("insert_one", "insert_many", "replace_one"):
            monkeypatch.setattr(Collection, name, lambda *_, **__: 1 / 0)
        fail()

    def test_the_monitor(pynenc_app, pynenc_worker, pynenc_monitor):
        seen, unseen = {}, {"/"}
        while unseen and len(seen) < 40:
            path = unseen.pop()
            try:
                with urllib.request.urlopen(pynenc_monitor.url + path, timeout=20) as page:
                    seen[path] = page.read().decode(errors="replace")
            except urllib.error.HTTPError as error:
                seen[path] = error.read().decode(errors="replace")
            unseen |= {*re.findall(r'href="(/[^"#?$]*)"', seen[path])} - {*seen}
        Path("pynmon.txt").write_text("".join(seen.values()))
        commands = [each.read_bytes() for each in Path("/proc").glob("[0-9]*/cmdline") if each.exists()]
        Path("commands.txt").write_bytes(b" ".join(commands))
        print(pynenc_monitor.log)
        assert len(seen) > 3 and "shop" in seen["/"]
        fail.app.logger.error("%s", pynenc_monitor)
        fail().result
"""
ARGUMENTS = (
    *("-vv", "--showlocals", "-rA", "--junit-xml=junit.xml", "-o", "junit_logging=all"),
    *("--log-file=log.txt", "--log-file-level=DEBUG", "--log-level=DEBUG"),
    *("--pynenc-mongo-keep=always", "--pynenc-mongo-keep-dir=kept", *MODES["xdist"]),
    *("--pynenc-mongo-report=pages", "--pynenc-mongo-report-on=always"),
)
COUNT = 11


@pytest.fixture(scope="module")
def encrypted_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with secantus_main.running(secantus_main.encrypted, tmp_path_factory.mktemp("encrypted")) as url:
        yield url


def shown_by(folder: Path) -> list[str]:
    """Return the files below a folder, by their relative paths, that show others a password."""
    return [
        str(file.relative_to(folder))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and any(secret in file.read_bytes() for secret in SECRETS) and not is_private(file)
    ]


def is_private(file: Path) -> bool:
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)]
    return modes == [0o600, 0o700]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_that_a_run_writes_shows_a_password(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, encrypted_url: str
) -> None:
    make_shop(pytester, source=SHOP)
    pytester.makepyfile(FAILING)
    monkeypatch.setenv("PYTEST_PYNENC_MONGO_URL", encrypted_url)
    result = run(pytester, *ARGUMENTS, seconds=100)
    result.assert_outcomes(failed=COUNT)
    (pytester.path / "output.txt").write_text(output(result))
    assert shown_by(pytester.path) == []
    # negative controls: masked, the URL is there, and whole it is where a worker reads it
    text = output(result)
    assert text.count("ann:***@127.0.0.1") > COUNT
    assert "no client today" in text
    assert text.count("kept the database as") == COUNT
    assert (pytester.path / "junit.xml").read_text().count("<failure") == COUNT
    assert len(list((pytester.path / "pages").glob("*.html"))) == COUNT + 1
    told = [file for file in pytester.path.rglob("*.pickle") if SECRETS[0] in file.read_bytes()]
    assert len(told) > 3


def test_a_file_that_shows_one_is_found(tmp_path: Path) -> None:
    shown, hidden = tmp_path / "shown", tmp_path / "hidden"
    for folder, mode in ((shown, 0o644), (hidden, 0o600)):
        folder.mkdir(0o700)
        (folder / "url").write_text(f"mongodb://ann:{PASSWORD}@localhost")
        (folder / "url").chmod(mode)
    assert shown_by(tmp_path) == ["shown/url"]
    hidden.chmod(0o755)
    assert shown_by(tmp_path) == ["hidden/url", "shown/url"]
