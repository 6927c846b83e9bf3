"""An owner that comes late changes nothing any more: the outcome is that of the run that ended."""

import threading
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement
from typing import Any

import pytest
from pynenc import Pynenc
from pynenc.exceptions import InvocationStatusError
from pynenc.invocation.status import InvocationStatus
from pynenc.runner.runner_context import RunnerContext

from pynenc_mongo.state_backend.documents import RESULTS
from pynenc_mongo.storage.payloads import PARTS
from pytest_pynenc_mongo import wiring
from pytest_pynenc_mongo.databases import TestDatabase, TestServer
from tests.commands import CommandLog
from tests.kills import shop
from tests.orchestrator.helpers import app_at
from tests.storage.helpers import CHILD_SECONDS

FIRST = RunnerContext(runner_cls="ThreadRunner", runner_id="first", pid=1, hostname="here")
SECOND = RunnerContext(runner_cls="ThreadRunner", runner_id="second", pid=2, hostname="there")
# in parts of 20 bytes, and not yet one for the client data store
LARGE = " ".join(map(str, range(80)))

# when, in the life of the first owner's end, something happens: before it stores its outcome, between that
# and its final status, and after that
BEFORE, BETWEEN, AFTER = range(3)
# the takeover, the second owner's outcome, its final status: in this order, and each at any of these times.
# A takeover after the first one's end is none.
ORDERS = [order for order in combinations_with_replacement((BEFORE, BETWEEN, AFTER), 3) if order[0] != AFTER]


@pytest.fixture
def app(place: tuple[str, str]) -> Iterator[Pynenc]:
    with wiring.rewired(shop.app, wiring.settings(TestDatabase(TestServer(place[0]), place[1]))) as rewired:
        yield rewired


def in_a_thread(work: Callable[[], None]) -> None:
    """Do it in a thread of its own, as each run is, and raise here what it raises there."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # raised again below
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(CHILD_SECONDS)
    assert not thread.is_alive()
    for error in raised:
        raise error


class Owner:
    """A run of an invocation in a thread of its own, which stops before, between and after its two steps."""

    def __init__(self, app: Pynenc, invocation: Any, runner: RunnerContext, outcome: Any) -> None:
        self._app, self._invocation, self._runner, self._outcome = app, invocation, runner, outcome
        self._steps = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.error: BaseException | None = None
        self._thread.start()
        self._wait()

    def store(self) -> None:
        self._step()

    def end(self) -> None:
        self._step()
        self._thread.join(CHILD_SECONDS)
        assert not self._thread.is_alive()

    def _step(self) -> None:
        self._steps.release()
        self._wait()

    def _wait(self) -> None:
        assert self._done.acquire(timeout=CHILD_SECONDS)

    def pause(self) -> None:
        """Called in the thread of the run, between two of its steps."""
        self._done.release()
        assert self._steps.acquire(timeout=CHILD_SECONDS)

    def _run(self) -> None:
        orchestrator = self._app.orchestrator
        local.owner = self
        try:
            begin(self._app, self._invocation, self._runner)
            self.pause()
            if isinstance(self._outcome, Exception):
                orchestrator.set_invocation_exception(self._invocation, self._outcome, self._runner)
            else:
                orchestrator.set_invocation_result(self._invocation, self._outcome, self._runner)
        except BaseException as error:  # the test looks at it
            self.error = error
        finally:
            self._done.release()


local = threading.local()


@pytest.fixture(autouse=True)
def stops_between_the_two_steps(app: Pynenc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each owner stop after its outcome is stored, and before its final status is asked for."""
    for name in ("set_result", "set_exception"):
        monkeypatch.setattr(app.state_backend, name, stopping_after(getattr(app.state_backend, name)))


def stopping_after(store: Callable[..., None]) -> Callable[..., None]:
    def store_and_stop(*arguments: Any) -> None:
        store(*arguments)
        if owner := getattr(local, "owner", None):
            owner.pause()

    return store_and_stop


def begin(app: Pynenc, invocation: Any, runner: RunnerContext) -> None:
    for status in (InvocationStatus.PENDING, InvocationStatus.RUNNING):
        app.orchestrator.set_invocation_status(invocation.invocation_id, status, runner)


def take_over(app: Pynenc, invocation: Any) -> None:
    for status in (InvocationStatus.RUNNING_RECOVERY, InvocationStatus.REROUTED):
        app.orchestrator.set_invocation_status(invocation.invocation_id, status, SECOND)


def play(app: Pynenc, order: tuple[int, ...], first: Any, second: Any, second_runner: RunnerContext) -> Any:
    """Have two owners end one invocation in an order; return it."""
    invocation: Any = shop.sell(1)
    late = Owner(app, invocation, FIRST, first)
    current: list[Owner] = []

    def takeover() -> None:
        take_over(app, invocation)
        current.append(Owner(app, invocation, second_runner, second))

    def store() -> None:
        current[0].store()

    def end() -> None:
        current[0].end()

    events = [takeover, store, end]
    steps: list[Callable[[], None]] = [late.store, late.end]
    for now in (BEFORE, BETWEEN, AFTER):
        for when, event in zip(order, events, strict=True):
            if when == now:
                event()
        for step in steps[now : now + 1]:
            step()
    assert isinstance(late.error, InvocationStatusError)
    assert current[0].error is None
    return invocation


@pytest.mark.thorough("embedded")
@pytest.mark.parametrize("second_runner", [SECOND, FIRST], ids=["another runner", "the same runner again"])
@pytest.mark.parametrize("order", ORDERS)
def test_the_result_is_that_of_the_owner_that_ended_it(
    app: Pynenc, order: tuple[int, ...], second_runner: RunnerContext
) -> None:
    invocation = play(app, order, "late", "right", second_runner)
    assert app.orchestrator.get_invocation_status(invocation.invocation_id) == InvocationStatus.SUCCESS
    assert invocation.result == "right"


@pytest.mark.thorough("embedded")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("first", "second"),
    [("late", ValueError("right")), (ValueError("late"), "right"), (ValueError("late"), ValueError("right"))],
    ids=["result, exception", "exception, result", "exceptions"],
)
def test_so_is_an_exception(app: Pynenc, order: tuple[int, ...], first: Any, second: Any) -> None:
    invocation = play(app, order, first, second, SECOND)
    if isinstance(second, Exception):
        with pytest.raises(ValueError, match="right"):
            _ = invocation.result
    else:
        assert invocation.result == second


@pytest.mark.thorough("embedded")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("late", ["small", "large"])
def test_large_results_leave_no_parts(
    app: Pynenc, order: tuple[int, ...], late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend: Any = app.state_backend
    monkeypatch.setattr(backend._payloads, "_part_bytes", 20)
    invocation = play(app, order, "late" if late == "small" else f"late {LARGE}", LARGE, SECOND)
    assert invocation.result == LARGE
    named = backend._collections.existing(RESULTS).find_one({"_id": invocation.invocation_id})["payload"]
    parts = [each["_id"] for each in backend._collections.existing(PARTS).find({})]
    assert len(parts) == named["parts"]
    assert all(key.startswith(named["generation"]) for key in parts)


def test_control_pynencs_own_order_of_steps_overwrites(app: Pynenc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that knows no run: as on a backend that is not MongoDB's."""
    monkeypatch.setattr(app.state_backend, "written_in", None)
    invocation = play(app, (BEFORE, BEFORE, BEFORE), "late", "right", SECOND)
    assert invocation.result == "late"


def test_a_result_of_a_run_that_began_elsewhere_is_checked_first(app: Pynenc, commands: CommandLog) -> None:
    """In another thread or process: one command more, and none is written where it is refused."""
    invocation: Any = shop.sell(1)
    in_a_thread(lambda: begin(app, invocation, FIRST))
    with pytest.raises(InvocationStatusError):
        app.orchestrator.set_invocation_result(invocation, "a stranger's", SECOND)
    with pytest.raises(KeyError):
        app.state_backend.get_result(invocation.invocation_id)
    commands.take()
    app.orchestrator.set_invocation_result(invocation, "right", FIRST)
    assert [str(each) for each in commands.take()][:3] == [
        "find orchestrator_invocations",
        "update state_backend_results",
        "update orchestrator_invocations",
    ]
    assert invocation.result == "right"


def test_an_old_result_without_a_run_makes_way(place: tuple[str, str]) -> None:
    """Stored by an earlier release."""
    app = app_at(*place)
    backend: Any = app.state_backend
    backend._set_result("1", "old")
    backend._payloads.put_newest(backend._collections.indexed(RESULTS), "1", "new", 1)
    assert backend._get_result("1") == "new"
    backend._payloads.put_newest(backend._collections.indexed(RESULTS), "1", "older", 0)
    assert backend._get_result("1") == "new"
    backend._payloads.put_newest(backend._collections.indexed(RESULTS), "1", "again", 1)
    assert backend._get_result("1") == "again"
