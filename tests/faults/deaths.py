"""A process that lives the life, and is killed or stands still at a command; another one goes on."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from pynenc_mongo.storage import client
from tests.faults import life, quiet
from tests.faults.injections import LIMIT_SECONDS, Injection, Kind, Outcome, Striker, drop, settle
from tests.faults.life import Told
from tests.faulty import Broken, Ended, Fault, FaultyServer, faulty
from tests.storage.helpers import CHILD_SECONDS, new_name

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_KIND = Kind(None, untold_at_most=1)

type Strike = Callable[["Life"], Fault]


class Life:
    """The process that lives it."""

    def __init__(self, server: FaultyServer, database: str) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.faults.life"])
        self._told, theirs = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(
            target=_live, args=(server.url, database, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        self.stands_still = threading.Event()
        self.may_go_on = threading.Event()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.join()

    def stop(self) -> None:
        self._signal(signal.SIGSTOP)
        self.stands_still.set()

    def go_on(self) -> None:
        self.may_go_on.set()
        self._signal(signal.SIGCONT)

    def end(self) -> list[Told]:
        """Wait for its end; return what somebody outside was told.

        :raises TimeoutError: if it does not end
        """
        told: list[Told] = []
        try:
            while self._told.poll(CHILD_SECONDS):
                told.append(self._told.recv())
        except EOFError:
            pass
        self._process.join(CHILD_SECONDS)
        if not self.is_over():
            raise TimeoutError("the process does not end")
        return told

    def is_over(self) -> bool:
        return not self._process.is_alive()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process.pid
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(self._process.pid, number)


def _live(url: str, database: str, told: Connection) -> None:
    with life.at(url, database, mongo_timeout_seconds=LIMIT_SECONDS):
        life.live(told.send)
    client.close_server(url)


def _kill_before(process: Life) -> Fault:
    process.kill()
    return Broken.BEFORE


def _kill_after(process: Life) -> Fault:
    return Ended(process.kill)


def _pause_before(process: Life) -> Fault:
    process.stop()
    process.may_go_on.wait(CHILD_SECONDS)
    return None


def _pause_after(process: Life) -> Fault:
    process.stop()
    return None


KILLS: Mapping[str, Strike] = {"killed before": _kill_before, "killed after": _kill_after}
PAUSES: Mapping[str, Strike] = {"paused before": _pause_before, "paused after": _pause_after}


def kill(url: str, injection: Injection) -> Outcome:
    """Kill the process at a command; another one goes on, and looks."""
    database = new_name()
    try:
        with _living(url, database, injection.number, KILLS[injection.kind], _KIND) as (process, striker):
            told = process.end()
        return settle(url, database, injection, striker, told)
    finally:
        drop(url, database)


def pause(url: str, injection: Injection) -> Outcome:
    """Have the process stand still at a write until another one has taken all over; then it goes on."""
    database = new_name()
    kind = Kind(None, only_writes=True, untold_at_most=1)
    try:
        with _living(url, database, injection.number, PAUSES[injection.kind], kind) as (process, striker):
            while not (process.stands_still.wait(0.02) or process.is_over()):
                pass
            was_left = bool(striker.struck) and quiet.bring(url, database)
            process.go_on()
            told = process.end()
        outcome = settle(url, database, injection, striker, told)
        outcome.recovered = was_left
        return outcome
    finally:
        drop(url, database)


@contextmanager
def _living(
    url: str, database: str, number: int, strike: Strike, kind: Kind
) -> Iterator[tuple[Life, Striker]]:
    with faulty(url) as server:
        process = Life(server, database)
        striker = Striker(number, lambda _: strike(process), kind)
        server.judge = striker
        try:
            yield process, striker
            server.wait_until_idle()
        finally:
            if not process.is_over():
                process.kill()


RUNS = {**dict.fromkeys(KILLS, kill), **dict.fromkeys(PAUSES, pause)}
