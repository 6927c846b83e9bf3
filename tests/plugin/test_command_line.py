"""pynenc's own command line, started inside a test: it sees the test database."""

import sys

import pytest

from tests.plugin.helpers import closed_port, make_shop, run

pytestmark = pytest.mark.slow

COMMANDS = """
    import os
    import subprocess
    import sys
    import urllib.error
    import urllib.request
    import pytest
    from shop.app import add, app

    PYNENC = [sys.executable, "-m", "pynenc", "--app", "shop.app"]

    def shown(*command):
        command = [*PYNENC, *command, "show_config"]
        done = subprocess.run(command, cwd="src", stdout=subprocess.PIPE, text=True, check=True, timeout=30)
        lines = [line.strip() for line in done.stdout.splitlines()]
        return {
            name[:-1]: value.partition(": ")[2]
            for name, value in zip(lines, lines[1:])
            if name.endswith(":") and value.startswith("Default: ")
        }

    def test_show_config(pynenc_app, monkeypatch):
        monkeypatch.setenv("PYNENC__RUNNER_CLS", "ThreadRunner")
        config = shown()
        assert config["app_id"] == "shop"
        for component in ("orchestrator", "trigger", "broker", "state_backend", "client_data_store"):
            name = "".join(part.title() for part in component.split("_"))
            assert config[f"{component}_cls"] == f"Mongo{name}"
        assert config["runner_cls"] == "ThreadRunner"
        # what travels with the test's own app alone
        assert float(config["cached_status_time"]) > pynenc_app.conf.cached_status_time == 0.0
        assert float(shown("runner")["runner_loop_sleep_time_sec"]) > 0.01

    def test_without_an_app_on_the_test_database_it_is_the_user_s(pynenc_mongo_url):
        assert shown()["orchestrator_cls"] == "MemOrchestrator"
"""
MONITOR = """

    def test_monitor(pynenc_app, pynenc_worker, pynenc_wait):
        invocation = add(20, 22)
        assert invocation.result == 42
        with subprocess.Popen([*PYNENC, "monitor", "--port", "{port}"], cwd="src") as monitor:
            try:
                pynenc_wait.until(lambda: "shop" in page("/"), timeout=30)
                assert invocation.invocation_id in page("/invocations/")
                assert "shop.app.add" in page("/tasks/")
                assert "ThreadRunner" in page("/runners/")
            finally:
                monitor.terminate()

    def page(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{{path}}", timeout=10) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            return ""
"""


@pytest.mark.thorough
def test_it_sees_the_test_database(pytester: pytest.Pytester, on_engine: tuple[str, ...]) -> None:
    make_shop(pytester)
    # pynmon refuses a later Python
    monitor = MONITOR.format(port=closed_port()) if sys.version_info < (3, 13) else ""
    pytester.makepyfile(COMMANDS + monitor)
    run(pytester, *on_engine).assert_outcomes(passed=3 if monitor else 2)
