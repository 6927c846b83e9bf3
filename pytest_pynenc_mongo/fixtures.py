"""The chain of fixtures: engine, URL, database, app, runner or worker. Each link may be overridden."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import marker, options, report
from pytest_pynenc_mongo.errors import PynencMongoTestError

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.database import Database
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

    from pytest_pynenc_mongo.engines import Engine
    from pytest_pynenc_mongo.waiting import Wait
    from pytest_pynenc_mongo.workers import Worker


@pytest.fixture(scope="session")
def pynenc_mongo_engine(request: pytest.FixtureRequest) -> Generator["Engine"]:
    """The MongoDB of this run: `.name`, `.url`, `.masked_url`, `.supports_processes`, `.version`."""
    from pytest_pynenc_mongo import engines

    with _plainly(), ExitStack() as stack:
        with _plainly(partial(report.no_server, request)):
            engine = stack.enter_context(engines.running(request.config.stash[options.KEY]))
        yield engine


@pytest.fixture(scope="session")
def pynenc_mongo_url(pynenc_mongo_engine: "Engine") -> str:
    """The URL of the server. Override it to bring a server of your own."""
    return pynenc_mongo_engine.url


@pytest.fixture(scope="session")
def pynenc_mongo_database(request: pytest.FixtureRequest, pynenc_mongo_url: str) -> Generator[str]:
    """The name of a database of this run and xdist worker, dropped at the end."""
    from pytest_pynenc_mongo import databases

    chosen = request.config.stash[options.KEY]
    name = report.database_name(request.config)
    with _plainly(), ExitStack() as stack:
        with _plainly(partial(report.no_server, request)):
            for swept in databases.sweep(pynenc_mongo_url, chosen.db_prefix, kept_too=chosen.sweep):
                report.note(request.config, f"dropped {swept}, whose run has ended")
            stack.enter_context(databases.temporary(pynenc_mongo_url, name))
        yield name


@pytest.fixture(scope="session")
def pynenc_mongo_client(pynenc_mongo_url: str) -> "MongoClient[Any]":
    """A client of the server: pymongo's, or one that looks like it on mongomock."""
    from pytest_pynenc_mongo import databases

    return databases.open_client(pynenc_mongo_url)


@pytest.fixture
def pynenc_mongo_db(
    request: pytest.FixtureRequest, pynenc_mongo_url: str, pynenc_mongo_database: str
) -> Generator["Database[Any]"]:
    """The test database, for assertions and for seeding; emptied after the test."""
    from pytest_pynenc_mongo import databases

    yield databases.open_database(pynenc_mongo_url, pynenc_mongo_database)
    report.keep_database(request, pynenc_mongo_url, pynenc_mongo_database)
    databases.purge(pynenc_mongo_url, pynenc_mongo_database)


@pytest.fixture
def pynenc_mongo_seed() -> Callable[["Pynenc"], None]:
    """What fills the stores of the app before a test gets it: nothing. Override it."""
    return lambda app: None  # noqa: ARG005


@pytest.fixture
def pynenc_app_config() -> Mapping[str, Any]:
    """More pynenc `config_values` for the app under test, for example its runner. Override it."""
    return {}


@pytest.fixture
def pynenc_use_app(
    request: pytest.FixtureRequest,
    pynenc_mongo_url: str,
    pynenc_mongo_database: str,
    pynenc_app_config: Mapping[str, Any],
) -> Generator[Callable[..., AbstractContextManager["Pynenc"]]]:
    """A context manager that puts any app on the test database.

    `with pynenc_use_app(app, max_retries=3): ...`; keyword arguments are more `config_values`.
    Afterwards the app is exactly as it was.
    """
    from pytest_pynenc_mongo import databases, waiting, wiring

    @contextmanager
    def use_app(app: "Pynenc", **more: Any) -> Generator["Pynenc"]:
        config = {**pynenc_app_config, **marker.of(request.node).config, **more}
        settings = wiring.settings(pynenc_mongo_url, pynenc_mongo_database, config)
        with wiring.rewired(app, settings):
            try:
                yield app
            finally:
                waiting.forget(app)

    with _plainly():
        marker.check_one(request.node)
        yield use_app
        report.keep_database(request, pynenc_mongo_url, pynenc_mongo_database)
        databases.purge(pynenc_mongo_url, pynenc_mongo_database)


@pytest.fixture
def pynenc_app(
    request: pytest.FixtureRequest,
    pynenc_use_app: Callable[..., AbstractContextManager["Pynenc"]],
    pynenc_mongo_seed: Callable[["Pynenc"], None],
) -> Generator["Pynenc"]:
    """The app under test, on the test database; afterwards emptied, and the app exactly as it was.

    The one that the marker `pynenc_mongo(app=...)` names, else the one app in the test module, else the
    one that the ini `pynenc_app` names, else a new one.
    """
    from pytest_pynenc_mongo import apps

    app_path = request.config.stash[options.KEY].app_path
    with _plainly():
        marked = marker.of(request.node).app
        app = (
            apps.load(marked, "marker pynenc_mongo: app")
            if marked
            else apps.find(getattr(request, "module", None), app_path)
        )
        with pynenc_use_app(app):
            pynenc_mongo_seed(app)
            yield app


@pytest.fixture
def pynenc_app_factory(
    pynenc_use_app: Callable[..., AbstractContextManager["Pynenc"]],
) -> Generator[Callable[..., "Pynenc"]]:
    """Makes new apps on the test database; called with config values, `app_id` among them."""
    from pytest_pynenc_mongo import apps

    with _plainly(), ExitStack() as undo:
        yield lambda **config: undo.enter_context(
            pynenc_use_app(apps.new(config.pop("app_id", None)), **config)
        )


@pytest.fixture
def pynenc_runner_factory(request: pytest.FixtureRequest) -> Generator[Callable[["Pynenc"], "BaseRunner"]]:
    """Runs the runner of an app in a thread of the test process: `pynenc_runner_factory(app)`."""
    from pytest_pynenc_mongo import runners, waiting

    seconds = request.config.stash[options.KEY].runner_timeout_seconds
    with _plainly(), ExitStack() as undo:

        def start(app: "Pynenc") -> "BaseRunner":
            undo.callback(waiting.forget, app)
            return waiting.producers_of(app).ending.enter_context(runners.running_thread(app, seconds))

        yield start


@pytest.fixture
def pynenc_runner(
    pynenc_app: "Pynenc", pynenc_runner_factory: Callable[["Pynenc"], "BaseRunner"]
) -> "BaseRunner":
    """The app's runner, in a thread of the test process; ThreadRunner where the app has none."""
    with _plainly():
        return pynenc_runner_factory(pynenc_app)


@pytest.fixture
def pynenc_worker_factory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Callable[["Pynenc"], "Worker"]]:
    """Starts workers, each in an operating-system process of its own: `pynenc_worker_factory(app)`."""
    from pytest_pynenc_mongo import waiting, workers

    seconds = request.config.stash[options.KEY].runner_timeout_seconds
    with _plainly(), ExitStack() as undo:

        def start(app: "Pynenc") -> "Worker":
            worker = workers.start_worker(app, tmp_path_factory.mktemp("pynenc-worker"), seconds)
            undo.callback(waiting.forget, app)
            waiting.producers_of(app).ending.callback(worker.stop)
            return worker

        yield start


@pytest.fixture
def pynenc_worker(pynenc_app: "Pynenc", pynenc_worker_factory: Callable[["Pynenc"], "Worker"]) -> "Worker":
    """A worker in another operating-system process: `.pid`, `.log`, `.is_alive`, `.stop()`, `.kill()`."""
    with _plainly():
        return pynenc_worker_factory(pynenc_app)


@pytest.fixture
def pynenc_wait(request: pytest.FixtureRequest, pynenc_app: "Pynenc") -> "Wait":
    """Waits, with a deadline: `pynenc_wait(invocation)`, `.status(...)`, `.idle()`, `.until(...)`."""
    from pytest_pynenc_mongo import waiting

    return waiting.Wait(pynenc_app, request.config.stash[options.KEY].runner_timeout_seconds)


def _failure(message: str) -> BaseException:
    return pytest.fail.Exception(message, pytrace=False)


@contextmanager
def _plainly(ending: Callable[[str], BaseException] = _failure) -> Generator[None]:
    """Show what we have to say without our traceback: the message names the thing and the remedy.

    :param ending: returns what ends the test, given that message
    """
    from pynenc_mongo.errors import PynencMongoError

    try:
        yield
    except (PynencMongoTestError, PynencMongoError) as error:
        raise ending(str(error)) from None
