"""The test database: named per run and xdist worker, emptied after each test, dropped at the end.

In a database that the user names for all runs, a run has the collections that begin with that name.
"""

import re
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from warnings import warn

import pytest

from pytest_pynenc_mongo import clock, owners, purging
from pytest_pynenc_mongo.errors import (
    AUTHENTICATION_FAILED,
    UNAUTHORIZED,
    RefusedError,
    in_short,
    missing_right,
    refusal,
)
from pytest_pynenc_mongo.options import KEY, Options
from pytest_pynenc_mongo.owners import OWNER, OWNER_COLLECTION, RENEW_SECONDS

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection
    from pymongo.database import Database

_RUN_ID_LENGTH = 8
_NAME = pytest.StashKey[str]()


@dataclass(frozen=True, repr=False)
class TestServer:
    """A MongoDB that lends databases to tests.

    `url` may hold a password: print `masked_url`. `connect_seconds` is how long its clients look for it;
    what is left on one that ends with the run is gone.
    """

    __test__ = False  # not a test class, whatever pytest makes of its name

    url: str
    connect_seconds: float = Options.timeout_seconds
    ends_with_run: bool = False
    url_source: str = "fixture pynenc_mongo_url"

    @property
    def masked_url(self) -> str:
        from pynenc_mongo.conf.address import mask_url

        return mask_url(self.url)

    @property
    def client(self) -> "MongoClient[dict[str, Any]]":
        """This process's client; pynenc's components of this process use the same one.

        :raises MongoUnreachableError: if no server answers within `connect_seconds`
        """
        from pynenc_mongo.conf.address import MongoAddress
        from pynenc_mongo.conf.config_mongo import ClientLimits
        from pynenc_mongo.storage import client

        address = MongoAddress(self.url, "admin", self.url_source)
        return client.client_at(address, ClientLimits(connect_seconds=self.connect_seconds))

    @contextmanager
    def lend(
        self, name: str, note: Callable[[str], object] = warn, within: str = ""
    ) -> Generator["TestDatabase"]:
        """Lend a database, signed; afterwards drop it and close our clients of this server.

        :param note: is told what stays of it, where the server has gone away or refuses the drop
        :param within: a database that is there already; what is lent are collections in it, with the name as
            their prefix
        """
        database = _placed(self, name, within)
        with ExitStack() as undo:
            undo.callback(self.close)
            # before the first write, which may be done although its answer is an error
            undo.callback(self._take_back, database, note)
            with self._refusals():
                database.sign()
            yield database

    def how_it_ended(self) -> str:
        """Return how the server ended, or an empty string while it answers."""
        from pymongo.errors import ConnectionFailure, InvalidOperation

        from pynenc_mongo.errors import MongoUnreachableError
        from pynenc_mongo.storage import client

        try:
            self.ping()
        except (ConnectionFailure, MongoUnreachableError) as error:
            client.server_ended(self.url, f"{self.masked_url} has gone away: {in_short(error)}")
        except InvalidOperation:
            pass  # whoever knows that it has ended has just closed our client
        return self.known_end

    @property
    def known_end(self) -> str:
        """How the server ended, if somebody in this process has said so; nothing is asked."""
        from pynenc_mongo.storage import client

        return client.how_it_ended(self.url)

    def ping(self) -> None:
        """Have the server answer.

        :raises RefusedError: if it refuses the user
        :raises MongoUnreachableError, pymongo.errors.ConnectionFailure: if it does not answer within
            `connect_seconds`
        """
        import pymongo

        with self._refusals(), pymongo.timeout(self.connect_seconds):
            self.client.admin.command("ping")

    def _take_back(self, database: "TestDatabase", note: Callable[[str], object]) -> None:
        # a drop may take its time, a server that has gone may not
        if not (how := self.how_it_ended()):
            if refused := database.drop_if_allowed():
                note(f"left {database.label}: {refused}")
        elif not self.ends_with_run:
            note(f"left {database.label}, a later run drops it: {how}")

    @contextmanager
    def _refusals(self) -> Generator[None]:
        """Say plainly who is refused, where every run would be."""
        from pymongo.errors import OperationFailure

        try:
            yield
        except OperationFailure as error:
            if error.code not in (UNAUTHORIZED, AUTHENTICATION_FAILED):
                raise
            raise RefusedError(refusal(self.masked_url, error)) from None

    def close(self) -> None:
        """Close this process's clients of this server: one of a server that is gone waits for it."""
        from pynenc_mongo.storage import client

        client.close_server(self.url)

    def __repr__(self) -> str:
        return f"TestServer({self.masked_url!r})"


@dataclass(frozen=True)
class TestDatabase:
    """What the tests of a run and xdist worker use: a database on a server, or a part of one.

    A part are the collections whose names begin with `collection_prefix`, which is empty otherwise.
    """

    __test__ = False

    server: TestServer
    name: str
    collection_prefix: str = ""
    # when this process said whose it is; empty if it did not
    _signed_at: list[float] = field(default_factory=list, repr=False, compare=False)
    # whose collections stay from test to test, the app that was used last at the end
    _recent_apps: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def run_name(self) -> str:
        """The name that no other run and no other worker of this run has."""
        return self.collection_prefix.removesuffix(".") or self.name

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"{self.collection_prefix}* in {self.name}" if self.collection_prefix else self.name

    @property
    def url(self) -> str:
        """The URL of its server; it may hold a password."""
        return self.server.url

    @property
    def handle(self) -> "Database[dict[str, Any]]":
        """The database itself, pymongo's."""
        return self.server.client[self.name]

    @property
    def owner_collection(self) -> "Collection[dict[str, Any]]":
        """Where the record of its owner is."""
        return self.handle[self.collection_prefix + OWNER_COLLECTION]

    def sign(self, **more: Any) -> None:
        """Write into it whose it is: this process's."""
        record = {**owners.this_process(), **more}
        self.owner_collection.replace_one(OWNER, record, upsert=True)
        self._signed_at.append(clock.now())

    def purge(self, now: float | None = None) -> None:
        """Leave the product's own collections of the last few apps, empty, and its owner's record.

        Two commands, and one more for each collection that holds documents or goes (ADR 27). Once an hour one
        more, so that nobody takes a long run for a dead one.

        :param now: what time it is by `clock.now()`
        """
        self._renew(clock.now() if now is None else now)
        found = self._found()
        in_use = self._in_use(found.lasting)
        self._recent_apps[:] = purging.used_last(self._recent_apps, found, in_use)
        passing = found.passing(self._recent_apps)
        for name in (*found.foreign, *sorted(passing)):
            self.handle.drop_collection(name)
        for name in in_use - passing:
            self.handle[name].delete_many({})

    def drop_what_has_other_indexes(self) -> None:
        """Drop the product's collections that have not exactly its indexes; the next write makes both.

        A command for each collection: for tests that may have made or dropped some.
        """
        for name in self._found().own:
            if purging.has_other_indexes(self.handle[name]):
                self.handle.drop_collection(name)

    def _renew(self, now: float) -> None:
        if self._signed_at and now - self._signed_at[-1] >= RENEW_SECONDS:
            # never back: a test may have stopped the clock of this process
            self.owner_collection.update_one(OWNER, {"$max": {"at": clock.wall()}})
            self._signed_at.append(now)

    def copy_to(self, name: str, **record: Any) -> "TestDatabase":
        """Copy it as a test left it; the copy outlives the run. Part of a database is copied within that.

        :param record: what else its owner's record says
        """
        copy = _placed(self.server, name, self.name if self.collection_prefix else "")
        copy.sign(kept=True, **record)
        for source in self._in_use(self._collections()):
            target = copy.collection_prefix + source.removeprefix(self.collection_prefix)
            copy.handle[target].insert_many(self.handle[source].find({}))
        return copy

    def drop_if_allowed(self) -> str:
        """Drop it; return why it stays if the server refuses that, with the remedy."""
        from pymongo.errors import OperationFailure

        try:
            self._drop()
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            action = "dropCollection" if self.collection_prefix else "dropDatabase"
            return missing_right(action, self.name, named=bool(self.collection_prefix))
        return ""

    def _drop(self) -> None:
        if not self.collection_prefix:
            self.server.client.drop_database(self.name)
            return
        # the record of the owner last: what is left of a drop that is broken off stays somebody's
        for name in self._collections():
            self.handle.drop_collection(name)
        self.owner_collection.drop()

    def _found(self) -> purging.Found:
        return purging.sorted_out(self.listed(), self.collection_prefix)

    def _collections(self) -> list[str]:
        """Return the names of its collections, but for the owner's."""
        return sorted(each["name"] for each in self.listed())

    def listed(self) -> Iterator[Mapping[str, Any]]:
        """Return what the server says of its collections, but for the owner's and the server's own."""
        begin = {"name": {"$regex": f"^{re.escape(self.collection_prefix)}"}}
        for each in self.handle.list_collections(filter=begin if self.collection_prefix else None):
            if each["name"] != self.owner_collection.name and not each["name"].startswith("system."):
                yield each

    def _in_use(self, names: Iterable[str]) -> set[str]:
        return purging.in_use(self.owner_collection, names)


def _placed(server: TestServer, name: str, within: str) -> TestDatabase:
    return TestDatabase(server, within, f"{name}.") if within else TestDatabase(server, name)


def name_in(config: pytest.Config) -> str:
    """Return the name of the database, or the prefix of the collections, of this run and xdist worker."""
    if _NAME not in config.stash:
        config.stash[_NAME] = new_name(config.stash[KEY].db_prefix, getattr(config, "workerinput", None))
    return config.stash[_NAME]


def new_name(prefix: str, xdist: Mapping[str, Any] | None = None) -> str:
    """Return a database name that no other run, and no other worker of this run, has.

    :param xdist: what xdist told its worker, if this process is one; not the environment, which a run of
        pytest inside a test inherits
    """
    # xdist gives all workers of a run one id; without xdist this process is the run
    told = xdist or {"testrunuid": uuid.uuid4().hex, "workerid": "main"}
    run = str(told["testrunuid"]).replace("-", "")[:_RUN_ID_LENGTH]
    return "_".join((prefix, run, re.sub(r"\W", "-", str(told["workerid"]))))
