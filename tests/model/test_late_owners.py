"""A runner stands still after any of its commands, is taken for dead, and goes on when others have acted.

What it does then is refused, or does no harm: the same things hold as where it had died (test_crashes.py). It
is a thread here, for it goes on where it was; but never at the same time as the others.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from pynenc.exceptions import PynencError

from pynenc_mongo.storage import verbs
from tests.model.crashes import KINDS, Crashes, Cut, app
from tests.reproducible import played

SOON_SECONDS = 20.0


class Late:
    """A step in a thread of its own, which stands still before its command of a number."""

    def __init__(self, step: Callable[[], object], number: int) -> None:
        self._left = number
        self._stands_still, self._may_go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._take, args=(step,), daemon=True)
        self._errors: list[BaseException] = []
        self._thread.start()
        self._stands_still.wait(SOON_SECONDS)

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def go_on(self) -> None:
        """Let the rest of the step be done; of what goes wrong, what runners forgive is right."""
        self._may_go_on.set()
        self._thread.join(SOON_SECONDS)
        assert self.is_over
        assert self._errors == []

    def _take(self, step: Callable[[], object]) -> None:
        ours = threading.get_ident()

        def waiting(send: Callable[..., Any]) -> Callable[..., Any]:
            def wait_and_send(*arguments: Any, **options: Any) -> Any:
                if threading.get_ident() == ours:
                    self._wait_for_turn()
                return send(*arguments, **options)

            return wait_and_send

        try:
            with ExitStack() as patches, suppress(PynencError):
                for name in ("repeated", "once"):
                    patches.enter_context(mock.patch.object(verbs, name, waiting(getattr(verbs, name))))
                step()
        except BaseException as error:  # asserted on where it is waited for
            self._errors.append(error)
        finally:
            self._stands_still.set()

    def _wait_for_turn(self) -> None:
        if self._left == 0:
            self._stands_still.set()
            self._may_go_on.wait(SOON_SECONDS)
        self._left -= 1


class LateOwners(Crashes):
    late: Late | None = None
    times_late = 0

    def _act(self, step: Callable[[], object], cut: Cut | None) -> bool:
        # a process that dies takes all its components with it, and the late one has them here
        return super()._act(step, None if self.late else cut)

    @precondition(lambda self: self.late is None)
    @rule(serves=st.booleans(), number=st.integers(0, 20))
    def stand_still(self, serves: bool, number: int) -> None:
        runner = self._new_runner()
        step = self._serve if serves else self._work
        late = Late(lambda: step(runner), number)
        self._dead.add(runner.runner_id)
        if late.is_over:
            late.go_on()
        else:
            self.late, self.times_late = late, self.times_late + 1

    @precondition(lambda self: self.late is not None)
    @rule()
    def go_on(self) -> None:
        assert self.late is not None
        self.late.go_on()
        self.late = None

    def teardown(self) -> None:
        if self.late is not None:
            self.go_on()
        super().teardown()


TestLateOwners = LateOwners.TestCase
TestLateOwners.settings = played(3, 10, steps=25)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("number", [2, 5, 8])
def test_a_task_is_carried_out_while_its_late_owner_stands_still(kind: str, number: int) -> None:
    """The control: somebody has stood still, and his task was another one's meanwhile."""
    machine = LateOwners()
    machine.call(kind=kind, cut=None)
    machine.stand_still(serves=False, number=number)
    assert machine.times_late == 1
    machine.recover(cut=None)
    machine.work(cut=None)
    machine.work(cut=None)  # of what is retried, too
    (_, _, invocation_id) = machine._calls[0]
    assert app.orchestrator.get_invocation_status(invocation_id).is_final()
    machine.teardown()
