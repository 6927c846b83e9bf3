"""The hooks, each handed on in one line; nothing heavy is imported before a fixture is used."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import (
    apps,
    engines,
    executors,
    interruption,
    marker,
    masking,
    monitor,
    no_server,
    options,
    pinning,
    progress,
    publishing,
    renewing,
    report,
    telling,
)

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

pytest_plugins = [
    "pytest_pynenc_mongo.fixtures.servers",
    "pytest_pynenc_mongo.fixtures.apps_under_test",
    "pytest_pynenc_mongo.fixtures.who_runs_tasks",
    "pytest_pynenc_mongo.fixtures.what_tests_do",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    with options.unless_about_pytest(config):
        config.stash[options.KEY] = options.read(config)
        engines.check(config.stash[options.KEY])
    config.addinivalue_line("markers", marker.SIGNATURE)
    progress.configure(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    publishing.begin(session)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marker.check(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    apps.check(session)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    return report.header(config, items)


# within what others wrap around a phase: pytest's own logging needs the begin of each one
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with interruption.noticed(item, "setup"):
        yield from no_server.in_plain_words(item, "setup")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with interruption.noticed(item, "call"):
        yield from no_server.in_plain_words(item, "call")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    with pinning.forgotten_afterwards(), interruption.noticed(item, "teardown"):
        yield from no_server.in_plain_words(item, "teardown")
    renewing.end_spoilt(item.config)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, object, object]:
    renewing.remember(fixturedef, request)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    outcome = yield
    if not no_server.shorten(item, outcome):
        telling.show(item, outcome)
    if outcome.when == "teardown":
        executors.forget_test()
    publishing.publish(item, outcome)
    interruption.remember_outcome(item, outcome)
    return outcome


def pytest_enter_pdb(config: pytest.Config) -> None:
    monitor.tell(config)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    return masking.compared(op, left, right)


def pytest_sessionfinish(session: pytest.Session) -> None:
    publishing.end(session)
    report.hand_over(session)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:
    report.know(node.config, node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    report.take_over(node.config, node)


def pytest_terminal_summary(terminalreporter: "TerminalReporter", config: pytest.Config) -> None:
    report.summarise(terminalreporter, config)
