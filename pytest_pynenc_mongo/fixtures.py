"""The chain of fixtures: engine, URL, database, app, runner or worker. Each link may be overridden."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pynenc_mongo import (
    apps,
    databases,
    engines,
    interruption,
    marker,
    no_server,
    options,
    report,
    requesting,
    retention,
    sockets,
    sweeping,
)
from pytest_pynenc_mongo.errors import PynencMongoTestError

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.database import Database
    from pynenc import Pynenc
    from pynenc.runner.base_runner import BaseRunner

    from pytest_pynenc_mongo.databases import TestDatabase
    from pytest_pynenc_mongo.engines import Engine
    from pytest_pynenc_mongo.firing import Cron, Event
    from pytest_pynenc_mongo.recovering import Recover
    from pytest_pynenc_mongo.waiting import Wait
    from pytest_pynenc_mongo.workers import Worker


@pytest.fixture(scope="session")
def pynenc_mongo_engine(request: pytest.FixtureRequest) -> Generator["Engine"]:
    """The MongoDB of this run: `.name`, `.url`, `.masked_url`, `.url_source`, `.version`, `.pid`."""
    sockets.refuse_if_blocked(request.config.stash[options.KEY].url)
    with _plainly(), ExitStack() as stack:
        with _plainly(partial(no_server.failure, request, "pynenc_mongo_engine")):
            engine = stack.enter_context(engines.running(request.config.stash[options.KEY]))
        request.config.stash[engines.KEY] = engine
        server = _server_at(request, engine.url)
        with no_server.watching(request, server, "pynenc_mongo_engine", "pynenc_mongo_url"):
            yield engine


@pytest.fixture(scope="session")
def pynenc_mongo_url(pynenc_mongo_engine: "Engine") -> str:
    """The URL of the server. Override it to bring a server of your own."""
    return pynenc_mongo_engine.url


@pytest.fixture(scope="session")
def pynenc_mongo_database(request: pytest.FixtureRequest, pynenc_mongo_url: str) -> Generator["TestDatabase"]:
    """The database of this run and xdist worker; dropped at the end.

    `.name`, `.url`; `.collection_prefix` where other runs use the database, too.
    """
    sockets.refuse_if_blocked(pynenc_mongo_url)
    chosen = request.config.stash[options.KEY]
    server = _server_at(request, pynenc_mongo_url)
    note = partial(report.note, request.config)
    with _plainly(), ExitStack() as stack:
        stack.enter_context(no_server.watching(request, server, "pynenc_mongo_url"))
        with _plainly(partial(no_server.failure, request, "pynenc_mongo_url")):
            swept = sweeping.sweep(server, chosen.db_prefix, kept_too=chosen.sweep, within=chosen.db)
            report.note_sweep(request.config, swept)
            name = databases.name_in(request.config)
            database = stack.enter_context(server.lend(name, note, within=chosen.db))
        yield database


@pytest.fixture(scope="session")
def pynenc_mongo_client(
    request: pytest.FixtureRequest, pynenc_mongo_url: str
) -> Generator["MongoClient[dict[str, Any]]"]:
    """A client of the server, pymongo's."""
    sockets.refuse_if_blocked(pynenc_mongo_url)
    server = _server_at(request, pynenc_mongo_url)
    with _plainly():
        with _plainly(partial(no_server.failure, request, "pynenc_mongo_url")):
            server.ping()
        with no_server.watching(request, server, "pynenc_mongo_url"):
            yield server.client
        server.close()


@pytest.fixture
def pynenc_mongo_db(
    request: pytest.FixtureRequest, pynenc_mongo_database: "TestDatabase"
) -> Generator["Database[dict[str, Any]]"]:
    """The test database as pymongo has it, for assertions and for seeding; emptied after the test."""
    from pytest_pynenc_mongo import executors

    sockets.refuse_if_blocked(pynenc_mongo_database.url)

    def clean() -> None:
        retention.keep_if_wished(request.node, pynenc_mongo_database)
        if requesting.may_send_commands(request):
            pynenc_mongo_database.drop_what_has_other_indexes()
        pynenc_mongo_database.purge()

    with _plainly(), ExitStack() as ending:
        ending.callback(clean)
        # first, whatever the order of fixtures: nobody stores any more, and finds what it stored gone
        ending.callback(lambda: executors.stop_all(interruption.hurry_if_over(request.node)))
        yield pynenc_mongo_database.handle


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
    pynenc_mongo_database: "TestDatabase",
    pynenc_mongo_db: object,  # noqa: ARG001 - it empties the database, after the apps are back
    pynenc_app_config: Mapping[str, Any],
) -> Generator[Callable[..., AbstractContextManager["Pynenc"]]]:
    """A context manager that puts any app on the test database.

    `with pynenc_use_app(app, max_retries=3): ...`; keyword arguments are more `config_values`.
    Afterwards the app is exactly as it was; then `pynenc_mongo_db` empties the database.
    """
    from pytest_pynenc_mongo import awaiting, config_keys, crons, executors, loggers, wiring

    patience = marker.of(request.node).timeout or request.config.stash[options.KEY].result_timeout_seconds
    guard = awaiting.Guard(patience)

    @contextmanager
    def use_app(app: "Pynenc", **more: Any) -> Generator["Pynenc"]:
        marked = marker.of(request.node).config
        config_keys.check_all(
            app,
            {
                "pynenc_app_config": pynenc_app_config,
                "marker pynenc_mongo": marked,
                "keyword arguments": more,
            },
        )
        config = {**loggers.settings(request.config), **pynenc_app_config, **marked, **more}
        settings = wiring.settings(pynenc_mongo_database, crons.settings(config))
        with wiring.rewired(app, settings), guard.running(app):
            try:
                yield app
            except BaseException as error:
                interruption.notice(request.node, error)
                executors.stop(app, interruption.hurry(request.node))
                raise
            else:
                executors.stop(app, interruption.hurry_if_over(request.node))

    with _plainly(), awaiting.guarded(guard):
        marker.check_one(request.node)
        yield use_app


@pytest.fixture
def pynenc_app(
    request: pytest.FixtureRequest,
    pynenc_use_app: Callable[..., AbstractContextManager["Pynenc"]],
    pynenc_mongo_seed: Callable[["Pynenc"], None],
) -> Generator["Pynenc"]:
    """The app under test, on the test database; afterwards emptied, and the app exactly as it was.

    The one that the marker `pynenc_mongo(app=...)` names, else the one app in the test module, else the
    one that the ini `pynenc_app` names, else a new one, which is refused where it may not be the one meant:
    beside tasks of another app in the test module, or an app in any other module.
    """
    app_path = request.config.stash[options.KEY].app_path
    with _plainly():
        marked = marker.of(request.node).app
        app = (
            apps.load(marked, "marker pynenc_mongo: app")
            if marked
            else apps.find(getattr(request, "module", None), app_path, request.session.items)
        )
        with pynenc_use_app(app):
            pynenc_mongo_seed(app)
            yield app


@pytest.fixture
def pynenc_app_factory(
    pynenc_use_app: Callable[..., AbstractContextManager["Pynenc"]],
) -> Generator[Callable[..., "Pynenc"]]:
    """Makes new apps on the test database; called with config values, `app_id` among them."""
    with _plainly(), ExitStack() as undo:
        yield lambda **config: undo.enter_context(
            pynenc_use_app(apps.new(config.pop("app_id", None)), **config)
        )


@pytest.fixture
def pynenc_runner_factory(request: pytest.FixtureRequest) -> Generator[Callable[["Pynenc"], "BaseRunner"]]:
    """Runs the runner of an app in a thread of the test process: `pynenc_runner_factory(app)`."""
    from pytest_pynenc_mongo import executors, runners

    seconds = request.config.stash[options.KEY].runner_timeout_seconds
    with _plainly(), ExitStack() as undo:

        def start(app: "Pynenc") -> "BaseRunner":
            undo.callback(_stop, request, app)
            return executors.of(app).ending.enter_context(runners.running_thread(app, seconds))

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
    from pytest_pynenc_mongo import executors, fork_server, workers

    seconds = request.config.stash[options.KEY].runner_timeout_seconds
    forks = fork_server.of(request.config, tmp_path_factory)
    home = request.config.invocation_params.dir
    with _plainly(), ExitStack() as undo:

        def start(app: "Pynenc") -> "Worker":
            directory = tmp_path_factory.mktemp("pynenc-worker")
            worker = workers.start_worker(app, directory, seconds, home, forks)
            undo.callback(_stop, request, app)
            executors.of(app).ending.callback(worker.stop)
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


@pytest.fixture
def pynenc_cron(request: pytest.FixtureRequest, pynenc_app: "Pynenc") -> "Cron":  # noqa: ARG001 - crons are its
    """Fires a cron of a task now, and returns its invocation: `pynenc_cron.fire(task)`."""
    from pytest_pynenc_mongo import firing

    return firing.Cron(request.config.stash[options.KEY].runner_timeout_seconds)


@pytest.fixture
def pynenc_event(request: pytest.FixtureRequest, pynenc_app: "Pynenc") -> "Event":
    """Emits an event, and returns the invocations that it triggers: `pynenc_event("ordered", {...})`."""
    from pytest_pynenc_mongo import firing

    return firing.Event(pynenc_app, request.config.stash[options.KEY].runner_timeout_seconds)


@pytest.fixture
def pynenc_recover(pynenc_app: "Pynenc") -> "Recover":
    """Takes back at once what runners that have died had in their hands, and returns it: call it."""
    from pytest_pynenc_mongo import recovering

    return recovering.Recover(pynenc_app)


def _stop(request: pytest.FixtureRequest, app: "Pynenc") -> None:
    from pytest_pynenc_mongo import executors

    executors.stop(app, interruption.hurry_if_over(request.node))


def _server_at(request: pytest.FixtureRequest, url: str) -> databases.TestServer:
    engine = request.config.stash.get(engines.KEY, None)
    ends_with_run = engine is not None and engine.ends_with_run and engine.url == url
    return databases.TestServer(url, request.config.stash[options.KEY].timeout_seconds, ends_with_run)


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
