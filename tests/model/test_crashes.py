"""Whatever dies, and after whichever of its commands: what it had in hand is taken up, once."""

import pytest

from tests.model.crashes import KINDS, Crashes, Cut
from tests.reproducible import played

TestCrashes = Crashes.TestCase
TestCrashes.settings = played(3, 10, steps=20)


class Unrecovered(Crashes):
    """The control: nobody takes up what is left."""

    def _recover(self) -> None:
        pass


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_without_a_recovery_something_is_left(kind: str) -> None:
    machine = Unrecovered()
    machine.call(kind=kind, cut=None)
    machine.work(cut=Cut(6, applied=True))
    assert machine.crashes == 1
    with pytest.raises(AssertionError):
        machine.teardown()
