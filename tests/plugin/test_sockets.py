"""Tests that may not open sockets (pytest-socket): told at once what to allow; the others are served."""

import pytest

from tests.plugin.helpers import EMBEDDED, make_shop, output, run
from tests.reproducible import in_thorough_runs

pytest.importorskip("pytest_socket")
TESTS = """
    import pytest
    from shop.app import add

    def test_blocked(pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3

    def test_enabled(socket_enabled, pynenc_app, pynenc_runner):
        assert add(1, 2).result == 3

    @pytest.mark.enable_socket
    def test_marked(pynenc_worker):
        assert add(1, 2).result == 3

    def test_blocked_again(pynenc_mongo_db): ...

    def test_other(): ...
"""
ENABLE = "or all of this test with @pytest.mark.enable_socket"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("--disable-socket",),
            "A test tried to use socket.socket: allow its Unix socket with --allow-unix-socket, ",
            id="mongomock",
        ),
        in_thorough_runs(
            (
                ("--disable-socket", EMBEDDED),
                "A test tried to use socket.getaddrinfo: allow the server with --allow-hosts=127.0.0.1, ",
            ),
            "embedded",
        ),
        pytest.param(
            ("--allow-hosts=192.0.2.1", EMBEDDED),
            'with host "127.0.0.1" (allowed: "192.0.2.1"): allow the server with --allow-hosts=127.0.0.1, ',
            id="embedded and other hosts",
        ),
    ],
)
def test_blocked_sockets_are_told_at_once_and_others_are_served(
    pytester: pytest.Pytester, arguments: tuple[str, ...], message: str
) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    result = run(pytester, *arguments, "--durations=0", "--durations-min=0.5")
    result.assert_outcomes(passed=3, errors=2)
    lines = [line for line in result.stdout.lines if line.endswith(message + ENABLE)]
    assert len(lines) == 2
    assert "Traceback" not in output(result)
    assert not any("setup    test_sockets.py::test_blocked" in line for line in result.stdout.lines)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--disable-socket", "--allow-unix-socket"), id="mongomock"),
        pytest.param(("--allow-hosts=127.0.0.1", EMBEDDED), id="embedded"),
        in_thorough_runs([(EMBEDDED,)], "nothing blocked"),
    ],
)
def test_what_is_allowed_suffices(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    make_shop(pytester)
    pytester.makepyfile(TESTS)
    run(pytester, *arguments).assert_outcomes(passed=5)
