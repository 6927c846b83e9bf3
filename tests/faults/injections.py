"""One fault at one command of a life, and what is wrong after it."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient, common

from pynenc_mongo.storage import client
from tests.faults import invariants, life, quiet
from tests.faults.life import Told
from tests.faulty import (
    CANNOT_BE_CONFIRMED,
    NOT_ALLOWED,
    NOT_CONFIRMED,
    NOT_PRIMARY,
    SHUTTING_DOWN,
    UNAUTHORIZED,
    Broken,
    Delayed,
    Fault,
    FaultyServer,
    Judge,
    Refused,
    Unconfirmed,
    faulty,
)
from tests.storage.helpers import new_name

# the driver's own, 0.5 s, between two looks at a server that was not there: each fault would take as long
_LOOKS_AGAIN_SECONDS = 0.02
LIMIT_SECONDS = 1.0
_SHORT_OUTAGE_SECONDS = 1.0
_ALL_IN_A_SECOND = 20  # statuses
WRITES = ("insert", "update", "delete", "findAndModify", "createIndexes")
COLUMNS = tuple(invariants.INVARIANTS)


@dataclass(frozen=True)
class Kind:
    """A way to fail."""

    fault: Fault
    seconds: float = 0.0  # for how long, from the chosen command on; else this one alone
    only_writes: bool = False
    # a process that is refused between a status and its history leaves out a step
    untold_at_most: int = 0


KINDS: Mapping[str, Kind] = {
    "closed before": Kind(Broken.BEFORE),
    "closed after": Kind(Broken.AFTER),
    "not primary (10107)": Kind(Refused(NOT_PRIMARY)),
    "shutting down (91)": Kind(Refused(SHUTTING_DOWN)),
    "unauthorized (13)": Kind(Refused(UNAUTHORIZED), untold_at_most=1),
    "not allowed (8000)": Kind(Refused(NOT_ALLOWED), untold_at_most=1),
    "unconfirmed (64)": Kind(Unconfirmed(NOT_CONFIRMED), only_writes=True, untold_at_most=1),
    "unconfirmed (100)": Kind(Unconfirmed(CANNOT_BE_CONFIRMED), only_writes=True, untold_at_most=1),
    "2 s late, limit 1 s": Kind(Delayed(2.0)),
    "closed for 1 s": Kind(Broken.BEFORE, seconds=_SHORT_OUTAGE_SECONDS),
    "not primary for 1 s": Kind(Refused(NOT_PRIMARY), seconds=_SHORT_OUTAGE_SECONDS),
    "unauthorized for 1 s": Kind(
        Refused(UNAUTHORIZED), seconds=_SHORT_OUTAGE_SECONDS, untold_at_most=_ALL_IN_A_SECOND
    ),
    "unconfirmed for 1 s": Kind(
        Unconfirmed(NOT_CONFIRMED),
        seconds=_SHORT_OUTAGE_SECONDS,
        only_writes=True,
        untold_at_most=_ALL_IN_A_SECOND,
    ),
}


@dataclass(frozen=True)
class Injection:
    """A fault, and the number of the command that it strikes, from 1."""

    kind: str
    number: int


@dataclass
class Outcome:
    """What one injection has led to; what is wrong stands in the table's columns."""

    injection: Injection
    command: str = ""  # what was struck; nothing if the life was over before
    wrong: dict[str, list[str]] = field(default_factory=dict)
    recovered: bool = False
    untold: int = 0
    swept: int = 0  # texts whose parts nobody named, and that were found by their age

    @property
    def is_right(self) -> bool:
        return not any(self.wrong.values())


class Striker:
    """Strikes the command of a number, or the first one after it that is meant, and then what follows it."""

    def __init__(self, number: int, strike: Callable[[str], Fault], kind: Kind) -> None:
        self._number = number
        self._strike = strike
        self.kind = kind
        self._lock = threading.Lock()
        self._seen = 0
        self._until = 0.0
        self.struck = ""

    def __call__(self, name: str, command: Mapping[str, Any]) -> Fault:
        with self._lock:
            self._seen += 1
            if self._seen < self._number or (self.kind.only_writes and name not in WRITES):
                return None
            if not self.struck:
                return self._begin(f"{name} {_collection_in(name, command)}")
            return self._strike(self.struck) if time.monotonic() < self._until else None

    def _begin(self, command: str) -> Fault:
        self.struck = command
        self._until = time.monotonic() + self.kind.seconds if self.kind.seconds else 0.0
        return self._strike(command)


def inject(url: str, injection: Injection) -> Outcome:
    """Live once with a fault, go on in another process until all is quiet, and look."""
    kind = KINDS[injection.kind]
    striker = Striker(injection.number, lambda _: kind.fault, kind)
    database, told = new_name(), list[Told]()
    try:
        live_behind(url, database, striker, told)
        return settle(url, database, injection, striker, told)
    finally:
        drop(url, database)


def live_behind(
    url: str, database: str, judge: Judge, told: list[Told], proxies: list[FaultyServer] | None = None
) -> None:
    """Live once behind a server that spoils commands; `proxies` gets that server."""
    common.MIN_HEARTBEAT_INTERVAL = _LOOKS_AGAIN_SECONDS
    with faulty(url, judge) as server:
        if proxies is not None:
            proxies.append(server)
        with life.at(server.url, database, mongo_timeout_seconds=LIMIT_SECONDS):
            life.live(told.append)
        server.wait_until_idle()
        client.close_server(server.url)


def settle(url: str, database: str, injection: Injection, striker: Striker, told: list[Told]) -> Outcome:
    """Have another process go on until all is quiet, if anything was struck; return what is wrong then."""
    outcome = Outcome(injection, striker.struck)
    if not striker.struck:
        return outcome
    outcome.recovered = quiet.bring(url, database)
    with life.at(url, database):
        outcome.swept = quiet.sweep()
        seen = invariants.look(told)
    seen.untold_at_most = striker.kind.untold_at_most
    outcome.wrong = invariants.broken(seen)
    outcome.untold = invariants.untold(seen)
    return outcome


def commands_of_a_life(url: str) -> list[str]:
    """Return what a life without a fault sends: each command's name and its collection."""
    seen: list[str] = []

    def note(name: str, command: Mapping[str, Any]) -> Fault:
        seen.append(f"{name} {_collection_in(name, command)}")
        return None

    database = new_name()
    live_behind(url, database, note, [])
    drop(url, database)
    return seen


def drop(url: str, database: str) -> None:
    with MongoClient[dict[str, Any]](url) as direct:
        direct.drop_database(database)


def _collection_in(name: str, command: Mapping[str, Any]) -> str:
    return str(command.get(name, "")).removeprefix(f"{life.APP_ID}.")
