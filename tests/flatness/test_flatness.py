"""Many tests take no more of the machine than few."""

from pathlib import Path

import pytest

from tests.flatness.flat import TURN, Growth, Taken, measured

SECONDS = 100.0
# of pytest's reports of twenty tests and what allocators keep; 0.2 MiB were measured
SOME_MIB = 4.0
LEAK = (
    "leaked.append((open(__file__), bytearray(4 * 2**20)))"
    "; threading.Thread(target=threading.Event().wait, daemon=True).start()"
)


@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_twenty_tests_more_take_no_thread_no_descriptor_and_hardly_memory(tmp_path: Path) -> None:
    growths = measured(tmp_path, "mongomock://", TURN, 2 * TURN, SECONDS)
    assert [growth.name for growth in growths] == ["pytest", "engine"]
    assert [each for growth in growths for each in growth.wrong(SOME_MIB)] == []


@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_what_tests_leak_is_seen(tmp_path: Path) -> None:
    """The control."""
    of_pytest, of_engine = measured(tmp_path, "mongomock://", 2, 4, SECONDS, LEAK)
    assert of_pytest.late.threads >= of_pytest.early.threads + 2
    assert of_pytest.late.descriptors >= of_pytest.early.descriptors + 2
    assert of_pytest.late.mib >= of_pytest.early.mib + SOME_MIB
    assert len(of_pytest.wrong(SOME_MIB)) == 3
    assert of_engine.name == "engine"


@pytest.mark.parametrize(
    ("late", "wrong"),
    [
        (Taken(60.0, 4, 20), []),
        (Taken(50.0, 3, 19), []),
        (Taken(61.5, 4, 20), ["pytest: +1.5 MiB"]),
        (Taken(60.0, 5, 20), ["pytest: +1.0 threads"]),
        (Taken(60.0, 4, 22), ["pytest: +2.0 descriptors"]),
    ],
)
def test_growth_is_named(late: Taken, wrong: list[str]) -> None:
    assert Growth("pytest", Taken(60.0, 4, 20), late).wrong(1.0) == wrong
