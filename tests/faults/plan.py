"""Which faults there are, on which engine, and at which commands a run injects them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pynenc_mongo import start_mongomock_server
from tests import secantus_main
from tests.faults import deaths, restarts
from tests.faults.injections import KINDS, WRITES, Injection, Outcome, inject

type Run = Callable[[str, Injection], Outcome]

RUNS: Mapping[str, Run] = {**dict.fromkeys(KINDS, inject), **deaths.RUNS, **restarts.RUNS}
# a mongomock server keeps nothing, and the one that does is a replica set of one
ONLY_ON = dict.fromkeys(restarts.RUNS, "replica-set")
_AT_WRITES = frozenset({*deaths.PAUSES, *(name for name, kind in KINDS.items() if kind.only_writes)})


def run(url: str, injection: Injection) -> Outcome:
    """Inject a fault; what does not come to its end is stuck."""
    try:
        return RUNS[injection.kind](url, injection)
    except Exception as error:  # one of hundreds, and it counts
        return Outcome(injection, "unknown", {"stuck": [f"the injection has failed: {error!r}"]})


def faults_of(engine: str) -> Sequence[str]:
    return [name for name in RUNS if ONLY_ON.get(name, engine) == engine]


def chosen(fault: str, commands: Sequence[str], step: int) -> list[Injection]:
    """Return each `step`-th command for a fault; which one is the first differs from fault to fault."""
    numbers = [
        number
        for number, command in enumerate(commands, start=1)
        if fault not in _AT_WRITES or command.split()[0] in WRITES
    ]
    return [Injection(fault, number) for number in numbers[list(RUNS).index(fault) % step :: step]]


def be_quiet() -> None:
    """Have a process log nothing: it is its work to go wrong."""
    logging.disable(logging.CRITICAL)


@contextmanager
def mongomock() -> Iterator[str]:
    with start_mongomock_server() as server:
        yield server.url


@contextmanager
def _secantus(kind: secantus_main.Kind) -> Iterator[str]:
    with TemporaryDirectory() as directory, secantus_main.running(kind, Path(directory)) as url:
        yield url


type Engine = Callable[[], AbstractContextManager[str]]

ENGINES: Mapping[str, Engine] = {
    "mongomock": mongomock,
    "embedded": lambda: _secantus(secantus_main.standalone),
    "replica-set": lambda: _secantus(secantus_main.replica_set),
}
