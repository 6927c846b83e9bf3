"""pynenc_monitor: pynmon on the app of a test, all pages of it, in a process that ends with the test."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pynenc import Pynenc
from pynenc.app_info import AppInfo
from pynenc.identifiers.invocation_id import InvocationId
from shop import fulfilment, orders  # type: ignore[import-not-found]
from shop.app import app as shop  # type: ignore[import-not-found]

from benchmarks.stores import SQLITE
from pytest_pynenc_mongo import Cron, Monitor, crons, monitor, pynmon, runners, wiring
from pytest_pynenc_mongo.errors import MonitorError
from tests.plugin import pages
from tests.plugin.helpers import ARGUMENTS, RUN_SECONDS, make_shop, wait_until

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="pynmon refuses Python 3.13")

SECONDS = 30.0
# of parameters that no page links to
VALUES = {"start": "2020-01-01T00:00:00", "end": "2030-01-01T00:00:00"}


def keep_shop(app: Pynenc, directory: Path) -> None:
    """Have a runner that runs do what the example shop can do, and one thing be left to do."""
    assert orders.price_order([("tea", 2), ("coffee", 1)]).result["cents"] == 1880
    assert orders.charge_card(1880).result["attempts"] == 2
    assert fulfilment.fulfil([("tea", 2)]).result["steps"] == ["priced", "delivered"]
    with pytest.raises(orders.OutOfStockError):
        _ = orders.reserve("sugar", 1).result
    labels = [fulfilment.print_label(str(directory / "printer"), f"order {number}") for number in range(2)]
    assert all(label.result for label in labels)
    paid = app.trigger.emit_event("order paid", {"order": "tea"})
    (parcel,) = wait_until(
        lambda: list(app.trigger.get_invocations_triggered_by_event(paid)), SECONDS, "a parcel"
    )
    assert app.state_backend.get_invocation(InvocationId(parcel)).result["order"] == "tea"


@pytest.fixture(scope="module")
def pages_on_sqlite(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> pages.Pages:
    """What pynmon shows of the shop on pynenc's SQLite."""
    directory = tmp_path_factory.mktemp("sqlite")
    nowhere = {**wiring._OWN_ADDRESS, "mongo_url": "", "mongo_db": "", "mongo_collection_prefix": ""}
    pinned = {**SQLITE, **nowhere, "sqlite_db_path": str(directory / "pynenc.db")}
    values = {**crons.settings({"runner_cls": "ThreadRunner"}), **pinned}
    with wiring.rewired(shop, wiring.Settings(pinned, values)) as app:
        with runners.running_thread(app, SECONDS):
            keep_shop(app, directory)  # the clock, too, which counts the stock at once on this store
        with monitor.running(app, directory, SECONDS, pytestconfig) as running:
            return pages.all_of(running.url, VALUES)


@pytest.fixture(scope="session")
def pynenc_mongo_url(any_url: str) -> str:
    """The server of this module's tests: each engine in turn."""
    return any_url


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.pynenc_mongo(runner="ThreadRunner")
def test_every_page_that_answers_on_sqlite_answers_on_mongodb(
    pages_on_sqlite: pages.Pages,
    pynenc_app: Pynenc,
    pynenc_runner: object,
    pynenc_cron: Cron,
    pynenc_monitor: Monitor,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    keep_shop(pynenc_app, tmp_path)
    assert pynenc_cron.fire(fulfilment.count_stock).result == os.getpid()
    found = pages.all_of(pynenc_monitor.url, VALUES)
    record_property("these fail on SQLite", sorted(pages.failing(pages_on_sqlite)))
    assert pages.failing(found) <= pages.failing(pages_on_sqlite)
    assert [route for route in found if not found[route]] == []
    ids = list(pynenc_app.orchestrator.get_existing_invocations(orders.price_of))
    assert len(ids) == 3
    detail = pages.get(f"{pynenc_monitor.url}/invocations/{ids[0]}")
    assert "shop.orders.price_of" in detail.text
    assert pynenc_monitor.log == ""


INNER = """
    import os
    import socket
    from pathlib import Path
    from urllib.request import urlopen
    from urllib.parse import urlsplit

    import pytest
    from shop.app import add, app

    def page(monitor, path):
        return urlopen(monitor.url + path, timeout=20).read().decode()

    def test_beside_a_worker(pynenc_app, pynenc_worker, pynenc_monitor):
        adding = add(20, 22)
        assert adding.result == 42
        text = page(pynenc_monitor, f"/invocations/{adding.invocation_id}")
        assert "shop.app.add" in text and "SUCCESS" in text.upper()
        assert pynenc_worker.is_alive
        Path("before.txt").write_text(adding.invocation_id)
        Path("monitor.txt").write_text(f"{pynenc_monitor.pid} {pynenc_monitor.url}")

    def test_beside_a_runner(pynenc_app, pynenc_runner, pynenc_monitor):
        adding = add(1, 2)
        assert adding.result == 3
        text = page(pynenc_monitor, "/invocations/")
        assert adding.invocation_id in text
        assert Path("before.txt").read_text() not in text
        host, port = urlsplit(pynenc_monitor.url).netloc.split(":")
        assert host == "127.0.0.1"
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", int(port)), timeout=5):
            pass

    def inner() -> None:
        pass

    of_no_name, inner = inner, None

    def test_task_of_nobody_else(pynenc_app, request):
        app.task(of_no_name)
        request.getfixturevalue("pynenc_monitor")

    def test_debugged(pynenc_monitor):
        assert page(pynenc_monitor, "/health")
        raise LookupError("to be debugged")
"""


@pytest.mark.slow
def test_it_runs_beside_others_is_named_to_who_debugs_and_ends_with_its_test(
    pytester: pytest.Pytester,
) -> None:
    make_shop(pytester)
    pytester.makepyfile(INNER)
    command = [sys.executable, "-m", "pytest", *ARGUMENTS, "--pdb"]
    result = pytester.run(*command, stdin=b"continue\n" * 2, timeout=RUN_SECONDS)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*pynenc_monitor cannot have task *inner*write them there*"])
    result.stdout.fnmatch_lines(["pynenc_monitor: http://127.0.0.1:* shows app 'shop'"])
    pid, url = (pytester.path / "monitor.txt").read_text().split()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(OSError, match="refused"):
        pages.get(url)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynmon, "find_spec", lambda name: None if name == "uvicorn" else name)
    with pytest.raises(MonitorError) as refused:
        pynmon.refuse_if_missing()
    assert str(refused.value) == (
        "pynmon needs uvicorn, not installed here: pip install 'pytest-pynenc-mongo[monitor]'"
    )


def test_an_app_whose_module_is_not_found_is_named() -> None:
    assert pynmon.what_is_missing(AppInfo("shop", "shop.app")) == ""
    assert pynmon.what_is_missing(AppInfo("tea", "of.elsewhere")) == (
        "module of.elsewhere of app 'tea' is not found here, and so none of its tasks: start this at the "
        "root of the project"
    )


def test_who_names_no_server_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert pynmon.main([]) == 2
    assert pynmon.main(["mongodb://", "tea"]) == 1
    refused = [
        "usage: python -m pytest_pynenc_mongo.pynmon URL DATABASE *",
        "mongodb:// (URL of this command): *",
    ]
    pytest.LineMatcher(capsys.readouterr().err.splitlines()).fnmatch_lines(refused, consecutive=True)


def test_a_python_that_pynmon_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    with pytest.raises(
        MonitorError, match=r"refuses Python 3.13 and newer, and this is 3.14: use Python 3.12"
    ):
        pynmon.refuse_if_missing()
