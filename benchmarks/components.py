"""(b) Each component alone, by the calls that pynenc makes on it."""

import base64
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pynenc import Pynenc
from pynenc.arguments import Arguments
from pynenc.call import Call
from pynenc.identifiers.invocation_id import InvocationId, generate_invocation_id
from pynenc.invocation.dist_invocation import TaskInvocation
from pynenc.invocation.status import InvocationStatus, InvocationStatusRecord
from pynenc.models.invocation_dto import InvocationDTO
from pynenc.state_backend.base_state_backend import InvocationHistory

from benchmarks.life import RUNNER, Invocation
from benchmarks.progress import shown
from benchmarks.shop import add
from benchmarks.stores import Store
from benchmarks.timing import Samples, is_enough, seconds

type Work = Callable[[], object]

_BATCH = 100
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Scale:
    """How much is stored of each."""

    invocations: int = 1000
    histories: int = 5000
    transitions: int = 200
    large_mib: int = 20


FULL = Scale()
QUICK = Scale(invocations=100, histories=200, transitions=20, large_mib=1)


def measure(stores: Sequence[Store], scale: Scale, repetitions: int) -> dict[str, Samples]:
    """Return seconds by operation and store; the stores take turns."""
    samples: dict[str, Samples] = {}
    rounds = [
        (name, prepare, store)
        for name, prepare in operations(scale).items()
        for _ in range(repetitions)
        for store in stores
    ]
    for name, prepare, store in shown(rounds, "components"):
        if is_enough(samples, name, store.name):
            continue
        with store.app() as app:
            taken = seconds(prepare(app))
        samples.setdefault(name, {}).setdefault(store.name, []).append(taken)
    return samples


def operations(scale: Scale) -> dict[str, Callable[[Pynenc], Work]]:
    """Return what prepares each operation and returns it."""
    count, histories, moves, mib = scale.invocations, scale.histories, scale.transitions, scale.large_mib
    return {
        f"store {count} invocations singly": lambda app: _store(app, count, 1),
        f"store {count} invocations by {_BATCH}": lambda app: _store(app, count, _BATCH),
        f"store {histories} histories by {_BATCH}": lambda app: _add_histories(app, histories),
        f"iterate over {histories} histories": lambda app: _iterate(app, histories),
        f"set {count} results": lambda app: _set_results(app, count),
        f"get {count} results": lambda app: _get_results(app, count),
        f"list {count} children of one parent": lambda app: _children(app, count),
        f"set a result of {mib} MiB": lambda app: _set_large(app, mib),
        f"get a result of {mib} MiB": lambda app: _get_large(app, mib),
        f"route {count} singly": lambda app: _route(app, count),
        f"retrieve {count}": lambda app: _retrieve(app, count),
        f"register {count} by {_BATCH}": lambda app: _register(app, count),
        f"{moves} transitions": lambda app: _transitions(app, moves),
        f"filter {count} by status": lambda app: _filter(app, count),
    }


def invocations(count: int) -> list[Invocation]:
    """Return invocations that nothing has stored."""
    return [
        TaskInvocation(
            call=Call(add, Arguments({"x": number, "y": 2})),
            invocation_id=generate_invocation_id(),
            parent_invocation_id=None,
            workflow=None,
            stored_in_backend=True,
        )
        for number in range(count)
    ]


def batches[Item](items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _each[Item](items: Iterable[Item], do: Callable[[Item], object]) -> Work:
    def work() -> None:
        for item in items:
            do(item)

    return work


def _store(app: Pynenc, count: int, size: int) -> Work:
    groups = batches(invocations(count), size)
    return _each(groups, lambda group: app.state_backend.upsert_invocations(list(group)))


def _add_histories(app: Pynenc, count: int) -> Work:
    groups = batches(invocations(count), _BATCH)
    record = InvocationStatusRecord(InvocationStatus.REGISTERED, RUNNER.runner_id)
    return _each(groups, lambda group: app.state_backend.add_histories(list(group), record, RUNNER))


def _iterate(app: Pynenc, count: int) -> Work:
    fill_history(app, [InvocationId(f"{number:06d}") for number in range(count)])
    end = datetime.now(UTC) + timedelta(minutes=1)
    start = end - timedelta(hours=1)
    return lambda: sum(map(len, app.state_backend.iter_history_in_timerange(start, end, _BATCH)))


def fill_history(app: Pynenc, ids: Sequence[InvocationId]) -> None:
    record = InvocationStatusRecord(InvocationStatus.REGISTERED, RUNNER.runner_id)
    for group in batches(ids, 500):
        history = InvocationHistory(group[0], record, RUNNER.runner_id, None)
        app.state_backend._add_histories(list(group), history)  # without base class's loop


def _set_results(app: Pynenc, count: int) -> Work:
    return _each(range(count), lambda number: app.state_backend.set_result(InvocationId(str(number)), number))


def _get_results(app: Pynenc, count: int) -> Work:
    _set_results(app, count)()
    return lambda: [app.state_backend.get_result(InvocationId(str(number))) for number in range(count)]


def _children(app: Pynenc, count: int) -> Work:
    parent, *children = invocations(count + 1)
    entries = [
        (
            InvocationDTO(
                invocation_id=child.invocation_id,
                call_id=child.call.call_id,
                parent_invocation_id=parent.invocation_id,
                workflow=None,
            ),
            child.call.to_dto(),
        )
        for child in children
    ]
    app.state_backend._upsert_invocations(entries)
    return lambda: len(list(app.state_backend.get_child_invocations(parent.invocation_id)))


def _set_large(app: Pynenc, mib: int) -> Work:
    text = _incompressible(mib)
    return lambda: app.state_backend._set_result(InvocationId("large"), text)  # no serializer


def _get_large(app: Pynenc, mib: int) -> Work:
    _set_large(app, mib)()
    return lambda: app.state_backend._get_result(InvocationId("large"))


def _incompressible(mib: int) -> str:
    """Return text that zlib makes no smaller than its 6 bits a character."""
    return base64.b64encode(random.Random(1).randbytes(mib * _MIB * 3 // 4)).decode()


def _route(app: Pynenc, count: int) -> Work:
    ids = [InvocationId(str(number)) for number in range(count)]
    return _each(ids, lambda each: app.broker.route_invocation(each, "default", 0.0))


def _retrieve(app: Pynenc, count: int) -> Work:
    app.broker.route_invocations([InvocationId(str(number)) for number in range(count)], "default", 0.0)
    return lambda: [app.broker.retrieve_invocation() for _ in range(count)]


def _register(app: Pynenc, count: int) -> Work:
    groups = batches(invocations(count), _BATCH)
    return _each(groups, lambda group: register(app, group))


def register(app: Pynenc, group: Sequence[Invocation]) -> None:
    app.orchestrator._register_new_invocations(list(group), RUNNER.runner_id)


def _transitions(app: Pynenc, count: int) -> Work:
    made = invocations(count)
    register(app, made)
    return lambda: [
        app.orchestrator._atomic_status_transition(
            each.invocation_id, InvocationStatus.PENDING, RUNNER.runner_id
        )
        for each in made
    ]


def _filter(app: Pynenc, count: int) -> Work:
    made = invocations(count)
    register(app, made)
    ids = [each.invocation_id for each in made]
    return lambda: app.orchestrator.filter_by_status(ids, frozenset({InvocationStatus.REGISTERED}))
