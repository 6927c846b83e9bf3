"""A server that is killed at a command, and comes back with what it had on its disk."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import secantus_main
from tests.faults.injections import Injection, Kind, Outcome, Striker, live_behind, settle
from tests.faults.life import Told
from tests.faulty import Broken, Ended, Fault, FaultyServer
from tests.storage.helpers import new_name

_KIND = Kind(None)
BEFORE, AFTER = "server killed before", "server killed after"


class Server:
    """SecantusDB that writes to its disk before it acknowledges."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = ExitStack()
        stack.callback(self._close)
        self.url = self._start()

    def restart(self) -> str:
        """Kill it, and start another one on its disk; return its URL."""
        self._close()
        self._stack = ExitStack()
        self.url = self._start()
        return self.url

    def _close(self) -> None:
        self._stack.close()

    def _start(self) -> str:
        return self._stack.enter_context(secantus_main.running(secantus_main.synchronous, self._directory))


def restart(_url: str, injection: Injection) -> Outcome:
    """Kill the server of a life at a command, and have it come back; look when all is quiet."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        server = Server(Path(directory), stack)
        proxies: list[FaultyServer] = []

        def come_back() -> None:
            proxies[0].upstream = server.restart()

        def strike(_command: str) -> Fault:
            if injection.kind == AFTER:
                return Ended(come_back)
            come_back()
            return Broken.BEFORE

        striker = Striker(injection.number, strike, _KIND)
        database, told = new_name(), list[Told]()
        live_behind(server.url, database, striker, told, proxies)
        return settle(server.url, database, injection, striker, told)


RUNS = dict.fromkeys((BEFORE, AFTER), restart)
